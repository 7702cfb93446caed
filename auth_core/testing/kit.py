"""What the pytest plugin gives to the tests of a service: a real core, and a hand on everything.

Needs the extra ``fm-auth-core[testing]``. Nothing here is async for the caller, so it works the
same in plain tests and under pytest-asyncio, anyio and trio.
"""

import secrets
from collections.abc import Collection, Coroutine, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from auth_core.core import Options
from auth_core.keys import KeyUse
from auth_core.self_service import SelfServicePolicy
from auth_core.testing.background import BackgroundLoop
from auth_core.testing.bad_tokens import FORGERIES, BadToken, forgery
from auth_core.testing.clock import ManualClock, SeededEntropy
from auth_core.testing.core import InMemoryCore
from auth_core.testing.endings import ENDINGS
from auth_core.testing.forge import Forge
from auth_core.testing.jose import AsymmetricTokenSigner, KeyPool, PooledKeyGenerator
from auth_core.testing.jwks_app import JwksApp
from auth_core.testing.mailbox import Mailbox
from auth_core.testing.people import People
from auth_core.testing.session_cache import InMemorySessionCache
from auth_core.testing.signed_in import SignedInUser
from auth_core.testing.store import InMemoryStore
from auth_core.testing.verifiers import (
    CoreIssuer,
    Elapsed,
    ImmediateSyncVerifier,
    ImmediateVerifier,
)
from auth_core.tokens import Principal, SignInPolicy

T = TypeVar("T")

KIT_OPTIONS = Options(
    sign_in=SignInPolicy(development=True),
    self_service=SelfServicePolicy(email_sign_in=True),
    permissions_claim=2048,
)
"""Everything that can be turned on is, and tokens say what their bearer may do."""
BAD_TOKENS = (*FORGERIES, *ENDINGS)
"""The name of every kind of bad token, for ``pytest.mark.parametrize``."""


class Kit:
    """One core with empty storage. ``core`` is for what the kit has no word for: see `run`."""

    def __init__(
        self,
        loop: BackgroundLoop,
        keys: KeyPool,
        *,
        start: datetime,
        options: Options = KIT_OPTIONS,
    ) -> None:
        # of each its own ids: what the service under test keeps from test to test tells them apart
        clock, entropy = ManualClock(start), SeededEntropy(secrets.token_bytes(16))
        self.clock = clock
        self.options = options
        self.core = InMemoryCore(
            options,
            store=InMemoryStore(),
            cache=InMemorySessionCache(),
            clock=clock,
            entropy=entropy,
            key_generator=PooledKeyGenerator(keys, clock, entropy),
            token_signer=AsymmetricTokenSigner(),
        )
        self.mail = Mailbox(lambda: self.core.letters, public_url=options.issuer)
        self.people = People(self.core)
        self._loop = loop
        self._elapsed = Elapsed(clock)
        self.issuer = CoreIssuer(
            self.core, loop, self._elapsed, max_age=options.jwks_max_age.total_seconds()
        )
        self.jwks_app = JwksApp(self.issuer)

    @cached_property
    def verifier(self) -> ImmediateVerifier:
        """What a service guards itself with: give it to `BearerMiddleware`."""
        return ImmediateVerifier(
            issuer=self.options.issuer,
            audience=self.options.audience,
            keys=self.issuer,
            revocations=self.issuer,
            clock=self.clock,
            monotonic=self._elapsed,
        )

    @cached_property
    def sync_verifier(self) -> ImmediateSyncVerifier:
        """The same for services of threads."""
        return ImmediateSyncVerifier(
            issuer=self.options.issuer,
            audience=self.options.audience,
            keys=self.issuer,
            revocations=self.issuer,
            clock=self.clock,
            monotonic=self._elapsed,
        )

    @cached_property
    def bad_tokens(self) -> "BadTokens":
        """Every kind of bad token, made when it is asked for."""
        return BadTokens(self)

    @property
    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys, as ``/.well-known/jwks.json`` serves them."""
        return self.issuer.jwks()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine of ``core`` returns or raises. Blocks; needs no loop of the caller's."""
        return self._loop.run(work)

    def as_user(
        self,
        name: str = "jane",
        *,
        email: str | None = None,
        email_verified: bool = True,
        roles: Collection[str] | None = None,
        organization: str | None = None,
        organization_role: str | None = None,
        permissions: Collection[str] | None = None,
    ) -> SignedInUser:
        """A new session of the account of this name, which is made unless it is there.

        ``email`` and ``email_verified`` are of a new account; ``roles`` are of the platform (user,
        admin, platform_admin). ``organization`` is a slug: the account is a member there and the
        session acts there, with ``organization_role`` (member unless given) or with a role of
        exactly these ``permissions``. Raises InvalidInput for what the service
        would refuse, ValueError for permissions without an organization.
        """
        if organization is None and (permissions is not None or organization_role is not None):
            message = "an organization is needed: only its roles are made of single permissions"
            raise ValueError(message)

        async def enter() -> SignedInUser:
            user = await self.people.account(
                name, email=email, email_verified=email_verified, roles=roles
            )
            place = None
            if organization is not None:
                place = await self.people.join(
                    user, organization, role=organization_role, permissions=permissions
                )
            return SignedInUser(self, await self.people.sign_in(user, place))

        return self.run(enter())

    def authenticate(self, token: str) -> Principal:
        """What the service itself makes of an access token.

        Raises InvalidToken, TokenExpired or Unavailable.
        """
        return self.run(self.core.authenticator.authenticate(token))

    def impersonate(self, user: SignedInUser, *, by: SignedInUser) -> SignedInUser:
        """An administrator's session in the name of ``user``: good tokens with the claim ``act``.

        Raises what `Impersonation.begin` raises.
        """
        principal = self.authenticate(by.access_token)
        return SignedInUser(
            self,
            self.run(
                self.core.impersonation.begin(
                    principal,
                    user.user.id,
                    reason="a test",
                    lifetime=timedelta(minutes=15),
                    origin=principal.session.origin,
                )
            ),
        )


class BadTokens:
    """One of each kind, around a good token of this core. Iterating makes them all."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def __len__(self) -> int:
        return len(BAD_TOKENS)

    def __iter__(self) -> Iterator[BadToken]:
        return (self[name] for name in BAD_TOKENS)

    def __getitem__(self, name: str) -> BadToken:
        """The one of this name, as of now. Raises KeyError."""
        if name in ENDINGS:
            ending = ENDINGS[name]
            return BadToken(
                name=name, sec=ending.sec, code="invalid_token", token=ending.make(self._kit)
            )
        return forgery(name, self.forge)

    @property
    def forge(self) -> Forge:
        """Makes other ones: ``forge.with_claims(aud="other")``, ``forge.with_header(…)``."""
        good = self._kit.as_user("mallory")
        ring = self._kit.run(self._kit.core.keys.ring())
        key = ring.active(KeyUse.ACCESS)
        if key is None:
            raise LookupError("the core has no key")
        return Forge.of(
            good.access_token,
            key,
            refresh_token=good.refresh_token,
            now=int(self._kit.clock.now().timestamp()),
        )
