"""From a bearer token to the principal who sent it."""

import msgspec

from auth_core.access import Grants, OrganizationGrant
from auth_core.kernel import (
    NO_METRICS,
    Clock,
    InvalidToken,
    Metrics,
    SessionId,
    Unauthenticated,
    UserId,
)
from auth_core.keys import KeyService, KeyUse
from auth_core.sessions import Session, SessionService, SessionState
from auth_core.tokens.access_token import AccessTokenVerification
from auth_core.tokens.claims import AccessClaims
from auth_core.tokens.metrics import VERIFIED
from auth_core.tokens.verified import VerifiedTokens
from auth_core.users import User


class Principal(msgspec.Struct, frozen=True):
    """Who makes a request: the user and session as they are now, and the token's claims."""

    claims: AccessClaims
    state: SessionState

    @property
    def user(self) -> User:
        """The user as stored, not as the token remembers them."""
        return self.state.user

    @property
    def session(self) -> Session:
        """The live session behind the token."""
        return self.state.session

    @property
    def organization(self) -> OrganizationGrant | None:
        """The organization that is active, whatever the token remembers."""
        return self.state.organization

    @property
    def grants(self) -> Grants:
        """The roles that the user holds in organizations and their teams, as stored."""
        return self.state.grants


class Authenticator:
    """Signature first, from memory if it was checked before; then the session, always."""

    def __init__(
        self,
        keys: KeyService,
        sessions: SessionService,
        verifier: AccessTokenVerification,
        verified: VerifiedTokens,
        clock: Clock,
        *,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._keys = keys
        self._sessions = sessions
        self._verifier = verifier
        self._verified = verified
        self._clock = clock
        self._metrics = metrics

    async def authenticate(self, token: str) -> Principal:
        """The principal of an access token.

        At most one cache round trip when warm. Raises InvalidToken, TokenExpired or Unavailable.
        """
        verified = self._verified.get(token, self._clock.now().timestamp())
        if verified is not None and not self._holds(verified.kid):
            self._verified.forget(token)
            verified = None
        if verified is None:
            claims = await self._checked(token)
        else:
            self._metrics.count(VERIFIED, "known")
            claims = verified.claims
        state = await self._sessions.state(UserId(claims.sub), SessionId(claims.sid))
        if state is None:
            raise InvalidToken
        return Principal(claims, state)

    def _holds(self, kid: str) -> bool:
        ring = self._keys.ring_at_hand()
        return ring is not None and ring.find(KeyUse.ACCESS, kid) is not None

    async def _checked(self, token: str) -> AccessClaims:
        try:
            claims = await self._verify(token)
        except Unauthenticated:
            self._metrics.count(VERIFIED, "refused")
            raise
        self._metrics.count(VERIFIED, "checked")
        return claims

    async def _verify(self, token: str) -> AccessClaims:
        header = self._verifier.header(token)
        ring = await self._keys.ring_with(KeyUse.ACCESS, header.kid)
        key = ring.find(KeyUse.ACCESS, header.kid)
        if key is None:
            raise InvalidToken
        claims = self._verifier.verify(token, header, key)
        self._verified.add(token, key.kid, claims)
        return claims
