"""PostgreSQL: the truth about everything that must not be lost."""

from adapters.postgres.database import Database
from adapters.postgres.errors import (
    DatabaseDown,
    DatabaseRefused,
    InvalidDatabaseUrl,
    SchemaNewer,
    SchemaOutdated,
)
from adapters.postgres.outbox import Noted
from adapters.postgres.refresh_counter import PostgresRefreshCounter
from adapters.postgres.schema import current, downgrade, migrate
from adapters.postgres.unit_of_work import PostgresUnitOfWork

__all__ = [
    "Database",
    "DatabaseDown",
    "DatabaseRefused",
    "InvalidDatabaseUrl",
    "Noted",
    "PostgresRefreshCounter",
    "PostgresUnitOfWork",
    "SchemaNewer",
    "SchemaOutdated",
    "current",
    "downgrade",
    "migrate",
]
