"""A connection pooler between us and PostgreSQL, and the way of the migrations past it."""

from collections.abc import AsyncIterator

from adapters.postgres.diagnosis import PostgresFacts, check_way_of_migrations
from app.doctor.finding import Finding, Level
from app.settings import DatabaseSettings
from auth_core.kernel import AuthCoreError

_GUIDE = "see docs/guides/pgbouncer.md"


async def pooling(facts: PostgresFacts, settings: DatabaseSettings) -> AsyncIterator[Finding]:
    """Transactions stay whole, and migrations have a session of their own."""
    about = "postgresql"
    if facts.pooled:
        text = "through a connection pooler: statements are sent without names"
        yield Finding(Level.OK, about, text)
    if not facts.keeps_transactions:
        text = "the pooler breaks transactions up: nothing can be written"
        yield Finding(Level.ERROR, about, text, f"set pool_mode = transaction; {_GUIDE}")
    if settings.owner_url is not None:
        try:
            await check_way_of_migrations(settings.owner_url)
        except AuthCoreError as error:
            text = f"migrations cannot run: {error.message}"
            yield Finding(Level.ERROR, about, text, _GUIDE if facts.pooled else "")
    elif facts.pooled:
        text = "migrations cannot run through the pooler"
        advice = f"let DATABASE_OWNER_URL lead to PostgreSQL itself; {_GUIDE}"
        yield Finding(Level.WARNING, about, text, advice)
