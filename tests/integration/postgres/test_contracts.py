"""The contract suites of the core's ports on PostgreSQL."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import asyncpg
import pytest

from adapters.postgres import Database, PostgresRefreshCounter, PostgresUnitOfWork, migrate
from auth_core.audit import AuditService
from auth_core.kernel import EventId, Secret, UserId
from auth_core.testing import ManualClock, SeededEntropy
from auth_core.testing.audit import trail_service
from auth_core.testing.contracts import (
    AccountLoadingContract,
    AuditTrailContract,
    CrashLawsContract,
    CredentialRepositoryContract,
    DomainRepositoryContract,
    EventLogContract,
    GrantsReaderContract,
    InvitationRepositoryContract,
    KeyRepositoryContract,
    LastAdministratorContract,
    LastOwnerContract,
    MailOutboxContract,
    MembershipRepositoryContract,
    OneTimeCodeContract,
    OneTimeSecretRepositoryContract,
    OrganizationRepositoryContract,
    PasswordStateContract,
    PersonalDataContract,
    RecordedEvents,
    RefreshCounterContract,
    RetentionContract,
    RoleRepositoryContract,
    SessionRacesContract,
    SessionRepositoryContract,
    TeamRepositoryContract,
    UnitOfWorkContract,
    UserRepositoryContract,
    WebhookDeliveryContract,
    WebhookEndpointContract,
    WebhookTurnContract,
)
from auth_core.testing.contracts.making import now
from tests.integration.postgres.conftest import VAULT, MakeDatabase


@pytest.fixture
def recorded_events(observer: asyncpg.Connection) -> RecordedEvents:
    async def recorded(user_id: UserId) -> list[tuple[EventId, str]]:
        rows = await observer.fetch(
            "SELECT id, type FROM outbox WHERE user_id = $1 ORDER BY position", user_id
        )
        return [(EventId(row["id"]), row["type"]) for row in rows]

    return recorded


class TestUsers(UserRepositoryContract):
    pass


class TestLastAdministrator(LastAdministratorContract):
    @pytest.fixture
    async def unit_of_work(
        self, unit_of_work: Callable[[], PostgresUnitOfWork], observer: asyncpg.Connection
    ) -> Callable[[], PostgresUnitOfWork]:
        """A deployment that has no administrator left."""
        await observer.execute("UPDATE users SET roles = '{user}'")
        return unit_of_work


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


class TestPersonalData(PersonalDataContract):
    pass


class TestRetention(RetentionContract):
    pass


class TestSessionRaces(SessionRacesContract):
    pass


class TestUnitOfWork(UnitOfWorkContract):
    pass


class _AcrossTenants:
    """Repositories filter by tenant themselves: here without the wall behind them."""

    @pytest.fixture
    def unit_of_work(
        self, unit_of_work: Callable[[], PostgresUnitOfWork]
    ) -> Callable[[], PostgresUnitOfWork]:
        return lambda: unit_of_work().for_platform()


class TestRefreshCounter(_AcrossTenants, RefreshCounterContract):
    """The counter in one statement."""

    @pytest.fixture
    def refresh_counter(self, database: Database) -> PostgresRefreshCounter:
        """On the same database as the unit of work."""
        return PostgresRefreshCounter(database)


class TestCrashLaws(_AcrossTenants, CrashLawsContract):
    @pytest.fixture
    async def another_worker(
        self, service_url: Secret[str]
    ) -> AsyncIterator[Callable[[], PostgresUnitOfWork]]:
        """With connections of its own."""
        database = Database(service_url, pool_size=1, max_overflow=0)
        yield lambda: PostgresUnitOfWork(database, VAULT).for_platform()
        await database.close()


class TestOrganizations(_AcrossTenants, OrganizationRepositoryContract):
    pass


class TestMemberships(_AcrossTenants, MembershipRepositoryContract):
    pass


class TestLastOwner(_AcrossTenants, LastOwnerContract):
    pass


class TestTeams(_AcrossTenants, TeamRepositoryContract):
    pass


class TestInvitations(_AcrossTenants, InvitationRepositoryContract):
    pass


class TestDomains(_AcrossTenants, DomainRepositoryContract):
    pass


class TestKeys(KeyRepositoryContract):
    @pytest.fixture
    async def unit_of_work(
        self, unit_of_work: Callable[[], PostgresUnitOfWork], observer: asyncpg.Connection
    ) -> Callable[[], PostgresUnitOfWork]:
        """A deployment that has no keys yet."""
        await observer.execute("TRUNCATE signing_keys, departed_keys")
        return unit_of_work


@pytest.fixture(scope="module")
async def own_database(make_database: MakeDatabase) -> AsyncIterator[Database]:
    """One that may be swept empty."""
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    database = Database(url, pool_size=10, max_overflow=10)
    yield database
    await database.close()


class TestEventLog(EventLogContract):
    @pytest.fixture
    def unit_of_work(self, own_database: Database) -> Callable[[], PostgresUnitOfWork]:
        return lambda: PostgresUnitOfWork(own_database, VAULT)


class TestAuditTrail(AuditTrailContract):
    @pytest.fixture
    def audit(self, unit_of_work: Callable[[], PostgresUnitOfWork]) -> AuditService:
        return trail_service(
            unit_of_work,
            ManualClock(now()),
            SeededEntropy(secrets.token_hex(8)),
            keep=timedelta(days=90),
        )


class TestMailOutbox(MailOutboxContract):
    @pytest.fixture
    async def unit_of_work(
        self, unit_of_work: Callable[[], PostgresUnitOfWork], observer: asyncpg.Connection
    ) -> Callable[[], PostgresUnitOfWork]:
        """An outbox that is empty."""
        await observer.execute("TRUNCATE mail_outbox")
        return unit_of_work


class TestRoles(_AcrossTenants, RoleRepositoryContract):
    pass


class TestGrants(_AcrossTenants, GrantsReaderContract):
    pass


class TestWebhookEndpoints(_AcrossTenants, WebhookEndpointContract):
    pass


class TestWebhookDeliveries(_AcrossTenants, WebhookDeliveryContract):
    pass


class TestWebhookTurns(_AcrossTenants, WebhookTurnContract):
    pass
