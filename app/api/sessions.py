"""Ending sessions."""

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency

from app.access import OWN_ACCOUNT
from app.api.examples import LOGOUT, REVOKED
from app.api.responses import answer, errors
from app.limits import LIMIT_GENERAL
from app.security import BY_BEARER
from auth_core.sessions import EndReason, SessionService
from auth_core.tokens import Principal


class AuthLogout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The session is over. ``all_sessions_ended`` is there only when it was the user's last one."""

    message: str
    revoked_tokens: int
    revoked: bool
    all_sessions_ended: bool = False


class AuthRevokedTokens(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions were ended."""

    message: str
    revoked_tokens: int


class SessionController(Controller):
    """Ending sessions."""

    tags = ("Sessions",)
    opt = OWN_ACCOUNT | LIMIT_GENERAL
    security = BY_BEARER

    @post(
        ["/api/v1/auth/logout", "/v1/auth/logout"],
        status_code=200,
        responses={200: answer(AuthLogout, LOGOUT), **errors(401, 429, 503)},
        summary="Log out",
    )
    async def log_out(
        self,
        principal: NamedDependency[Principal],
        sessions: NamedDependency[SessionService],
    ) -> AuthLogout:
        """Log out. Ends this session with all its tokens, everywhere, before the answer."""
        ending = await sessions.end(principal.user.id, principal.session.id, EndReason.LOGOUT)
        return AuthLogout(
            message="Logged out successfully",
            revoked_tokens=int(ending.ended),
            revoked=True,
            all_sessions_ended=ending.live_sessions == 0,
        )

    @post(
        "/api/v1/auth/dev/revoke-all-tokens",
        status_code=200,
        responses={200: answer(AuthRevokedTokens, REVOKED), **errors(401, 429, 503)},
        summary="Revoke all your tokens",
    )
    async def revoke_all(
        self,
        principal: NamedDependency[Principal],
        sessions: NamedDependency[SessionService],
    ) -> AuthRevokedTokens:
        """Revoke all your tokens. Ends every session of yours, this one included."""
        return revoked(await sessions.end_all(principal.user.id, EndReason.REVOKED_ALL))


def revoked(sessions: int) -> AuthRevokedTokens:
    """The answer after that many sessions were ended."""
    return AuthRevokedTokens(
        message=f"Revoked the tokens of {sessions} session{'' if sessions == 1 else 's'}",
        revoked_tokens=sessions,
    )
