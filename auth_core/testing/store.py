"""A database in memory: committed rows, and transactions that behave like READ COMMITTED.

A transaction sees what is committed, newest first, and what it wrote itself. What it writes is
locked until it ends, row by row and unique key by unique key: whoever wants the same waits, then
looks again at what is there, as PostgreSQL does.
"""

import asyncio
from collections import ChainMap
from collections.abc import Callable, Hashable, MutableMapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any, Self, TypeVar

import msgspec

from auth_core.audit import AuditRecord
from auth_core.credentials import Account, OneTimeSecret, Purpose
from auth_core.kernel import (
    AuthCoreError,
    ConcurrentUpdate,
    Conflict,
    DomainEvent,
    Email,
    EventId,
    Letter,
    LetterId,
    OrganizationId,
    RoleId,
    Secret,
    SessionId,
    TeamId,
    Unavailable,
    UserId,
)
from auth_core.keys import Departure, SealedKey, Sealer
from auth_core.mail import LetterVault, QueuedLetter
from auth_core.organizations import (
    DomainId,
    Invitation,
    Membership,
    Organization,
    OrganizationDomain,
    Team,
    TeamMembership,
)
from auth_core.roles import CustomRole
from auth_core.sessions import EndedSession, Session
from auth_core.testing.clock import SeededEntropy
from auth_core.testing.crypto import ToySealer
from auth_core.testing.rows import Rows
from auth_core.testing.trail_rows import TrailRows
from auth_core.users import User
from auth_core.webhooks import Delivery, DeliveryId, EndpointId, WebhookEndpoint

K = TypeVar("K")
V = TypeVar("V")

Queued = tuple[int, Delivery]
"""A delivery with its position."""


class PasswordState(msgspec.Struct, frozen=True, kw_only=True):
    """How the password of a user has fared."""

    consecutive_failures: int = 0
    last_failed_at: datetime | None = None
    disabled_at: datetime | None = None
    must_change: bool = False

    @classmethod
    def of(cls, account: Account) -> Self:
        """That of an account."""
        return cls(
            consecutive_failures=account.consecutive_failures,
            last_failed_at=account.last_failed_at,
            disabled_at=account.disabled_at,
            must_change=account.must_change,
        )


class InMemoryStore:
    """The committed truth, shared by all units of work over it."""

    def __init__(self, sealer: Sealer | None = None) -> None:
        """``sealer`` seals letters; a toy unless given."""
        if sealer is None:
            sealer = ToySealer(Secret(b"a master key for letters"), SeededEntropy("letters"))
        self.vault = LetterVault(sealer)
        self.users: dict[UserId, User] = {}
        self.password_hashes: dict[UserId, Secret[str]] = {}
        self.password_states: dict[UserId, PasswordState] = {}
        self.sessions: dict[SessionId, Session] = {}
        self.erased: dict[SessionId, EndedSession] = {}
        """Sessions that had ended when their user was erased."""
        self.one_time_secrets: dict[tuple[Purpose, str], OneTimeSecret] = {}
        self.keys: dict[str, SealedKey] = {}
        self.departures: dict[str, Departure] = {}
        self.events: list[DomainEvent] = []
        self.event_numbers: dict[EventId, int] = {}
        self.event_progress: dict[str, int] = {}
        """By publisher; under "" the greatest number that was ever given."""
        self.audit: list[AuditRecord] = []
        self.trail = TrailRows()
        self.letters: list[Letter] = []
        """Every letter that was ever enqueued, whatever has become of it in ``mail``."""
        self.mail: dict[LetterId, QueuedLetter] = {}
        self.webhook_endpoints: dict[EndpointId, WebhookEndpoint] = {}
        self.webhook_deliveries: dict[DeliveryId, Queued] = {}
        self.positions = count(1)
        self.organizations: dict[OrganizationId, Organization] = {}
        self.memberships: dict[tuple[OrganizationId, UserId], Membership] = {}
        self.roles: dict[RoleId, CustomRole] = {}
        self.teams: dict[TeamId, Team] = {}
        self.team_memberships: dict[tuple[OrganizationId, TeamId, UserId], TeamMembership] = {}
        self.invitations: dict[tuple[OrganizationId, Email], Invitation] = {}
        self.domains: dict[DomainId, OrganizationDomain] = {}
        self.down = False
        """While set, every statement and every commit raises Unavailable."""
        self.on_statement: Callable[[str], None] | None = None
        """Called before each statement with its name (``users.add``, ``commit``); may raise."""
        self.begun = 0
        """How many units of work were ever entered."""
        self.locks: dict[Hashable, Transaction] = {}


class Transaction:
    """What one unit of work has written and locked, until it is over."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store
        self.users = ChainMap[UserId, User]({}, store.users)
        self.password_hashes = ChainMap[UserId, Secret[str]]({}, store.password_hashes)
        self.password_states = ChainMap[UserId, PasswordState]({}, store.password_states)
        self.sessions = ChainMap[SessionId, Session]({}, store.sessions)
        self.erased = ChainMap[SessionId, EndedSession]({}, store.erased)
        self.one_time_secrets = ChainMap[tuple[Purpose, str], OneTimeSecret](
            {}, store.one_time_secrets
        )
        self.keys = ChainMap[str, SealedKey]({}, store.keys)
        self.departures = ChainMap[str, Departure]({}, store.departures)
        self.removed_keys: set[str] = set()
        self.events: list[DomainEvent] = []
        self.event_numbers = ChainMap[EventId, int]({}, store.event_numbers)
        self.event_progress = ChainMap[str, int]({}, store.event_progress)
        self.audit: list[AuditRecord] = []
        self.trail = TrailRows(store.trail)
        self.letters: list[Letter] = []
        self.mail = ChainMap[LetterId, QueuedLetter]({}, store.mail)
        self.webhook_endpoints = ChainMap[EndpointId, WebhookEndpoint]({}, store.webhook_endpoints)
        self.webhook_deliveries = ChainMap[DeliveryId, Queued]({}, store.webhook_deliveries)
        self.organizations = Rows(store.organizations)
        self.memberships = Rows(store.memberships)
        self.roles = Rows(store.roles)
        self.teams = Rows(store.teams)
        self.team_memberships = Rows(store.team_memberships)
        self.invitations = Rows(store.invitations)
        self.domains = Rows(store.domains)
        self._of_organizations: tuple[Rows[Any, Any], ...] = (
            *(self.organizations, self.memberships, self.roles, self.teams),
            *(self.team_memberships, self.invitations, self.domains),
        )
        self._deleted: list[tuple[MutableMapping[Any, Any], Any]] = []
        self._swept: list[DomainEvent] = []
        self._removed_letters: set[Email] = set()
        self._redacted: set[UserId] = set()
        self._open = self._failed = False
        self._over = asyncio.Event()
        self._waits_for: Transaction | None = None

    def begin(self) -> None:
        """Start; a transaction is used once."""
        if self._open or self._over.is_set():
            message = "a unit of work is used once"
            raise RuntimeError(message)
        self._open = True
        self._store.begun += 1

    async def statement(self, name: str) -> None:
        """Come before every statement: others may run here, as during a round trip."""
        await asyncio.sleep(0)
        if not self._open:
            message = f"{name} outside of the unit of work"
            raise RuntimeError(message)
        if self._store.on_statement is not None:
            self._store.on_statement(name)
        if self._store.down or self._failed:
            raise Unavailable

    async def lock(self, key: Hashable) -> None:
        """Hold ``key`` until this transaction is over; raises Unavailable on a deadlock."""
        while (holder := self._store.locks.get(key, self)) is not self:
            if holder.is_waiting_for(self):
                self._failed = True
                raise Unavailable
            self._waits_for = holder
            try:
                await holder.wait()
            finally:
                self._waits_for = None
        self._store.locks[key] = self

    def is_waiting_for(self, other: "Transaction") -> bool:
        """Whether this cannot go on before ``other`` is over."""
        waiting: Transaction | None = self
        while waiting is not None and waiting is not other:
            waiting = waiting._waits_for  # noqa: SLF001 - of the same class
        return waiting is other

    async def wait(self) -> None:
        """Wait until this transaction is over."""
        await self._over.wait()

    @property
    def vault(self) -> LetterVault:
        """What seals letters."""
        return self._store.vault

    def next_position(self) -> int:
        """A number above all that were given."""
        return next(self._store.positions)

    def is_free(self, key: Hashable) -> bool:
        """Whether nobody else holds ``key``."""
        return self._store.locks.get(key, self) is self

    def insert(self, rows: MutableMapping[K, V], key: K, row: V) -> None:
        """Add a row under a primary key that nobody has."""
        if key in rows:
            self.violated(Conflict())
        rows[key] = row

    async def delete(self, rows: ChainMap[K, V], keys: Sequence[K]) -> int:
        """Remove committed rows with the commit, but for those that somebody else has locked."""
        free = [key for key in keys if self.is_free(key)]
        for key in free:
            await self.lock(key)
            rows.maps[0].pop(key, None)
            self._deleted.append((rows.maps[1], key))
        return len(free)

    def sweep_events(self, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` committed events of before ``before`` with the commit."""
        over = [event for event in self._store.events if event.occurred_at < before]
        swept = [event for event in over if event not in self._swept][:limit]
        self._swept.extend(swept)
        return len(swept)

    def committed_events(self) -> list[DomainEvent]:
        """The events that are committed, in the order of their commits."""
        return list(self._store.events)

    def stored_events(self) -> list[DomainEvent]:
        """The events that are committed, and those of this transaction."""
        return [*self._store.events, *self.events]

    def stored_audit(self) -> list[AuditRecord]:
        """The audit records that are committed, and those of this transaction."""
        return [*self._store.audit, *self.audit]

    def redact_audit(self, user_id: UserId) -> None:
        """Empty what was remarked about ``user_id`` in committed records, with the commit."""
        self._redacted.add(user_id)

    def stored_letters(self) -> list[Letter]:
        """The letters that are committed, and those of this transaction."""
        return [*self._store.letters, *self.letters]

    def remove_letters(self, to: Email) -> None:
        """Remove the committed letters to ``to`` with the commit."""
        self._removed_letters.add(to)

    def violated(self, error: AuthCoreError) -> None:
        """Fail the whole transaction, as a violated constraint does."""
        self._failed = True
        raise error

    async def commit(self) -> None:
        """Make everything visible at once."""
        await self.statement("commit")
        for session in self.sessions.maps[0].values():
            if session.user_id not in self.users:  # as a foreign key: erased since it was added
                self.violated(ConcurrentUpdate())
        _apply(self.users)
        _apply(self.password_hashes)
        _apply(self.password_states)
        _apply(self.sessions)
        _apply(self.erased)
        _apply(self.one_time_secrets)
        _apply(self.keys)
        _apply(self.departures)
        _apply(self.mail)
        _apply(self.webhook_endpoints)
        _apply(self.webhook_deliveries)
        for rows in self._of_organizations:
            rows.commit()
        _apply(self.event_numbers)
        _apply(self.event_progress)
        for kid in self.removed_keys:
            self._store.keys.pop(kid, None)
        for table, key in self._deleted:
            table.pop(key, None)
        self._store.events[:] = [event for event in self._store.events if event not in self._swept]
        self._store.events.extend(self.events)
        self._commit_trail()
        self._store.audit.extend(self.audit)
        self._store.letters[:] = [
            letter for letter in self._store.letters if letter.to not in self._removed_letters
        ]
        self._store.letters.extend(self.letters)
        self.end()

    def _commit_trail(self) -> None:
        self.trail.commit(self._redacted)
        self._store.audit[:] = [
            msgspec.structs.replace(record, detail=None)
            if record.user_id in self._redacted
            else record
            for record in self._store.audit
            if record.id not in self.trail.trimmed
        ]

    def end(self) -> None:
        """Forget what was not committed and let the others go on."""
        self._open = False
        for key in [key for key, holder in self._store.locks.items() if holder is self]:
            del self._store.locks[key]
        self._over.set()


def _apply(table: ChainMap[K, V]) -> None:
    staged, committed = table.maps
    committed.update(staged)
