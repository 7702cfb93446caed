"""What goes wrong between us and PostgreSQL, told by facts: SQLSTATE and constraint name.

The same failure has two readings. A client learns `translated`: taken, or unavailable. An operator
learns `diagnosed`: what is wrong and what to do about it.
"""

from typing import NoReturn

import asyncpg

from auth_core.kernel import (
    AuthCoreError,
    ConcurrentUpdate,
    Conflict,
    EmailTaken,
    Misconfigured,
    Unavailable,
    UsernameTaken,
    UserNotFound,
)
from auth_core.organizations import (
    AlreadyMember,
    DomainTaken,
    MemberNotFound,
    OrganizationNotFound,
    SlugTaken,
    TeamNameTaken,
    TeamNotFound,
)
from auth_core.roles import RoleNameTaken

RETRY_AFTER = 1

CONFUSED = asyncpg.InternalClientError
"""The driver lost track of the protocol, as when the server dies between two of its messages."""
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, CONFUSED)
"""All that asyncpg raises. TimeoutError is an OSError."""


class InvalidDatabaseUrl(Misconfigured):
    """The URL cannot be understood."""


class DatabaseRefused(Misconfigured):
    """PostgreSQL does not admit us: user, password, database or privileges."""


class SchemaOutdated(Misconfigured):
    """The tables are missing, or older than this version of the service."""


class SchemaNewer(Misconfigured):
    """The tables are newer than this version of the service."""


class DatabaseDown(Unavailable):
    """PostgreSQL does not answer. The message is for the operator, not for a client."""


class PoolExhausted(Exception):
    """No connection became free in time."""


_TAKEN: dict[str, type[AuthCoreError]] = {
    "uq_users_username": UsernameTaken,
    "uq_users_email": EmailTaken,
    "uq_organizations_slug": SlugTaken,
    "uq_memberships_organization_id": AlreadyMember,
    "uq_teams_name": TeamNameTaken,
    "uq_roles_organization_id": RoleNameTaken,
    "uq_organization_domains_organization_id": DomainTaken,
    "uq_organization_domains_verified": DomainTaken,
    "uq_audit_records_position": Conflict,
}
_UNKNOWN: dict[str, type[AuthCoreError]] = {
    # a sign-in whose account was erased since it was read
    "fk_sessions_user_id_users": ConcurrentUpdate,
    "fk_password_credentials_user_id_users": UserNotFound,
    "fk_memberships_user_id_users": UserNotFound,
    "fk_team_memberships_membership": MemberNotFound,
    "fk_team_memberships_team": TeamNotFound,
    # removed since it was looked at
    "fk_memberships_organization_id_organizations": OrganizationNotFound,
    "fk_roles_organization_id_organizations": OrganizationNotFound,
    "fk_teams_organization_id_organizations": OrganizationNotFound,
    "fk_invitations_organization_id_organizations": OrganizationNotFound,
    "fk_organization_domains_organization_id_organizations": OrganizationNotFound,
}
CONTENTION = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Transactions were in each other's way: the server is well, and the next try will do."""
_UNAVAILABLE_TYPES = (
    OSError,
    PoolExhausted,
    Misconfigured,
    CONFUSED,
    asyncpg.ClientConfigurationError,
)
_UNIQUE_VIOLATION = "23505"
_NOT_NULL_VIOLATION = "23502"
_FOREIGN_KEY_VIOLATION = "23503"
_EPOCH = ("users", "epoch")
_REFUSED = {
    "28000": "does not admit this user; correct the user or the password in DATABASE_URL",
    "28P01": "does not admit this user; correct the user or the password in DATABASE_URL",
    "3D000": "has no such database; create it, or correct the name in DATABASE_URL",
    "42501": "denies this user a privilege; `fm-auth migrate` grants what is needed",
}
_UNWELL = {
    "25006": "takes no writes; let DATABASE_URL lead to the primary, or see what protects it",
    "53100": "has no room left on its disk; make some",
    "53300": "takes no more connections; raise max_connections, lower DB_POOL_SIZE and"
    " DB_MAX_OVERFLOW, or use PgBouncer",
}
_UNAVAILABLE_CLASSES = ("08", "53", "57", "58")
"""Connection lost, out of resources (disk, memory, slots), shut down or cancelled, system error."""
_UNAVAILABLE = {
    "25006",  # read-only: a replica, or a server protecting itself
    "40001",  # serialization failure
    "40P01",  # deadlock
    "55P03",  # a lock was not to be had in time
}
_SCHEMA_DIFFERS = {"42P01", "42703"}  # undefined table, undefined column


def translated(error: Exception, *, connection_lost: bool) -> AuthCoreError | None:
    """What a client learns, or None for a programming error, which stays what it is."""
    if isinstance(error, asyncpg.PostgresError):
        return _translated_state(error)
    if isinstance(error, _UNAVAILABLE_TYPES):
        return Unavailable(retry_after=RETRY_AFTER)
    # asyncpg's own refusal to work on a connection that is gone has no SQLSTATE
    return Unavailable(retry_after=RETRY_AFTER) if connection_lost else None


def _translated_state(error: asyncpg.PostgresError) -> AuthCoreError | None:
    state = error.sqlstate or ""
    if state == _UNIQUE_VIOLATION and error.constraint_name in _TAKEN:
        return _TAKEN[error.constraint_name]()
    if state == _FOREIGN_KEY_VIOLATION and error.constraint_name in _UNKNOWN:
        return _UNKNOWN[error.constraint_name]()
    if state == _NOT_NULL_VIOLATION and (error.table_name, error.column_name) == _EPOCH:
        return ConcurrentUpdate()  # how `record_login` says that the epoch is over
    if (
        state.startswith(_UNAVAILABLE_CLASSES)
        or state in _UNAVAILABLE
        or state in _REFUSED
        or state in _SCHEMA_DIFFERS
        # a migration under our feet; the driver has forgotten its plans, the next try will do
        or isinstance(error, asyncpg.InvalidCachedStatementError)
    ):
        return Unavailable(retry_after=RETRY_AFTER)
    return None


def diagnosed(error: Exception, location: str) -> Misconfigured | DatabaseDown | None:
    """What an operator learns, or None for a programming error."""
    if isinstance(error, Misconfigured):
        return error
    if isinstance(error, asyncpg.ClientConfigurationError):
        return InvalidDatabaseUrl(
            "DATABASE_URL, or a PG… variable of the environment, has an option that the driver "
            "does not take."
        )
    if isinstance(error, PoolExhausted):
        return DatabaseDown(
            f"No connection to PostgreSQL at {location} became free in time. "
            "Raise DB_POOL_SIZE or DB_MAX_OVERFLOW, or find out what holds the connections."
        )
    state = (error.sqlstate or "") if isinstance(error, asyncpg.PostgresError) else ""
    return _diagnosed_state(state, location) or _diagnosed_absence(error, location)


def _diagnosed_state(state: str, location: str) -> Misconfigured | DatabaseDown | None:
    if state in _UNWELL:
        return DatabaseDown(f"PostgreSQL at {location} {_UNWELL[state]}.")
    if state in _REFUSED:
        return DatabaseRefused(f"PostgreSQL at {location} {_REFUSED[state]}.")
    if state in _SCHEMA_DIFFERS:
        return SchemaOutdated(
            f"The tables of PostgreSQL at {location} are not the ones that this version of the "
            "service needs. Run `fm-auth migrate`."
        )
    return None


def _diagnosed_absence(error: Exception, location: str) -> DatabaseDown | None:
    if not isinstance(translated(error, connection_lost=True), Unavailable):
        return None
    return DatabaseDown(
        f"PostgreSQL at {location} does not answer ({_reason(error)}). "
        "Start it, or correct DATABASE_URL."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error.args[0]) if error.args else type(error).__name__


def reraise(error: Exception, *, connection_lost: bool) -> NoReturn:
    """Raise what a client may learn of ``error``, or ``error`` itself without the row it quotes."""
    known = translated(error, connection_lost=connection_lost)
    if known is not None:
        raise known from error
    if isinstance(error, asyncpg.PostgresError):
        error.detail = None  # "Failing row contains (…)" would carry a password hash into the log
    raise error
