"""The service's role: what it may do, what not, and how it comes to be."""

import asyncio
import base64
import os
import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from adapters.embedded.cluster import SERVICE
from adapters.postgres import Database, DatabaseRefused
from adapters.postgres import migrate as migrate_as
from adapters.postgres.schema import engine
from adapters.postgres.service_role import admit, scram_verifier
from adapters.postgres.tables import metadata
from adapters.postgres.url import dsn
from auth_core.kernel import Secret
from tests.integration.postgres.conftest import MakeDatabase
from tests.service_role import as_service, migrate
from tests.serving import development, serving

EMBEDDED_ONLY = pytest.mark.skipif(
    "TEST_POSTGRES_URL" in os.environ,
    reason="makes roles of its own, which only the embedded server lets in as they are",
)


@pytest.fixture
async def service(service_url: Secret[str]) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the service has it."""
    connection = await asyncpg.connect(dsn(service_url))
    yield connection
    await connection.close()


def with_user(url: Secret[str], user: str, password: str = "") -> Secret[str]:
    """The same database as somebody else."""
    credential = f"{user}:{password}" if password else user
    return Secret(as_service(url.reveal()).replace(f"{SERVICE}@", f"{credential}@", 1))


async def test_it_is_no_superuser_owns_nothing_and_belongs_to_nobody(service) -> None:
    role = await service.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication"
        " FROM pg_roles WHERE rolname = current_user"
    )
    owned = "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
    member = "SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole"

    assert [False] * 5 == list(role)
    assert 0 == await service.fetchval(owned)
    assert 0 == await service.fetchval(member)


@pytest.mark.parametrize("table", sorted(metadata.tables))
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE {table}",
        "DROP TABLE {table}",
        "ALTER TABLE {table} ADD COLUMN sneaked text",
        "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY sneaked ON {table} USING (true)",
        "CREATE INDEX sneaked ON {table} ((1))",
    ],
)
async def test_it_may_not_change_what_a_table_is(service, table: str, statement: str) -> None:
    asked = statement.format(table=table)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute(asked)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE sneaked (id int)",
        "CREATE SCHEMA sneaked",
        "CREATE ROLE sneaked",
        "CREATE FUNCTION sneaked() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "SET ROLE fm_auth",
        "SET SESSION AUTHORIZATION fm_auth",
        "SET session_replication_role = replica",
        "UPDATE alembic_version SET version_num = '0000'",
        "UPDATE audit_records SET action = 'x'",
        "UPDATE audit_records SET user_id = NULL",
        "DELETE FROM audit_chains",
        "SELECT rolpassword FROM pg_authid",
    ],
)
async def test_nor_may_it_do_what_only_an_owner_does(service, observer, statement: str) -> None:
    owner = await observer.fetchval("SELECT current_user")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute(statement.replace("fm_auth", owner))


async def test_what_a_later_migration_makes_is_granted_at_once(
    postgres_url: Secret[str], service_url: Secret[str], observer, service
) -> None:
    name = f"later_{secrets.token_hex(4)}"
    await observer.execute(f"CREATE TABLE {name} (id int GENERATED ALWAYS AS IDENTITY, x serial)")
    try:
        await service.execute(f"INSERT INTO {name} DEFAULT VALUES")
        assert [(1, 1)] == [tuple(row) for row in await service.fetch(f"SELECT * FROM {name}")]
    finally:
        await observer.execute(f"DROP TABLE {name}")


async def test_a_second_migration_has_nothing_left_to_grant(
    postgres_url: Secret[str], service_url: Secret[str]
) -> None:
    from adapters.postgres.service_role import _missing

    async with engine(postgres_url) as database, database.connect() as connection:
        assert [] == await connection.run_sync(lambda sync: list(_missing(sync, SERVICE)))


async def test_what_was_granted_by_hand_is_taken_back(postgres_url: Secret[str], observer) -> None:
    await observer.execute(f"GRANT TRUNCATE, UPDATE ON audit_records TO {SERVICE}")

    await asyncio.to_thread(migrate, postgres_url)

    may = "SELECT has_table_privilege($1, 'audit_records', $2)"
    for privilege, expected in (("TRUNCATE", False), ("UPDATE", False), ("INSERT", True)):
        assert expected == await observer.fetchval(may, SERVICE, privilege)
    column = "SELECT has_column_privilege($1, 'audit_records', 'detail', 'UPDATE')"
    assert await observer.fetchval(column, SERVICE)


@EMBEDDED_ONLY
async def test_an_owner_who_may_make_roles_makes_it_with_the_password_of_its_url(
    make_database, observer
) -> None:
    """A plain owner, no superuser, and a role of another name."""
    url = await make_database()
    owner, service = (f"test_{secrets.token_hex(6)}" for _ in range(2))
    password = secrets.token_hex(8)
    admin = await asyncpg.connect(dsn(url))
    await admin.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD '{password}'")
    await admin.execute(f"GRANT ALL ON SCHEMA public TO {owner}")
    own, serves = with_user(url, owner, password), with_user(url, service, password)
    try:
        for _ in range(2):
            await asyncio.to_thread(migrate_as, own, service=serves)

        stored = await admin.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname=$1", service)
        assert stored == scram_verifier(password, _salt(stored))
        database = Database(serves)
        try:
            assert (service, False, False) == await database.role()
        finally:
            await database.close()
    finally:
        await admin.execute(f"DROP OWNED BY {owner} CASCADE")
        await admin.execute(f"DROP OWNED BY {service} CASCADE")
        await admin.execute(f"DROP ROLE {service}, {owner}")
        await admin.close()


@EMBEDDED_ONLY
async def test_an_owner_who_may_not_is_told_what_to_have_done(make_database) -> None:
    url = await make_database()
    owner, missing = (f"test_{secrets.token_hex(6)}" for _ in range(2))
    admin = await asyncpg.connect(dsn(url))
    await admin.execute(f"CREATE ROLE {owner} LOGIN PASSWORD 'x'")
    await admin.execute(f"GRANT ALL ON SCHEMA public TO {owner}")
    try:
        with pytest.raises(DatabaseRefused, match=f'CREATE ROLE "{missing}" LOGIN'):
            await asyncio.to_thread(
                migrate_as, with_user(url, owner, "x"), service=with_user(url, missing, "y")
            )
    finally:
        await admin.execute(f"DROP OWNED BY {owner} CASCADE")
        await admin.execute(f"DROP ROLE {owner}")
        await admin.close()


@EMBEDDED_ONLY
async def test_migrations_of_two_databases_at_once_make_one_role(make_database) -> None:
    urls = [await make_database() for _ in range(2)]
    service = f"test_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(dsn(urls[0]))

    async def take_in(url: Secret[str]) -> None:
        async with engine(url) as database, database.begin() as connection:
            await connection.run_sync(lambda sync: admit(sync, with_user(url, service, "x")))

    await asyncio.gather(*(take_in(url) for url in urls))

    assert 1 == await admin.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", service)
    for url in urls:
        connection = await asyncpg.connect(dsn(url))
        await connection.execute(f"DROP OWNED BY {service} CASCADE")
        await connection.close()
    await admin.execute(f"DROP ROLE {service}")
    await admin.close()


async def test_a_migration_for_the_owner_alone_grants_nothing(make_database) -> None:
    url = await make_database()

    await asyncio.to_thread(migrate_as, url, service=url)

    async with engine(url) as database, database.connect() as connection:
        await connection.run_sync(lambda sync: admit(sync, url))
        acl = await connection.scalar(text("SELECT relacl FROM pg_class WHERE relname = 'users'"))
    assert acl is None


def test_a_password_is_kept_as_postgresql_keeps_it() -> None:
    """The example of RFC 7677 §3."""
    expected = (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    salt = bytes.fromhex("5b6d99689d12358eeca04b141236fa81")

    assert expected == scram_verifier("pencil", salt)


@EMBEDDED_ONLY
async def test_a_service_that_works_as_the_owner_is_warned(
    make_database: MakeDatabase, redis_url: str
) -> None:
    # of its own: the keys in the others' database are not for opening
    database_url = await make_database()
    await asyncio.to_thread(migrate, database_url)
    environ = development(database_url.reveal(), redis_url)
    events = []
    for url in (environ["DATABASE_URL"], database_url.reveal()):
        with capture_logs() as logs:
            async with serving({**environ, "DATABASE_URL": url}):
                pass
        events.append([e for e in logs if e["event"] == "database_role_too_powerful"])

    assert [] == events[0]
    [warning] = events[1]
    assert "row-level security does not bind this role" == warning["effect"]
    assert "DATABASE_OWNER_URL" in warning["advice"]


def _salt(verifier: str) -> bytes:
    return base64.b64decode(verifier.split("$")[1].split(":")[1])
