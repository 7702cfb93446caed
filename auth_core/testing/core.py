"""The whole core in memory, for the tests of whoever builds on it."""

from datetime import datetime

from auth_core.audit import AuditAction, AuditRecord
from auth_core.core import Core, Options, Ports
from auth_core.kernel import DomainEvent, Letter, Secret
from auth_core.keys import KeyGenerator
from auth_core.mail import LetterVault
from auth_core.self_service import SessionStart
from auth_core.testing.clock import DEFAULT_START, DeterministicIds, ManualClock, SeededEntropy
from auth_core.testing.crypto import (
    SymmetricKeyGenerator,
    SymmetricTokenSigner,
    ToyPasswordHasher,
    ToySealer,
)
from auth_core.testing.domains import InMemoryDomainNames
from auth_core.testing.metrics import InMemoryMetrics
from auth_core.testing.rate_limiter import InMemoryFailureSpread, InMemoryRateLimiter
from auth_core.testing.receivers import InMemoryReceivers
from auth_core.testing.revocation_stream import InMemoryRevocationStream
from auth_core.testing.session_cache import InMemorySessionCache
from auth_core.testing.sessions import InMemoryRefreshCounter
from auth_core.testing.store import InMemoryStore
from auth_core.testing.unit_of_work import InMemoryUnitOfWork
from auth_core.tokens import SignInPolicy, TokenSigner

DEVELOPMENT = Options(sign_in=SignInPolicy(development=True))

_SIGNED_IN = AuditAction.SIGN_IN_SUCCEEDED


class InMemoryCore(Core):
    """A `Core` on adapters in memory, with a hand on each of them."""

    def __init__(
        self,
        options: Options,
        *,
        store: InMemoryStore,
        cache: InMemorySessionCache,
        clock: ManualClock,
        entropy: SeededEntropy,
        key_generator: KeyGenerator | None = None,
        token_signer: TokenSigner | None = None,
    ) -> None:
        self.options = options
        self.store, self.cache, self.clock = store, cache, clock
        self.stream = InMemoryRevocationStream()
        self.rate_limiter = InMemoryRateLimiter(clock)
        self.metrics = InMemoryMetrics()
        self.entropy = entropy
        self.names = InMemoryDomainNames()
        self.hasher = ToyPasswordHasher(entropy)
        self.receivers = InMemoryReceivers()
        self.ports = Ports(
            unit_of_work=self.unit_of_work,
            refresh_counter=InMemoryRefreshCounter(store),
            session_cache=cache,
            revocation_stream=self.stream,
            password_hasher=self.hasher,
            sealer=ToySealer(Secret(b"a master key for tests"), entropy),
            key_generator=key_generator or SymmetricKeyGenerator(clock, entropy),
            token_signer=token_signer or SymmetricTokenSigner(),
            rate_limiter=self.rate_limiter,
            failure_spread=InMemoryFailureSpread(clock),
            clock=clock,
            ids=DeterministicIds(clock, entropy),
            entropy=entropy,
            domain_names=self.names,
            metrics=self.metrics,
            webhook_sender=self.receivers,
        )
        store.vault = LetterVault(self.ports.sealer)
        super().__init__(self.ports, options)

    @property
    def published(self) -> list[DomainEvent]:
        """Every event that was committed, in order."""
        return list(self.store.events)

    @property
    def audited(self) -> list[AuditRecord]:
        """Every audit record that was committed, in order, but for the sign-ins that nearly every
        test begins with: `signed_in` has those.
        """
        return [each for each in self.store.audit if each.action is not _SIGNED_IN]

    @property
    def signed_in(self) -> list[AuditRecord]:
        """The records of sign-ins."""
        return [each for each in self.store.audit if each.action is _SIGNED_IN]

    @property
    def letters(self) -> list[Letter]:
        """Every letter that was committed, in order."""
        return list(self.store.letters)

    def unit_of_work(self) -> InMemoryUnitOfWork:
        """A new transaction over the store."""
        return InMemoryUnitOfWork(self.store)

    @property
    def session_start(self) -> SessionStart:
        """What signs somebody in who need not prove anything."""
        return SessionStart(self.sessions, self._issuer(self.ports, self.options), self.sign_in)

    def another_worker(self) -> Core:
        """A second process over the same store, cache and clock, with nothing in memory yet."""
        return Core(self.ports, self.options)


def in_memory_core(
    options: Options = DEVELOPMENT, *, start: datetime = DEFAULT_START, seed: int = 0
) -> InMemoryCore:
    """A core with empty storage; in development mode unless ``options`` say otherwise."""
    return InMemoryCore(
        options,
        store=InMemoryStore(),
        cache=InMemorySessionCache(),
        clock=ManualClock(start),
        entropy=SeededEntropy(seed),
    )
