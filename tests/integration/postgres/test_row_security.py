"""A query that forgets its tenant's filter: what the service's role sees and touches then.

Generated from the tables: a new table with an organization has its wall, or these tests fail.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import Table

from adapters.postgres.row_security import OPEN, TRAIL, changes, policies, tenant_column
from adapters.postgres.schema import engine
from adapters.postgres.tables import metadata
from adapters.postgres.url import dsn
from auth_core.kernel import Secret
from tests.service_role import as_service, migrate

OWNED = [table for table in metadata.sorted_tables if tenant_column(table) is not None]
WHATEVER = {
    "uuid": "gen_random_uuid()",
    "text": "md5(random()::text)",
    "integer": "1",
    "bigint": "1",
    "boolean": "false",
    "bytea": "decode('00', 'hex')",
    "jsonb": "'{}'",
    "timestamp with time zone": "now()",
}


@pytest.fixture(scope="module")
async def loose_url(make_database) -> Secret[str]:
    """A database of its own without checks and keys, so that any row fits; for its owner."""
    url: Secret[str] = await make_database()
    await asyncio.to_thread(migrate, url)
    return url


@pytest.fixture(scope="module")
async def owner(loose_url: Secret[str]) -> AsyncIterator[asyncpg.Connection]:
    """The owner of that database."""
    connection = await asyncpg.connect(dsn(loose_url))
    for table, name in await connection.fetch(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f')"
    ):
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def service(
    owner: asyncpg.Connection,
    loose_url: Secret[str],
) -> AsyncIterator[asyncpg.Connection]:
    """The service, past its repositories."""
    connection = await asyncpg.connect(as_service(dsn(loose_url)))
    yield connection
    await connection.close()


@asynccontextmanager
async def scope(
    connection: asyncpg.Connection, *, tenant: object = "", user: object = "", everybody: str = ""
) -> AsyncIterator[None]:
    """A transaction for a tenant, a person, or everybody; rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        for name, value in (("tenant", tenant), ("user", user), ("scope", everybody)):
            setting = f"fm_auth.{name}"
            await connection.execute("SELECT set_config($1, $2, true)", setting, str(value))
        yield
    finally:
        await transaction.rollback()


async def insert(connection: asyncpg.Connection, table: Table, **given: UUID) -> None:
    """A row of whatever its columns take."""
    values: dict[str, Any] = {}
    for column in table.columns:
        if column.name in given:
            values[column.name] = f"'{given[column.name]}'"
        elif not column.nullable and column.server_default is None:
            kind = str(column.type.compile()).lower()
            values[column.name] = WHATEVER.get(_postgres(kind), "'{}'")
    names = ", ".join(f'"{name}"' for name in values)
    await connection.execute(
        f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(values.values())})"
    )


def _postgres(kind: str) -> str:
    known = {"datetime": "timestamp with time zone", "timestamp": "timestamp with time zone"}
    known |= {"char(32)": "uuid", "blob": "bytea", "varchar": "text", "json": "jsonb"}
    return known.get(kind.split(" collate", maxsplit=1)[0], kind.split(" collate", maxsplit=1)[0])


@pytest.fixture
async def tenants(owner: asyncpg.Connection) -> tuple[UUID, UUID]:
    """Two of them, with a row each in every table."""
    pair = (uuid4(), uuid4())
    for tenant in pair:
        for table in OWNED:
            await insert(owner, table, **{str(tenant_column(table)): tenant})
    return pair


def test_every_table_that_names_an_organization_is_a_tenants_or_said_not_to_be() -> None:
    named = {table.name for table in metadata.tables.values() if "organization_id" in table.c}

    guarded = {table.name for table in OWNED} | TRAIL
    assert named | {"organizations", "audit_chains"} == guarded | OPEN
    assert all(policies(metadata.tables[name]) for name in guarded)


async def test_all_walls_stand_and_a_second_migration_finds_nothing_to_do(
    postgres_url: Secret[str],
) -> None:
    async with engine(postgres_url) as database, database.connect() as connection:
        assert [] == await connection.run_sync(changes)


async def test_walls_that_were_pulled_down_stand_again_after_a_migration(make_database) -> None:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    connection = await asyncpg.connect(dsn(url))
    await connection.execute("ALTER TABLE memberships DISABLE ROW LEVEL SECURITY")
    await connection.execute("DROP POLICY tenant ON teams")
    await connection.execute("CREATE POLICY wide ON invitations USING (true)")
    await connection.close()

    await asyncio.to_thread(migrate, url)

    async with engine(url) as database, database.connect() as connection:
        assert [] == await connection.run_sync(changes)


@pytest.mark.sec("SEC-56")
@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.name)
async def test_a_query_that_forgets_its_filter_sees_its_own_tenant(
    service: asyncpg.Connection, tenants: tuple[UUID, UUID], table: Table
) -> None:
    own, other = tenants
    column = tenant_column(table)
    asked = f"SELECT DISTINCT {column} FROM {table.name}"

    async with scope(service, tenant=own):
        assert [own] == [row[0] for row in await service.fetch(asked)]
        assert [] == await service.fetch(f"{asked} WHERE {column} = $1", other)
    async with scope(service, everybody="platform"):
        assert {own, other} <= {row[0] for row in await service.fetch(asked)}


@pytest.mark.sec("SEC-56")
@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.name)
async def test_a_write_that_forgets_its_filter_reaches_its_own_tenant(
    service: asyncpg.Connection, tenants: tuple[UUID, UUID], table: Table
) -> None:
    own, other = tenants
    column = tenant_column(table)

    async with scope(service, tenant=own):
        changed = f"UPDATE {table.name} SET {column} = {column} RETURNING {column}"
        assert {own} == {row[0] for row in await service.fetch(changed)}
    async with scope(service, tenant=own):
        deleted = f"DELETE FROM {table.name} RETURNING {column}"
        assert {own} == {row[0] for row in await service.fetch(deleted)}
    async with scope(service, tenant=own):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await insert(service, table, **{str(column): other})
    async with scope(service, tenant=own):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await service.execute(f"UPDATE {table.name} SET {column} = $1", other)


@pytest.mark.sec("SEC-72")
@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.name)
async def test_a_statement_for_nobody_sees_and_touches_nothing(
    service: asyncpg.Connection, tenants: tuple[UUID, UUID], table: Table
) -> None:
    assert [] == await service.fetch(f"SELECT * FROM {table.name}")
    async with scope(service):
        assert [] == await service.fetch(f"SELECT * FROM {table.name}")
        assert "DELETE 0" == await service.execute(f"DELETE FROM {table.name}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await insert(service, table, **{str(tenant_column(table)): tenants[0]})


@pytest.mark.sec("SEC-56")
async def test_a_tenant_sees_the_deliveries_of_its_webhooks_and_the_platform_sees_all(
    owner: asyncpg.Connection, service: asyncpg.Connection, tenants: tuple[UUID, UUID]
) -> None:
    endpoints, deliveries = (
        metadata.tables[name] for name in ("webhook_endpoints", "webhook_deliveries")
    )
    of_own, of_other, of_platform = uuid4(), uuid4(), uuid4()
    own, other = tenants
    await insert(owner, endpoints, id=of_own, organization_id=own)
    await insert(owner, endpoints, id=of_other, organization_id=other)
    await insert(owner, endpoints, id=of_platform)
    for endpoint in (of_own, of_other, of_platform):
        await insert(owner, deliveries, endpoint_id=endpoint)
    asked = "SELECT endpoint_id FROM webhook_deliveries"
    ids = "SELECT id FROM webhook_endpoints"

    async with scope(service, tenant=own):
        assert [of_own] == [row[0] for row in await service.fetch(asked)]
        assert of_platform not in [row[0] for row in await service.fetch(ids)]
        assert "DELETE 1" == await service.execute("DELETE FROM webhook_deliveries")
    for endpoint in (of_other, of_platform):
        async with scope(service, tenant=own):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await insert(service, deliveries, endpoint_id=endpoint)
    async with scope(service, everybody="platform"):
        seen = {row[0] for row in await service.fetch(asked)}
        assert {of_own, of_other, of_platform} <= seen
        assert of_platform in [row[0] for row in await service.fetch(ids)]
    async with scope(service):
        assert [] == await service.fetch(asked)


@pytest.mark.sec("SEC-56", "SEC-66")
async def test_a_tenant_reads_its_own_records_and_whoever_acts_appends_theirs(
    owner: asyncpg.Connection, service: asyncpg.Connection, tenants: tuple[UUID, UUID]
) -> None:
    records = metadata.tables["audit_records"]
    own, other = tenants
    ids = {tenant: uuid4() for tenant in (own, other, None)}
    for tenant, record in ids.items():
        of = {} if tenant is None else {"organization_id": tenant}
        await insert(owner, records, id=record, **of)
    seen = "SELECT id FROM audit_records"
    emptied = "UPDATE audit_records SET detail = NULL WHERE id = ANY($1) RETURNING id"
    removed = "DELETE FROM audit_records WHERE id = ANY($1)"
    all_ids = list(ids.values())

    async with scope(service, tenant=own):
        assert [ids[own]] == [row[0] for row in await service.fetch(seen)]
        assert [] == await service.fetch(emptied, all_ids)
        assert "DELETE 0" == await service.execute(removed, all_ids)
    async with scope(service):  # of nobody's, as a sign-in is
        assert [] == await service.fetch(seen)
        assert [] == await service.fetch(emptied, all_ids)
        assert "DELETE 0" == await service.execute(removed, all_ids)
        for tenant in ({}, {"organization_id": own}):
            await insert(service, records, id=uuid4(), **tenant)
    async with scope(service, everybody="platform"):
        assert set(all_ids) <= {row[0] for row in await service.fetch(seen)}
        assert len(all_ids) == len(await service.fetch(emptied, all_ids))
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await service.execute(removed, all_ids)


@pytest.mark.sec("SEC-66")
async def test_the_ends_of_the_chains_are_the_platforms(
    owner: asyncpg.Connection, service: asyncpg.Connection, tenants: tuple[UUID, UUID]
) -> None:
    chains, (own, _) = metadata.tables["audit_chains"], tenants
    await insert(owner, chains, chain=own)

    for asked in ({}, {"tenant": own}, {"user": uuid4()}):
        async with scope(service, **asked):
            assert [] == await service.fetch("SELECT chain FROM audit_chains")
            changed = "UPDATE audit_chains SET position = position"
            assert "UPDATE 0" == await service.execute(changed)
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await insert(service, chains, chain=uuid4())
    async with scope(service, everybody="platform"):
        assert own in [row[0] for row in await service.fetch("SELECT chain FROM audit_chains")]
        await insert(service, chains, chain=uuid4())


@pytest.mark.sec("SEC-56")
async def test_a_person_reads_their_memberships_and_the_organizations_behind_them(
    owner: asyncpg.Connection, service: asyncpg.Connection, tenants: tuple[UUID, UUID]
) -> None:
    own, _ = tenants
    user = uuid4()
    await insert(owner, metadata.tables["memberships"], organization_id=own, user_id=user)

    async with scope(service, user=user):
        seen = {
            table.name: {
                row[0]
                for row in await service.fetch(
                    f"SELECT DISTINCT {tenant_column(table)} FROM {table.name}"
                )
            }
            for table in OWNED
        }
        [row] = await service.fetch("SELECT user_id FROM memberships")
        assert user == row[0]
        assert "DELETE 0" == await service.execute("DELETE FROM memberships")
    readable = {"organizations", "memberships", "teams"}
    assert {name for name, found in seen.items() if found} == readable
    assert {own} == set().union(*seen.values())


@pytest.mark.skipif(
    "TEST_POSTGRES_URL" in os.environ,
    reason="makes a role of its own, which only the embedded server lets in as it is",
)
async def test_a_plain_owner_is_bound_too(make_database) -> None:
    """As in a deployment whose one role does everything."""
    url = await make_database()
    admin = await asyncpg.connect(dsn(url))
    name = f"test_{secrets.token_hex(6)}"
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    await admin.execute(f"GRANT ALL ON SCHEMA public TO {name}")
    plain = Secret(as_service(url.reveal()).replace("fm_auth_service@", f"{name}:x@", 1))
    try:
        from adapters.postgres import migrate as migrate_as

        await asyncio.to_thread(migrate_as, plain, service=plain)
        connection = await asyncpg.connect(dsn(plain))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await insert(connection, metadata.tables["organizations"])
        await connection.close()
    finally:
        await admin.execute(f"DROP OWNED BY {name} CASCADE")
        await admin.execute(f"DROP ROLE {name}")
        await admin.close()
