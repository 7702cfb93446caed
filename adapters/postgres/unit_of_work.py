"""The unit of work over everything that the core stores."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from adapters.postgres.audit import PostgresAuditTrail
from adapters.postgres.audit_log import PostgresAuditLog
from adapters.postgres.credentials import PostgresCredentialRepository
from adapters.postgres.database import Database
from adapters.postgres.event_log import PostgresEventLog
from adapters.postgres.grants import PostgresGrantsReader
from adapters.postgres.invitations import PostgresInvitationRepository
from adapters.postgres.keys import PostgresKeyRepository
from adapters.postgres.mail import PostgresMailQueue
from adapters.postgres.memberships import PostgresMembershipRepository
from adapters.postgres.one_time_secrets import PostgresOneTimeSecretRepository
from adapters.postgres.organization_domains import PostgresDomainRepository
from adapters.postgres.organizations import PostgresOrganizationRepository
from adapters.postgres.outbox import Noted, PostgresOutbox
from adapters.postgres.personal_data import PostgresPersonalDataRepository
from adapters.postgres.roles import PostgresRoleRepository
from adapters.postgres.row_scope import NOTHING, RowScope
from adapters.postgres.sessions import PostgresSessionRepository
from adapters.postgres.teams import PostgresTeamRepository
from adapters.postgres.transaction import Transaction
from adapters.postgres.users import PostgresUserRepository
from adapters.postgres.webhook_deliveries import PostgresDeliveries
from adapters.postgres.webhooks import PostgresEndpoints
from auth_core.core import CoreUnitOfWork
from auth_core.kernel import OrganizationId, UserId
from auth_core.mail import LetterVault


class PostgresUnitOfWork:
    """One connection for one block of work. Leaving it without `commit` rolls back."""

    __slots__ = ("_audit", "_database", "_outbox", "_scope", "_transaction", "_vault")

    def __init__(
        self, database: Database, vault: LetterVault | None = None, *, noted: Noted | None = None
    ) -> None:
        """``vault`` seals letters; without one there is no `mail`.

        ``noted`` is for `PostgresOutbox`.
        """
        self._database = database
        self._vault = vault
        self._audit = PostgresAuditTrail()
        self._outbox = PostgresOutbox(lambda: self._entered, noted)
        self._scope = NOTHING
        self._transaction: Transaction | None = None

    def for_organization(self, organization_id: OrganizationId) -> Self:
        return self._within(self._scope._replace(organization_id=organization_id))

    def for_user(self, user_id: UserId) -> Self:
        return self._within(self._scope._replace(user_id=user_id))

    def for_platform(self) -> Self:
        return self._within(self._scope._replace(platform=True))

    async def __aenter__(self) -> Self:
        connection = await self._database.acquire()
        self._transaction = Transaction(self._database, connection, self._scope)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        transaction, self._transaction = self._entered, None
        await transaction.end()

    async def commit(self) -> None:
        await self._audit.write_to(self._entered)
        await self._outbox.write_to(self._entered)
        await self._entered.commit()

    async def discard(self) -> None:
        await self._audit.write_to(self._entered)
        await self._outbox.write_to(self._entered)
        await self._entered.discard()

    def _within(self, scope: RowScope) -> Self:
        self._scope = scope
        if self._transaction is not None:
            self._transaction.scope = scope
        return self

    @property
    def users(self) -> PostgresUserRepository:
        return PostgresUserRepository(self._entered)

    @property
    def credentials(self) -> PostgresCredentialRepository:
        return PostgresCredentialRepository(self._entered)

    @property
    def one_time_secrets(self) -> PostgresOneTimeSecretRepository:
        return PostgresOneTimeSecretRepository(self._entered)

    @property
    def sessions(self) -> PostgresSessionRepository:
        return PostgresSessionRepository(self._entered)

    @property
    def keys(self) -> PostgresKeyRepository:
        return PostgresKeyRepository(self._entered)

    @property
    def audit(self) -> PostgresAuditTrail:
        return self._audit

    @property
    def audit_log(self) -> PostgresAuditLog:
        return PostgresAuditLog(self._entered)

    @property
    def mail(self) -> PostgresMailQueue:
        if self._vault is None:  # nothing is stored unsealed
            raise RuntimeError("this unit of work was made without a vault for letters")
        return PostgresMailQueue(self._entered, self._vault)

    @property
    def personal_data(self) -> PostgresPersonalDataRepository:
        return PostgresPersonalDataRepository(self._entered)

    @property
    def organizations(self) -> PostgresOrganizationRepository:
        return PostgresOrganizationRepository(self._entered)

    @property
    def memberships(self) -> PostgresMembershipRepository:
        return PostgresMembershipRepository(self._entered)

    @property
    def teams(self) -> PostgresTeamRepository:
        return PostgresTeamRepository(self._entered)

    @property
    def invitations(self) -> PostgresInvitationRepository:
        return PostgresInvitationRepository(self._entered)

    @property
    def domains(self) -> PostgresDomainRepository:
        return PostgresDomainRepository(self._entered)

    @property
    def roles(self) -> PostgresRoleRepository:
        return PostgresRoleRepository(self._entered)

    @property
    def grants(self) -> PostgresGrantsReader:
        return PostgresGrantsReader(self._entered)

    @property
    def webhooks(self) -> PostgresEndpoints:
        return PostgresEndpoints(self._entered)

    @property
    def deliveries(self) -> PostgresDeliveries:
        return PostgresDeliveries(self._entered)

    @property
    def outbox(self) -> PostgresOutbox:
        return self._outbox

    @property
    def event_log(self) -> PostgresEventLog:
        return PostgresEventLog(self._entered)

    @property
    def _entered(self) -> Transaction:
        if self._transaction is None:
            raise RuntimeError("a unit of work is used inside its own `async with` block, once")
        return self._transaction


if TYPE_CHECKING:
    _: type[CoreUnitOfWork] = PostgresUnitOfWork
