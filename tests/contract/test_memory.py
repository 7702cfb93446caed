"""Every contract suite on the adapters in memory."""

import secrets
from collections.abc import Callable
from datetime import timedelta

import pytest

from auth_core.audit import AuditService
from auth_core.events import CloudEvent
from auth_core.kernel import EventId, Kind, Metric, Secret, UserId
from auth_core.testing import (
    DeterministicIds,
    InMemoryFailureSpread,
    InMemoryMetrics,
    InMemoryPublisher,
    InMemoryRateLimiter,
    InMemoryRefreshCounter,
    InMemoryRevocationStream,
    InMemorySessionCache,
    InMemoryStore,
    InMemoryUnitOfWork,
    ManualClock,
    SeededEntropy,
    SymmetricKeyGenerator,
    SymmetricTokenSigner,
    ToyPasswordHasher,
    ToySealer,
)
from auth_core.testing.audit import trail_service
from auth_core.testing.contracts import (
    AccountLoadingContract,
    AuditTrailContract,
    ClockContract,
    CrashLawsContract,
    CredentialRepositoryContract,
    DomainRepositoryContract,
    EntropyContract,
    EventLogContract,
    EventPublisherContract,
    FailureSpreadContract,
    Flush,
    GrantsReaderContract,
    IdsContract,
    InvitationRepositoryContract,
    KeyRepositoryContract,
    LastAdministratorContract,
    LastOwnerContract,
    MailOutboxContract,
    MembershipRepositoryContract,
    MetricsContract,
    OneTimeCodeContract,
    OneTimeSecretRepositoryContract,
    OrganizationRepositoryContract,
    PassTime,
    PasswordHasherContract,
    PasswordStateContract,
    PersonalDataContract,
    RateLimiterContract,
    Read,
    ReadBack,
    RecordedEvents,
    RefreshCounterContract,
    RetentionContract,
    RevocationStreamContract,
    RoleRepositoryContract,
    SealerContract,
    SessionCacheContract,
    SessionRacesContract,
    SessionRepositoryContract,
    TeamRepositoryContract,
    TokenSignerContract,
    UnitOfWorkContract,
    UnreachableSessionCacheContract,
    UserRepositoryContract,
    WebhookDeliveryContract,
    WebhookEndpointContract,
    WebhookTurnContract,
)
from auth_core.testing.contracts.making import now


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture
def unit_of_work(store: InMemoryStore) -> Callable[[], InMemoryUnitOfWork]:
    return lambda: InMemoryUnitOfWork(store)


@pytest.fixture
def recorded_events(store: InMemoryStore) -> RecordedEvents:
    async def recorded(user_id: UserId) -> list[tuple[EventId, str]]:
        return [(event.id, event.type) for event in store.events if event.user_id == user_id]

    return recorded


@pytest.fixture
def session_cache() -> InMemorySessionCache:
    return InMemorySessionCache()


@pytest.fixture
def flush(session_cache: InMemorySessionCache) -> Flush:
    async def flush() -> None:
        session_cache.flush()

    return flush


@pytest.fixture
def unreachable_session_cache(session_cache: InMemorySessionCache) -> InMemorySessionCache:
    session_cache.down = True
    return session_cache


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def entropy() -> SeededEntropy:
    return SeededEntropy(7)


@pytest.fixture
def ids(clock: ManualClock, entropy: SeededEntropy) -> DeterministicIds:
    return DeterministicIds(clock, entropy)


@pytest.fixture
def sealer(entropy: SeededEntropy) -> ToySealer:
    return ToySealer(Secret(b"one master key"), entropy)


@pytest.fixture
def another_sealer(entropy: SeededEntropy) -> ToySealer:
    return ToySealer(Secret(b"another master key"), entropy)


@pytest.fixture
def password_hasher(entropy: SeededEntropy) -> ToyPasswordHasher:
    return ToyPasswordHasher(entropy)


@pytest.fixture
def key_generator(clock: ManualClock, entropy: SeededEntropy) -> SymmetricKeyGenerator:
    return SymmetricKeyGenerator(clock, entropy)


@pytest.fixture
def token_signer() -> SymmetricTokenSigner:
    return SymmetricTokenSigner()


@pytest.fixture
def pass_time(clock: ManualClock) -> PassTime:
    async def pass_time(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))

    return pass_time


@pytest.fixture
def rate_limiter(clock: ManualClock) -> InMemoryRateLimiter:
    return InMemoryRateLimiter(clock)


@pytest.fixture
def peer_rate_limiter(rate_limiter: InMemoryRateLimiter) -> InMemoryRateLimiter:
    return rate_limiter


@pytest.fixture
def failure_spread(clock: ManualClock) -> InMemoryFailureSpread:
    return InMemoryFailureSpread(clock)


@pytest.fixture
def peer_failure_spread(failure_spread: InMemoryFailureSpread) -> InMemoryFailureSpread:
    return failure_spread


class TestRateLimiter(RateLimiterContract):
    pass


class TestFailureSpread(FailureSpreadContract):
    pass


class TestUsers(UserRepositoryContract):
    pass


class TestLastAdministrator(LastAdministratorContract):
    pass


class TestCredentials(CredentialRepositoryContract):
    pass


class TestOneTimeSecrets(OneTimeSecretRepositoryContract):
    pass


class TestOneTimeCodes(OneTimeCodeContract):
    pass


class TestPasswordState(PasswordStateContract):
    pass


class TestAccountLoading(AccountLoadingContract):
    pass


class TestSessions(SessionRepositoryContract):
    pass


class TestRefreshCounter(RefreshCounterContract):
    """The counter over the store in memory."""

    @pytest.fixture
    def refresh_counter(self, store: InMemoryStore) -> InMemoryRefreshCounter:
        """Over the same store as the unit of work."""
        return InMemoryRefreshCounter(store)


class TestRevocationStream(RevocationStreamContract):
    """The stream in memory, which the processes of a test share."""

    @pytest.fixture
    def revocation_stream(self) -> InMemoryRevocationStream:
        """One for both processes."""
        return InMemoryRevocationStream()

    @pytest.fixture
    def other_process(
        self, revocation_stream: InMemoryRevocationStream
    ) -> InMemoryRevocationStream:
        """The same server."""
        return revocation_stream.another_process()

    @pytest.fixture
    def flush(self, revocation_stream: InMemoryRevocationStream) -> Flush:
        """As FLUSHALL."""

        async def flush() -> None:
            revocation_stream.flush()

        return flush


class TestPersonalData(PersonalDataContract):
    pass


class TestRetention(RetentionContract):
    pass


class TestSessionRaces(SessionRacesContract):
    pass


class TestOrganizations(OrganizationRepositoryContract):
    pass


class TestMemberships(MembershipRepositoryContract):
    pass


class TestLastOwner(LastOwnerContract):
    pass


class TestTeams(TeamRepositoryContract):
    pass


class TestInvitations(InvitationRepositoryContract):
    pass


class TestDomains(DomainRepositoryContract):
    pass


class TestKeys(KeyRepositoryContract):
    pass


class TestEventLog(EventLogContract):
    pass


class TestEventPublisher(EventPublisherContract):
    @pytest.fixture
    def publisher(self) -> InMemoryPublisher:
        return InMemoryPublisher()

    @pytest.fixture
    def published(self, publisher: InMemoryPublisher) -> ReadBack:
        async def published() -> list[CloudEvent]:
            return publisher.published

        return published


class TestAuditTrail(AuditTrailContract):
    @pytest.fixture
    def audit(self, store: InMemoryStore) -> AuditService:
        return trail_service(
            lambda: InMemoryUnitOfWork(store),
            ManualClock(now()),
            SeededEntropy(secrets.token_hex(8)),
            keep=timedelta(days=90),
        )


class TestMailOutbox(MailOutboxContract):
    pass


class TestUnitOfWork(UnitOfWorkContract):
    pass


class TestCrashLaws(CrashLawsContract):
    @pytest.fixture
    def another_worker(
        self, unit_of_work: Callable[[], InMemoryUnitOfWork]
    ) -> Callable[[], InMemoryUnitOfWork]:
        return unit_of_work


class TestSessionCache(SessionCacheContract):
    pass


class TestUnreachableSessionCache(UnreachableSessionCacheContract):
    pass


class TestPasswordHasher(PasswordHasherContract):
    pass


class TestSealer(SealerContract):
    pass


class TestTokenSigner(TokenSignerContract):
    pass


class TestClock(ClockContract):
    pass


class TestIds(IdsContract):
    pass


class TestEntropy(EntropyContract):
    pass


class TestWebhookEndpoints(WebhookEndpointContract):
    pass


class TestWebhookTurns(WebhookTurnContract):
    pass


class TestWebhookDeliveries(WebhookDeliveryContract):
    pass


class TestRoles(RoleRepositoryContract):
    pass


class TestGrants(GrantsReaderContract):
    pass


class TestMetrics(MetricsContract):
    @pytest.fixture
    def metrics(self) -> InMemoryMetrics:
        return InMemoryMetrics()

    @pytest.fixture
    def read(self, metrics: InMemoryMetrics) -> Read:
        def read(metric: Metric, *labels: str) -> float | None:
            if metric.kind is Kind.HISTOGRAM:
                return len(metrics.observations(metric, *labels))
            return metrics.value(metric, *labels)

        return read
