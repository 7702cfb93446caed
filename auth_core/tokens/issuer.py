"""Minting the token pair of a session."""

from datetime import datetime, timedelta

import msgspec

from auth_core.access import Grants
from auth_core.kernel import NO_METRICS, Clock, Ids, Metrics, SessionId, Unavailable
from auth_core.keys import KeyService, KeyUse, SigningKey
from auth_core.sessions import Session, organization_of
from auth_core.tokens.claims import (
    ACCESS_TYPE,
    REFRESH_TYPE,
    AccessClaims,
    ActorClaim,
    RefreshClaims,
)
from auth_core.tokens.metrics import ISSUED
from auth_core.tokens.permissions_claim import PermissionsClaim
from auth_core.tokens.ports import TokenSigner
from auth_core.users import User


class TokenPair(msgspec.Struct, frozen=True, kw_only=True):
    """An access and a refresh token. ``expires_at`` is epoch seconds, ``…expires_in`` seconds."""

    access_token: str
    refresh_token: str
    session_id: SessionId
    expires_in: int
    expires_at: int
    refresh_expires_in: int

    def __repr__(self) -> str:
        return f"TokenPair(session_id={self.session_id!r}, tokens='***')"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """What pretty printers show, tracebacks with local variables among them."""
        return [("session_id", self.session_id)]


class SigningKeys(msgspec.Struct, frozen=True):
    """The active key of each use."""

    access: SigningKey
    refresh: SigningKey


class TokenIssuer:
    """Signs what it is given; whether it should be signed was decided before."""

    def __init__(
        self,
        keys: KeyService,
        signer: TokenSigner,
        clock: Clock,
        ids: Ids,
        *,
        issuer: str,
        audience: str,
        access_lifetime: timedelta,
        permissions: PermissionsClaim | None = None,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        """``permissions`` makes that claim; without it tokens do not have it."""
        self._keys = keys
        self._signer = signer
        self._clock = clock
        self._ids = ids
        self._issuer = issuer
        self._audience = audience
        self._access_lifetime = int(access_lifetime.total_seconds())
        self._permissions = permissions
        self._metrics = metrics

    async def signing_keys(self) -> SigningKeys:
        """The keys to `issue` with. Ask before the commit: without keys nothing may be written.

        Raises Unavailable.
        """
        ring = await self._keys.ring()
        access, refresh = ring.active(KeyUse.ACCESS), ring.active(KeyUse.REFRESH)
        if access is None or refresh is None:
            raise Unavailable
        return SigningKeys(access, refresh)

    def issue(
        self, user: User, session: Session, keys: SigningKeys, *, grants: Grants = ()
    ) -> TokenPair:
        """The tokens of ``session`` at its current counter. CPU only.

        ``grants`` are the user's of the same moment: without them no organization is active.
        The refresh token follows from the session alone: whoever races or retries gets the same.
        """
        now = int(self._clock.now().timestamp())
        access = self._access_claims(user, session, grants, now)
        refresh = RefreshClaims(
            sub=user.id,
            sid=session.id,
            ctr=session.refresh_counter,
            iat=_epoch(session.last_used_at),
            exp=_epoch(session.expires_at),
            jti=f"{session.id}.{session.refresh_counter}",
        )
        self._metrics.count(ISSUED)
        return TokenPair(
            access_token=self._signer.sign(access, key=keys.access, typ=ACCESS_TYPE),
            refresh_token=self._signer.sign(refresh, key=keys.refresh, typ=REFRESH_TYPE),
            session_id=session.id,
            expires_in=access.exp - access.iat,
            expires_at=access.exp,
            refresh_expires_in=refresh.exp - now,
        )

    def _access_claims(
        self, user: User, session: Session, grants: Grants, now: int
    ) -> AccessClaims:
        active = organization_of(session, grants)
        organization_id = None if active is None else active.organization_id
        return AccessClaims(
            sub=user.id,
            iss=self._issuer,
            aud=self._audience,
            iat=now,
            exp=min(now + self._access_lifetime, _epoch(session.expires_at)),
            jti=str(self._ids.uuid()),
            sid=session.id,
            username=user.username.value,
            email=user.email.value,
            email_verified=user.email_verified,
            roles=user.roles,
            # what the user may do now, and never more than the sign-in was for (RFC 6749 §6)
            scopes=tuple(
                scope for scope in user.scopes_in(organization_id) if scope in session.scopes
            ),
            organization_id=None if organization_id is None else str(organization_id),
            act=msgspec.UNSET
            if session.impersonator_id is None
            else ActorClaim(session.impersonator_id),
            permissions=msgspec.UNSET
            if self._permissions is None
            else self._permissions.of(user, session, grants, organization_id),
        )


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())
