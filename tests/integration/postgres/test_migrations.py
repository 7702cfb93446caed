"""The migrations, up and down, on data, at once and half-way."""

import ast
import asyncio
import os
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, exc

import migrations
from adapters.postgres import SchemaNewer, current, downgrade, migrate
from adapters.postgres.schema import engine
from adapters.postgres.tables import metadata
from adapters.postgres.url import dsn
from auth_core.kernel import Secret

ROOT = Path(migrations.__file__).parent.parent
NOW = datetime(2026, 1, 1, tzinfo=UTC)

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
CATALOG = """
    SELECT c.relname AS table, a.attname AS name, concat_ws(
               ' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, l.collname,
               pg_get_expr(d.adbin, d.adrelid)) AS definition
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         LEFT JOIN pg_collation l ON l.oid = a.attcollation AND l.collname <> 'default'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    UNION ALL
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY 1, 2, 3
"""

USER_OF_0001 = (
    "INSERT INTO users VALUES ($1, NULL, 'a.b', 'a@b.de', false, 'A', 'active', '{user}',"
    " false, $2, $2, NULL, 1)"
)


async def fetch(url: Secret[str], query: str, *arguments: object) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn(url))
    try:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def catalog(url: Secret[str]) -> set[tuple[object, ...]]:
    return {row for row in await fetch(url, CATALOG) if row[0] != "alembic_version"}


async def alembic(url: Secret[str], *arguments: str, cwd: Path = ROOT) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", *arguments),
        cwd=cwd,
        env=os.environ | {"DATABASE_URL": url.reveal()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert 0 == process.returncode, output.decode()
    return output.decode()


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("path_separator", "newline")

    assert [migrations.HEAD] == ScriptDirectory.from_config(config).get_heads()


async def test_up_down_and_up_again_on_data(make_database) -> None:
    url = await make_database()
    assert await asyncio.to_thread(current, url) is None

    await asyncio.to_thread(migrate, url)
    assert migrations.HEAD == await asyncio.to_thread(current, url)
    await fetch(url, USER_OF_0001, uuid4(), NOW)
    before = await catalog(url)

    await asyncio.to_thread(downgrade, url, "base")
    assert [("alembic_version",)] == await fetch(url, TABLES)
    assert await asyncio.to_thread(current, url) is None

    await asyncio.to_thread(migrate, url)
    assert before == await catalog(url)


async def test_a_session_of_before_refresh_rotation_survives_it_both_ways(make_database) -> None:
    """And the version before can still sign people in on the new schema."""
    url = await make_database()
    await asyncio.to_thread(migrate, url, "0001")
    user, old, later = uuid4(), uuid4(), uuid4()
    sign_in = "INSERT INTO sessions (id, user_id, created_at, expires_at) VALUES ($1, $2, $3, $3)"
    await fetch(url, USER_OF_0001, user, NOW)
    await fetch(url, sign_in, old, user, NOW)

    await asyncio.to_thread(migrate, url, "0002")
    await fetch(url, sign_in, later, user, NOW)
    query = "SELECT id, absolute_expires_at = expires_at, last_used_at = created_at FROM sessions"
    assert {(old, True, True), (later, False, False)} == set(await fetch(url, query))
    assert [(0,)] == await fetch(url, "SELECT epoch FROM users")

    await asyncio.to_thread(downgrade, url, "0001")
    assert {(old,), (later,)} == set(await fetch(url, "SELECT id FROM sessions"))


async def test_keys_of_before_rotation_survive_it_both_ways(make_database) -> None:
    """And the version before can still store keys and events on the new schema."""
    url = await make_database()
    await asyncio.to_thread(migrate, url, "0002")
    key = (
        "INSERT INTO signing_keys (kid, use, algorithm, status, created_at, sealed_private_jwk)"
        " VALUES ($1, 'access', 'RS256', $2, $3, '')"
    )
    for kid, status in (("a", "active"), ("b", "retired"), ("c", "next")):
        await fetch(url, key, kid, status, NOW)

    await asyncio.to_thread(migrate, url, "0003")
    query = "SELECT kid, activated_at, retired_at > activated_at FROM signing_keys ORDER BY kid"
    assert [("a", NOW, None), ("b", NOW, True), ("c", None, None)] == await fetch(url, query)
    await fetch(url, key, "d", "next", NOW)
    event = (
        "INSERT INTO outbox (id, type, user_id, occurred_at, payload)"
        " VALUES ($1, 'x', $2, $3, '{}')"
    )
    user = uuid4()
    await fetch(url, event, uuid4(), user, NOW)
    await fetch(url, event, uuid4(), None, NOW)

    await asyncio.to_thread(downgrade, url, "0002")
    assert [(user,)] == await fetch(url, "SELECT user_id FROM outbox")
    kids = await fetch(url, "SELECT kid FROM signing_keys ORDER BY kid")
    assert [("a",), ("b",), ("c",), ("d",)] == kids


async def test_accounts_of_before_erasure_get_the_usual_time(make_database) -> None:
    """And the version before can still register and delete people on the new schema."""
    url = await make_database()
    await asyncio.to_thread(migrate, url, "0003")
    deleted, active = uuid4(), uuid4()
    for user, name, status in ((deleted, "c.d", "deleted"), (active, "e.f", "active")):
        await fetch(
            url,
            "INSERT INTO users VALUES ($1, NULL, $2, $2 || '@b.de', false, 'A', $3, '{user}',"
            " false, $4, $4, NULL, 1, 0)",
            *(user, name, status, NOW),
        )

    await asyncio.to_thread(migrate, url, "0008")
    query = "SELECT id, delete_after > now() + interval '29 days' FROM users"
    assert {(deleted, True), (active, None)} == set(await fetch(url, query))
    await fetch(url, USER_OF_0001.replace("1)", "1, 0)"), uuid4(), NOW)
    await fetch(url, "UPDATE users SET status = 'deleted' WHERE id = $1", active)

    await asyncio.to_thread(downgrade, url, "0003")
    assert [(3,)] == await fetch(url, "SELECT count(*) FROM users")


async def test_an_index_that_was_left_half_made_is_made_anew(make_database) -> None:
    url = await make_database()
    await asyncio.to_thread(migrate, url, "0008")
    await fetch(url, "CREATE INDEX ix_sessions_user_id ON sessions (client_id)")

    await asyncio.to_thread(migrate, url, "0009")

    query = "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_sessions_user_id'"
    ((definition,),) = await fetch(url, query)
    assert str(definition).endswith("(user_id)")


async def test_indexes_that_0007_made_are_kept_and_half_made_ones_made_anew(make_database) -> None:
    """Where 0007 and 0008 still made them; and where a run of 0019 was cut off."""
    url = await make_database()
    await asyncio.to_thread(migrate, url, "0019")
    made, query = await catalog(url), "SELECT 'ix_users_display_name'::regclass::oid"
    kept = await fetch(url, query)
    for number in range(2):
        name = f"a{number}"
        mine = USER_OF_0001.replace("'a.b', 'a@b.de'", f"'{name}', '{name}@b.de'")
        await fetch(url, mine, uuid4(), NOW)
    await fetch(url, "DROP INDEX ix_users_roles, ix_sessions_impersonator_id")
    with pytest.raises(asyncpg.UniqueViolationError):
        await fetch(url, "CREATE UNIQUE INDEX CONCURRENTLY ix_users_roles ON users (roles)")
    await fetch(url, "UPDATE alembic_version SET version_num = '0018'")

    await asyncio.to_thread(migrate, url, "0019")

    assert made == await catalog(url)
    assert kept == await fetch(url, query)
    assert [] == await fetch(url, "SELECT indexrelid FROM pg_index WHERE NOT indisvalid")
    await fetch(url, "UPDATE alembic_version SET version_num = '0018'")  # as before 0019
    await asyncio.to_thread(downgrade, url, "0006")
    assert [] == await fetch(url, "SELECT 1 FROM pg_class WHERE relname = 'ix_users_roles'")


def test_no_revision_keeps_writers_off_a_table_while_it_makes_an_index() -> None:
    """On a table that was there before, indexes are made CONCURRENTLY. 0002 is older than that."""
    found = set()
    for file in (ROOT / "migrations" / "versions").glob("*.py"):
        calls = [
            node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)
        ]
        own = {ast.unparse(call.args[0]) for call in calls if named(call, "op.create_table")}
        for call in calls:
            beside = "postgresql_concurrently=True" in map(ast.unparse, call.keywords)
            if named(call, "op.create_index") and not beside:
                table = ast.unparse(call.args[1])
                found |= set() if table in own else {(file.name[:4], table)}

    assert {("0002", "'sessions'")} == found


def named(call: ast.Call, name: str) -> bool:
    return ast.unparse(call.func) == name


async def test_events_of_before_the_relay_wait_for_it(make_database) -> None:
    """And the version before can still record events on the new schema."""
    url = await make_database()
    await asyncio.to_thread(migrate, url, "0013")
    event = "INSERT INTO outbox (id, type, occurred_at, payload) VALUES ($1, 'x', $2, '{}')"
    await fetch(url, event, uuid4(), NOW)
    await fetch(url, "CREATE INDEX ix_outbox_unnumbered ON outbox (type)")  # cut off half-way

    await asyncio.to_thread(migrate, url, "0015")
    await fetch(url, event, uuid4(), NOW)
    assert [(2,)] == await fetch(url, "SELECT count(*) FROM outbox WHERE sequence IS NULL")
    query = "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_outbox_unnumbered'"
    ((definition,),) = await fetch(url, query)
    assert '("position") WHERE (sequence IS NULL)' in str(definition)

    await asyncio.to_thread(downgrade, url, "0013")
    assert [(2,)] == await fetch(url, "SELECT count(*) FROM outbox")


async def test_a_password_of_before_failures_survives_them_both_ways(make_database) -> None:
    """And the version before can still store passwords on the new schema."""
    url = await make_database()
    await asyncio.to_thread(migrate, url, "0003")
    user = uuid4()
    await fetch(url, USER_OF_0001, user, NOW)
    store = (
        "INSERT INTO password_credentials (user_id, password_hash, updated_at)"
        " VALUES ($1, $2, now()) ON CONFLICT (user_id) DO UPDATE SET password_hash = $2"
    )
    await fetch(url, store, user, "old")

    await asyncio.to_thread(migrate, url, "0004")
    query = (
        "SELECT password_hash, consecutive_failures, last_failed_at, disabled_at, must_change"
        " FROM password_credentials"
    )
    assert [("old", 0, None, None, False)] == await fetch(url, query)
    await fetch(url, store, user, "new")
    assert [("new", 0, None, None, False)] == await fetch(url, query)

    await asyncio.to_thread(downgrade, url, "0003")
    assert [("new",)] == await fetch(url, "SELECT password_hash FROM password_credentials")


async def test_who_is_leaving_is_not_let_in_by_the_version_before(make_database) -> None:
    """And the version before can still make accounts and change them on the new schema."""
    url = await make_database()
    await asyncio.to_thread(migrate, url, "0006")
    leaving, staying = uuid4(), uuid4()
    await fetch(url, USER_OF_0001, leaving, NOW)
    await fetch(url, "UPDATE users SET username = 'c.d', email = 'c@d.de', delete_after = $1", NOW)
    await fetch(url, USER_OF_0001, staying, NOW)
    before = (await fetch(url, "SELECT status FROM users WHERE id = $1", staying))[0][0]

    await asyncio.to_thread(downgrade, url, "0005")

    found = dict(await fetch(url, "SELECT id, status FROM users"))
    assert {leaving: "disabled", staying: before} == found


@pytest.mark.sec("SEC-70")
async def test_no_impersonation_outlives_the_version_that_knows_it(make_database) -> None:
    """And the version before can still make accounts, sign people in and write the trail."""
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    user, own, foreign, later = uuid4(), uuid4(), uuid4(), uuid4()
    sign_in = "INSERT INTO sessions (id, user_id, created_at, expires_at) VALUES ($1, $2, $3, $3)"
    await fetch(url, USER_OF_0001, user, NOW)
    for session in (own, foreign, later):
        await fetch(url, sign_in, session, user, NOW)
    await fetch(url, "UPDATE sessions SET impersonator_id = $1 WHERE id = $2", uuid4(), foreign)
    await fetch(
        url,
        "INSERT INTO audit_records (id, occurred_at, action, reason, user_id)"
        " VALUES ($1, $2, 'x', 'y', $3)",
        *(uuid4(), NOW, user),
    )
    password = "INSERT INTO password_credentials (user_id, password_hash, updated_at)"
    await fetch(url, f"{password} VALUES ($1, 'x', $2)", user, NOW)
    assert [(False,)] == await fetch(url, "SELECT must_change FROM password_credentials")
    assert [(None, None)] == await fetch(url, "SELECT claims, locale FROM users")

    await asyncio.to_thread(downgrade, url, "0003")
    assert {(own,), (later,)} == set(await fetch(url, "SELECT id FROM sessions"))
    await asyncio.to_thread(migrate, url)
    rows = await fetch(url, "SELECT authenticated_at, amr, impersonator_id FROM sessions")
    assert [(None, [], None)] * 2 == rows


async def test_the_trail_of_before_survives_records_about_nobody_both_ways(make_database) -> None:
    """And the version before can still write the trail on the new schema."""
    url = await make_database()
    await asyncio.to_thread(migrate, url, "0010")
    append = (
        "INSERT INTO audit_records (id, occurred_at, action, reason, user_id)"
        " VALUES ($1, $2, 'x', 'y', $3)"
    )
    before, later, nobody, user = uuid4(), uuid4(), uuid4(), uuid4()
    await fetch(url, append, before, NOW, user)

    await asyncio.to_thread(migrate, url, "0011")
    await fetch(url, append, later, NOW, user)
    await fetch(url, append, nobody, NOW, None)
    query = "SELECT id, result, target, via_session_id FROM audit_records"
    found = {(each, "success", None, None) for each in (before, later, nobody)}
    assert found == set(await fetch(url, query))

    await asyncio.to_thread(downgrade, url, "0010")
    assert {(before,), (later,)} == set(await fetch(url, "SELECT id FROM audit_records"))


@pytest.mark.sec("SEC-66")
async def test_the_trail_of_before_the_chains_survives_them_both_ways(make_database) -> None:
    """And the version before can still write the trail and erase people on the new schema."""
    url = await make_database()
    await asyncio.to_thread(migrate, url, "0011")
    append = (
        "INSERT INTO audit_records (id, occurred_at, action, reason, user_id, detail)"
        " VALUES ($1, $2, 'x', 'y', $3, 'z')"
    )
    user = uuid4()
    await fetch(url, append, uuid4(), NOW, user)

    await asyncio.to_thread(migrate, url, "0013")
    await fetch(url, append, uuid4(), NOW, user)
    with pytest.raises(asyncpg.RestrictViolationError):
        await fetch(url, "DELETE FROM audit_records")
    await fetch(url, "UPDATE audit_records SET detail = NULL WHERE user_id = $1", user)
    query = "SELECT detail, position FROM audit_records"
    assert [(None, None)] * 2 == await fetch(url, query)

    await asyncio.to_thread(downgrade, url, "0011")
    assert [(2,)] == await fetch(url, "SELECT count(*) FROM audit_records")
    await fetch(url, "DELETE FROM audit_records")


async def test_migrating_what_is_migrated_changes_nothing(make_database) -> None:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    await asyncio.to_thread(migrate, url)

    assert migrations.HEAD == await asyncio.to_thread(current, url)


async def test_the_tables_of_the_code_are_the_migrated_ones(make_database) -> None:
    """To the letter of PostgreSQL's own description, names and predicates included."""
    migrated, created = await make_database(), await make_database()
    await asyncio.to_thread(migrate, migrated)
    async with engine(created) as database, database.begin() as connection:
        await connection.run_sync(metadata.create_all)

    assert await catalog(created) == await catalog(migrated)


async def test_autogenerate_finds_no_difference(postgres_url: Secret[str]) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(
            compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        )

    async with engine(postgres_url) as database, database.connect() as connection:
        assert [] == await connection.run_sync(differences)


async def test_every_constraint_has_a_name_of_ours(postgres_url: Secret[str]) -> None:
    names = await fetch(
        postgres_url,
        "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
        " AND contype <> 'n' AND conrelid <> 'alembic_version'::regclass",
    )

    assert all(str(name).startswith(("pk_", "fk_", "uq_", "ck_")) for (name,) in names)


async def test_often_updated_tables_leave_room_in_their_pages(postgres_url: Secret[str]) -> None:
    query = "SELECT relname FROM pg_class WHERE reloptions = '{fillfactor=90}' ORDER BY 1"

    assert [("sessions",), ("users",)] == await fetch(postgres_url, query)


@pytest.mark.parametrize(
    ("username", "email"),
    [
        ("John", "john@b.de"),
        ("jöhn", "john@b.de"),
        ("john", "John@b.de"),
        ("john", "john@b.dé"),
    ],
)
@pytest.mark.sec("SEC-61", "SEC-62")
async def test_a_name_that_is_not_canonical_meets_a_second_wall(
    postgres_url: Secret[str], username: str, email: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="_canonical"):
        await fetch(
            postgres_url,
            "INSERT INTO users VALUES ($1, NULL, $2, $3, false, 'A', 'active', '{user}',"
            " false, $4, $4, NULL, 1)",
            *(uuid4(), username, email, NOW),
        )


async def test_a_migration_that_fails_leaves_nothing(make_database) -> None:
    """The last table of the first migration is in the way, so all of it is undone."""
    url = await make_database()
    await fetch(url, "CREATE TABLE outbox (kept int)")

    with pytest.raises(exc.ProgrammingError, match="outbox"):
        await asyncio.to_thread(migrate, url)

    assert ("users",) not in await fetch(url, TABLES)
    assert await asyncio.to_thread(current, url) is None
    await fetch(url, "DROP TABLE outbox")
    await asyncio.to_thread(migrate, url)
    assert migrations.HEAD == await asyncio.to_thread(current, url)


async def test_nodes_that_migrate_at_once_do_it_once(make_database) -> None:
    url = await make_database()

    outputs = await asyncio.gather(*(alembic(url, "upgrade", "head") for _ in range(3)))

    assert 1 == sum("Running upgrade" in output for output in outputs)
    assert migrations.HEAD == await asyncio.to_thread(current, url)


async def test_a_newer_schema_is_not_touched(make_database) -> None:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    await fetch(url, "UPDATE alembic_version SET version_num = '9999'")

    for change in (migrate, lambda url: downgrade(url, "base")):
        with pytest.raises(SchemaNewer, match=r"schema 9999.*Upgrade the service"):
            await asyncio.to_thread(change, url)

    assert ("users",) in await fetch(url, TABLES)


async def test_the_plain_commands_work(make_database, tmp_path: Path) -> None:
    """In a copy, so that the revision that is made does not stay."""
    url = await make_database()
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["alembic"]
    lines = (f"{name} = {_toml(value)}" for name, value in options.items())
    (checkout / "pyproject.toml").write_text("\n".join(("[tool.alembic]", *lines)))
    await asyncio.to_thread(_copy_migrations, checkout)

    await alembic(url, "upgrade", "head", cwd=checkout)
    await alembic(url, "revision", "-m", "more of it", cwd=checkout)
    made = checkout / "migrations" / "versions" / f"{int(migrations.HEAD) + 1:04d}_more_of_it.py"
    assert "autocommit_block" not in made.read_text()
    await alembic(url, "upgrade", "head", cwd=checkout)
    await alembic(url, "downgrade", "-1", cwd=checkout)

    assert migrations.HEAD == await asyncio.to_thread(current, url)


def _copy_migrations(checkout: Path) -> None:
    for source in (ROOT / "migrations").rglob("*"):
        if source.suffix in {".py", ".mako"}:
            target = checkout / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
