"""PostgreSQL that is down, killed, restarted, refusing, or migrated to another schema."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
import structlog
from sqlalchemy import Integer, bindparam, func, select

import migrations
from adapters.embedded.servers import EmbeddedServers
from adapters.postgres import (
    Database,
    DatabaseDown,
    DatabaseRefused,
    InvalidDatabaseUrl,
    PostgresUnitOfWork,
    SchemaNewer,
    SchemaOutdated,
    current,
    migrate,
)
from adapters.postgres.availability import Availability
from adapters.postgres.statement import Statement
from adapters.postgres.url import dsn
from auth_core.kernel import Misconfigured, Secret, Unavailable
from auth_core.testing.contracts.making import fresh_id, new_user, stored_user
from tests.hearing import capture_logs_of

SLEEP = Statement(select(func.pg_sleep(bindparam("seconds", type_=Integer))))
NOWHERE = Secret("postgresql://me:canary@127.0.0.1:1/auth")


@asynccontextmanager
async def open_database(url: Secret[str], **options: object) -> AsyncIterator[Database]:
    # a busy machine is not what these tests are about
    patience = {"connect_timeout": 60, "acquire_timeout": 60, "command_timeout": 60}
    database = Database(url, **patience | options)  # type: ignore[arg-type]
    database.availability._calm_seconds = 0
    try:
        yield database
    finally:
        await database.close()


async def read(database: Database) -> None:
    async with PostgresUnitOfWork(database) as uow:
        await uow.users.get(fresh_id())


async def execute(url: Secret[str], *statements: str) -> None:
    connection = await asyncpg.connect(dsn(url))
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def expect_refused(call: Callable[[], Awaitable[object]]) -> Unavailable:
    with pytest.raises(Unavailable) as unavailable:
        await call()
    return unavailable.value


@pytest.mark.sec("SEC-72", "SEC-67")
async def test_a_server_that_is_down_is_unavailable_and_told_once() -> None:
    async with open_database(NOWHERE) as database:
        with capture_logs_of("database_") as logs:
            outcomes = [await expect_refused(lambda: read(database)) for _ in range(5)]
            with pytest.raises(DatabaseDown) as down:
                await database.check()

    assert {(Unavailable.default_message, 1)} == {(o.message, o.retry_after) for o in outcomes}
    assert "127.0.0.1:1/auth does not answer" in str(down.value)
    assert ["database_unavailable"] == [entry["event"] for entry in logs]
    assert str(down.value) == logs[0]["problem"]
    assert "canary" not in f"{logs}{down.value}{outcomes}"


def test_an_outage_with_good_moments_is_one_outage() -> None:
    availability = Availability("db:5432/auth", calm_seconds=0.05)
    with structlog.testing.capture_logs() as logs:
        for _ in range(20):
            availability.lost(TimeoutError())
            availability.found()
            availability.lost(ConnectionRefusedError(111, "Connection refused"))
            availability.found()
        time.sleep(0.06)
        for _ in range(3):
            availability.found()
        availability.lost(TimeoutError())

    assert [
        ("error", "timeout"),
        ("error", "Connection refused"),
        ("info", None),
        ("error", "timeout"),
    ] == [
        (entry["log_level"], entry.get("problem", "").partition("(")[2].partition(")")[0] or None)
        for entry in logs
    ]


@pytest.mark.sec("SEC-33", "SEC-72")
async def test_a_killed_server_is_unavailable_in_flight_and_used_again_after_its_restart(
    own_servers: EmbeddedServers,
) -> None:
    url = Secret(own_servers.start().database_url)
    await asyncio.to_thread(migrate, url)
    async with open_database(url) as database:
        committed = await stored_user(lambda: PostgresUnitOfWork(database))
        in_flight = [asyncio.create_task(hang(database, write=write)) for write in (True, False)]
        await asyncio.sleep(0.3)

        with structlog.testing.capture_logs() as logs:
            await asyncio.to_thread(own_servers.postgres.kill)
            for task in in_flight:
                assert isinstance(await expect_refused(lambda task=task: task), Unavailable)
            for _ in range(3):
                await expect_refused(lambda: read(database))
            with pytest.raises(DatabaseDown):
                await database.check()
            await asyncio.to_thread(own_servers.start)
            async with PostgresUnitOfWork(database) as uow:
                assert committed == await uow.users.get(committed.id)
                assert [committed.id] == [user.id for user in await uow.users.page()]
            await database.check()

    events = [entry["event"] for entry in logs]
    assert "database_available_again" == events[-1]
    assert 1 == events.count("database_available_again")
    # the connection that broke, and the server that does not take another
    assert 1 <= events.count("database_unavailable") <= 3


async def hang(database: Database, *, write: bool) -> None:
    async with PostgresUnitOfWork(database) as uow:
        if write:
            await uow.users.add(new_user())
        await uow._entered.row(SLEEP, seconds=30)


async def test_idle_connections_that_were_cut_are_replaced(own_servers: EmbeddedServers) -> None:
    url = Secret(own_servers.start().database_url)
    await asyncio.to_thread(migrate, url)
    async with open_database(url) as database:
        await asyncio.gather(*(read(database) for _ in range(5)))
        await execute(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'fm-auth'",
        )
        assert database._pool is not None
        connections = [holder._con for holder in database._pool._holders if holder._con is not None]
        async with asyncio.timeout(60):
            while not all(each.is_closed() for each in connections):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        assert 5 == len(await asyncio.gather(*(read(database) for _ in range(5))))


def kill_with_backends(servers: EmbeddedServers) -> None:
    """A backend may carry out one more statement before it notices that its postmaster is gone."""
    children = Path(f"/proc/{servers.postgres.pid}/task/{servers.postgres.pid}/children")
    backends = [int(pid) for pid in children.read_text().split()]
    servers.postgres.kill()
    for pid in backends:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def test_a_commit_whose_answer_is_lost_is_unavailable(
    own_servers: EmbeddedServers,
) -> None:
    url = Secret(own_servers.start().database_url)
    await asyncio.to_thread(migrate, url)

    async def commit(database: Database) -> None:
        async with PostgresUnitOfWork(database) as uow:
            await uow.users.add(new_user())
            await asyncio.to_thread(kill_with_backends, own_servers)
            await uow.commit()

    async with open_database(url) as database:
        await expect_refused(lambda: commit(database))
        await asyncio.to_thread(own_servers.start)
        async with PostgresUnitOfWork(database) as uow:
            assert [] == await uow.users.page()


async def test_a_wrong_password_is_told_to_the_operator_only(
    own_servers: EmbeddedServers,
) -> None:
    url = Secret(own_servers.start().database_url)
    await asyncio.to_thread(migrate, url)
    await execute(url, "CREATE ROLE guest LOGIN PASSWORD 'right'")
    connection = await asyncpg.connect(dsn(url))
    hba = await connection.fetchval("SHOW hba_file")
    await connection.close()
    await asyncio.to_thread(_ask_for_a_password, hba)
    await execute(url, "SELECT pg_reload_conf()")
    wrong = Secret(url.reveal().replace("fm_auth@", "guest:canary@", 1))
    async with asyncio.timeout(60):  # the reload is asynchronous
        while not await _is_refused(wrong):  # noqa: ASYNC110 - the server's event
            await asyncio.sleep(0.05)

    async with open_database(wrong) as database:
        with capture_logs_of("database_") as logs:
            unavailable = await expect_refused(lambda: read(database))
            with pytest.raises(DatabaseRefused, match="correct the user or the password") as error:
                await database.check()
    with pytest.raises(DatabaseRefused):
        await asyncio.to_thread(current, wrong)

    assert Unavailable.default_message == unavailable.message
    assert [str(error.value)] == [entry["problem"] for entry in logs]
    assert "canary" not in f"{logs}{error.value}"


async def _is_refused(url: Secret[str]) -> bool:
    try:
        await (await asyncpg.connect(dsn(url))).close()
    except asyncpg.InvalidPasswordError:
        return True
    return False


def _ask_for_a_password(hba: str) -> None:
    with Path(hba).open("r+", encoding="utf-8") as file:
        rules = file.read()
        file.seek(0)
        file.write(f"local all guest scram-sha-256\n{rules}")


async def test_a_missing_database_is_told_to_the_operator(server_url: Secret[str]) -> None:
    head, separator, query = server_url.reveal().partition("?")
    missing = Secret(f"{head.rpartition('/')[0]}/no_such_database{separator}{query}")

    async with open_database(missing) as database:
        with pytest.raises(DatabaseRefused, match=r"no_such_database has no such database; create"):
            await database.check()
        await expect_refused(lambda: read(database))
    for call in (current, migrate):
        with pytest.raises(DatabaseRefused, match="no such database"):
            await asyncio.to_thread(call, missing)


@pytest.mark.parametrize("call", [current, migrate])
async def test_migrating_a_server_that_is_down_says_so(call: Callable[[Secret[str]], None]) -> None:
    with pytest.raises(DatabaseDown, match=r"127\.0\.0\.1:1/auth does not answer"):
        await asyncio.to_thread(call, NOWHERE)


async def test_an_option_that_the_driver_does_not_take_is_told() -> None:
    async with open_database(Secret("postgresql://me@127.0.0.1:1/a?sslmode=canary")) as database:
        with pytest.raises(InvalidDatabaseUrl) as error:
            await database.check()
        await expect_refused(lambda: read(database))

    assert "canary" not in str(error.value)


async def test_an_empty_database_asks_for_migration_and_works_after_it(make_database) -> None:
    url = await make_database()
    async with open_database(url) as database:
        with capture_logs_of("database_") as logs:
            with pytest.raises(SchemaOutdated, match=r"no tables yet.*Run `fm-auth migrate`"):
                await database.check()
            for _ in range(3):
                await expect_refused(lambda: read(database))
            await asyncio.to_thread(migrate, url)
            await read(database)
            await database.check()

    assert ["database_unavailable", "database_available_again"] == [e["event"] for e in logs]


async def test_an_older_schema_asks_for_migration(
    make_database, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    head = migrations.HEAD
    monkeypatch.setattr(migrations, "HEAD", "0999")

    async with open_database(url) as database:
        with pytest.raises(
            SchemaOutdated, match=rf"schema {head}.*needs schema 0999.*fm-auth migrate"
        ):
            await database.check()
        await expect_refused(lambda: read(database))


async def test_a_newer_schema_needs_leave(make_database) -> None:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    await execute(url, "UPDATE alembic_version SET version_num = '9999'")

    async with open_database(url) as database:
        with pytest.raises(SchemaNewer, match="AUTH_ALLOW_NEWER_SCHEMA=true") as newer:
            await database.check()
        await expect_refused(lambda: read(database))
    async with open_database(url, allow_newer_schema=True) as database:
        await database.check()
        await read(database)

    assert isinstance(newer.value, Misconfigured)
    assert "Upgrade the service" in str(newer.value)


async def test_a_running_service_bears_a_newer_schema_and_notices_a_lost_table(
    make_database,
) -> None:
    """A rolling upgrade migrates under the feet of the old version; a downgrade may not."""
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    async with open_database(url) as database:
        await database.check()
        await execute(url, "UPDATE alembic_version SET version_num = '9999'")
        await database.check()
        await read(database)

        await execute(url, "DROP TABLE users CASCADE", "DELETE FROM alembic_version")
        await expect_refused(lambda: read(database))
        with pytest.raises(SchemaOutdated, match="fm-auth migrate"):
            await database.check()


async def test_a_database_can_be_made_and_closed_without_a_server() -> None:
    async with open_database(NOWHERE):
        pass

    assert "canary" not in repr(vars(Database(NOWHERE)))


async def test_closing_does_not_wait_for_ever(postgres_url: Secret[str]) -> None:
    database = Database(postgres_url, command_timeout=60)
    connection = await database.acquire()
    database._command_timeout = 0.3
    async with asyncio.timeout(60):
        await database.close()

    assert not database._pool.get_size()
    await database.release(connection, seconds=1)
    await expect_refused(lambda: read(database))


@pytest.mark.skipif("TEST_POSTGRES_URL" in os.environ, reason="the server may have other clients")
async def test_closing_leaves_no_connection(postgres_url: Secret[str], observer) -> None:
    # of this database: the workers of other tests open and close connections when they like
    mine = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'fm-auth' AND datname = current_database()"
    )
    before = await observer.fetchval(mine)
    async with open_database(postgres_url) as database:
        await asyncio.gather(*(read(database) for _ in range(5)))
        assert await observer.fetchval(mine) > before

    async with asyncio.timeout(60):
        while await observer.fetchval(mine) > before:  # noqa: ASYNC110 - the server's event
            await asyncio.sleep(0.01)
