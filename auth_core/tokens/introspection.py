"""What a token is worth right now (RFC 7662), and ending what it stands for (RFC 7009)."""

from collections.abc import Iterable

import msgspec

from auth_core.clients import Client, ClientPermission
from auth_core.kernel import InvalidRefreshToken, InvalidToken, SessionId, UserId
from auth_core.sessions import EndReason, RefreshRotation, Session, SessionService
from auth_core.tokens.authenticator import Authenticator
from auth_core.tokens.claims import AccessClaims, RefreshClaims
from auth_core.tokens.refresh_token import RefreshTokenReader


class LiveToken(msgspec.Struct, frozen=True, kw_only=True):
    """A genuine token that would be taken now: its claims, and the session behind it.

    ``scopes`` are those of an access token's that its user may still act in: no team's once the
    organization is not active any more.
    """

    claims: AccessClaims | RefreshClaims
    session: Session
    scopes: tuple[str, ...] = ()


class TokenIntrospection:
    """Answers registered callers. Whoever may not ask learns no more than of a foreign token."""

    def __init__(
        self,
        authenticator: Authenticator,
        reader: RefreshTokenReader,
        rotation: RefreshRotation,
        sessions: SessionService,
    ) -> None:
        self._authenticator = authenticator
        self._reader = reader
        self._rotation = rotation
        self._sessions = sessions

    async def introspect(self, token: str, client: Client) -> LiveToken | None:
        """The token, or None when it is not live or ``client`` may not know (RFC 7662 §2.2).

        A refresh token is only looked at, not redeemed. Raises Unavailable.
        """
        if not client.may(ClientPermission.INTROSPECT):
            return None
        return await self._access(token) or await self._refresh(token)

    async def revoke(self, token: str, client: Client) -> bool:
        """End the session of a token, access or refresh, with all its tokens (RFC 7009 §2.1).

        False when there was nothing to end, or nothing that ``client`` may end: a session that is
        bound to another client. Raises Unavailable.
        """
        live = await self._access(token) or await self._refresh(token)
        if live is None or not _may_revoke(client, live.session):
            return False
        session = live.session
        ending = await self._sessions.end(session.user_id, session.id, EndReason.REVOKED)
        return ending.ended

    async def _access(self, token: str) -> LiveToken | None:
        try:
            principal = await self._authenticator.authenticate(token)
        except InvalidToken:
            return None
        active = principal.organization
        still = principal.user.scopes_in(None if active is None else active.organization_id)
        return LiveToken(
            claims=principal.claims,
            session=principal.session,
            scopes=tuple(scope for scope in principal.claims.scopes if scope in still),
        )

    async def _refresh(self, token: str) -> LiveToken | None:
        try:
            claims = await self._reader.read(token)
        except InvalidRefreshToken:
            return None
        session = await self._rotation.redeemable(
            UserId(claims.sub), SessionId(claims.sid), claims.ctr
        )
        return None if session is None else LiveToken(claims=claims, session=session)


def _may_revoke(client: Client, session: Session) -> bool:
    owners: Iterable[str | None] = (None, client.client_id)
    return client.may(ClientPermission.REVOKE) and session.origin.client_id in owners
