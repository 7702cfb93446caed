"""No statement of a request reads a whole table, whatever the table has grown to."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import bindparam, select

from adapters.postgres import (
    audit,
    audit_log,
    credentials,
    event_log,
    grants,
    invitations,
    keys,
    loading,
    mail,
    memberships,
    one_time_secrets,
    organization_domains,
    organizations,
    outbox,
    personal_data,
    refresh_counter,
    roles,
    session_sweeps,
    sessions,
    tables,
    teams,
    user_search,
    users,
    webhook_deliveries,
    webhooks,
)
from adapters.postgres.statement import Statement
from adapters.postgres.url import dsn
from auth_core.audit import AuditQuery
from auth_core.kernel import OrganizationId, UserId
from auth_core.users import UserQuery
from tests.integration.postgres.conftest import MakeDatabase
from tests.load.population import Population, load
from tests.service_role import as_service, migrate

_SIZE = 20_000
_MODULES = (
    *(webhooks, webhook_deliveries),
    *(
        users,
        user_search,
        credentials,
        loading,
        sessions,
        refresh_counter,
        outbox,
        audit,
        keys,
        audit_log,
    ),
    *(mail, personal_data, one_time_secrets, event_log),
    *(organizations, memberships, teams, invitations, organization_domains),
    *(roles, grants),
)
_NOW = datetime(2026, 11, 24, tzinfo=UTC)

_EVENTS = """\
INSERT INTO outbox (id, type, user_id, occurred_at, payload, sequence)
SELECT uuidv7(-number * interval '1 minute'), 'user.updated', uuidv7(),
    now() - number * interval '1 minute', '{}', nullif(number, 20000)
FROM generate_series(1, 20000) AS number"""
_LETTERS = """\
INSERT INTO mail_outbox (id, recipient, template, sealed_values, created_at, next_attempt_at)
SELECT uuidv7(-number * interval '1 minute'), 'a@example.com', 'reset_password', 'x',
    now() - number * interval '1 minute', now() + number * interval '1 minute'
FROM generate_series(1, 20000) AS number"""
_SECRETS = """\
INSERT INTO one_time_secrets
    (id, purpose, subject, digest, email, user_id, attempts, created_at, expires_at)
SELECT uuidv7(), 'reset_password', number::text, sha256(number::text::bytea), 'a@example.com',
    uuidv7(), 0, now(), now() - number * interval '1 minute'
FROM generate_series(1, 20000) AS number"""
_CREDENTIALS = """\
INSERT INTO password_credentials (user_id, password_hash, updated_at)
SELECT id, 'hash', created_at FROM users"""
_AUDIT_RECORDS = """\
INSERT INTO audit_records (id, occurred_at, action, reason, user_id)
SELECT uuidv7(), now() - number * interval '1 minute', 'a', 'b', uuidv7()
FROM generate_series(1, 20000) AS number"""
_SEALED_RECORDS = """\
INSERT INTO audit_records (id, occurred_at, action, reason, organization_id, chain, position,
    previous_hash, hash)
SELECT uuidv7(), now(), 'a', 'b', chain, chain, number, 'x', 'y'
FROM (SELECT number, uuidv7() AS chain FROM generate_series(1, 20000) AS number) AS made"""
_CHAINS = """\
INSERT INTO audit_chains (chain, position, sealed_head)
SELECT chain, position, 'x' FROM audit_records WHERE chain IS NOT NULL"""
_ERASED_SESSIONS = """\
INSERT INTO erased_sessions (id, user_id, ended_at)
SELECT uuidv7(), uuidv7(), now() - number * interval '1 minute'
FROM generate_series(1, 20000) AS number"""

_ORGANIZATIONS = """\
INSERT INTO organizations (id, name, slug, settings, created_at, updated_at, version, delete_after)
SELECT uuidv7(), 'Acme', 'acme-' || number, '{}', now(), now(), 1,
    CASE WHEN number % 100 = 0 THEN now() + number * interval '1 minute' END
FROM generate_series(1, 20000) AS number"""
_MEMBERSHIPS = """\
INSERT INTO memberships (organization_id, user_id, role, created_at, updated_at)
SELECT o.id, u.id, CASE WHEN u.number % 10 = 0 THEN 'owner' ELSE 'member' END, now(), now()
FROM (SELECT id, row_number() OVER () AS number FROM organizations) AS o
JOIN (SELECT id, row_number() OVER () AS number FROM users) AS u ON u.number / 10 = o.number"""
_ROLES = """\
INSERT INTO roles
    (id, organization_id, name, description, permissions, created_at, updated_at, version)
SELECT uuidv7(), id, 'auditor', '', '{}', now(), now(), 1 FROM organizations"""
_TEAMS = """\
INSERT INTO teams (id, organization_id, name, created_at, updated_at, version)
SELECT uuidv7(), id, 'Team', now(), now(), 1 FROM organizations"""
_TEAM_MEMBERSHIPS = """\
INSERT INTO team_memberships (organization_id, team_id, user_id, role, created_at)
SELECT t.organization_id, t.id, m.user_id, 'member', now()
FROM teams AS t JOIN memberships AS m ON m.organization_id = t.organization_id"""
_INVITATIONS = """\
INSERT INTO invitations (id, organization_id, email, role, digest, created_at, expires_at)
SELECT uuidv7(), id, slug || '@example.com', 'member', sha256(slug::bytea), now(),
    now() - row_number() OVER () * interval '1 minute'
FROM organizations"""
_DOMAINS = """\
INSERT INTO organization_domains (id, organization_id, domain, challenge, created_at, verified_at)
SELECT uuidv7(), id, slug || '.example', 'x', now(), now() FROM organizations"""

_ENDPOINTS = """\
INSERT INTO webhook_endpoints (id, organization_id, url, event_types, description, sealed_secret,
    created_at, updated_at, disabled, due_at)
SELECT uuidv7(), uuidv7(), 'https://a.example/', '{*}', '', 'x', now(), now(),
    CASE WHEN number % 100 = 0 THEN 'gone' END,
    CASE WHEN number % 10 = 0 THEN now() + number * interval '1 minute' END
FROM generate_series(1, 20000) AS number"""
_DELIVERIES = """\
INSERT INTO webhook_deliveries (id, endpoint_id, event_id, event_type, subject, body, queued_at,
    next_attempt_at, delivered_at)
SELECT uuidv7(-row_number() OVER () * interval '1 minute'), id, uuidv7(), 'user.updated', id::text,
    '{}', now(), due_at, CASE WHEN due_at IS NULL THEN now() END
FROM webhook_endpoints"""

# A handful of keys is read whole, once in a while; listed so that no other table joins them.
_SMALL = {"signing_keys", "departed_keys", "event_progress"}


def _statements() -> dict[str, Statement]:
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": value
        for module in _MODULES
        for name, value in vars(module).items()
        if isinstance(value, Statement)
    }


STATEMENTS = _statements()
STATEMENTS["user_search.by_prefix"] = user_search.searching(UserQuery(prefix="a"))[0]
STATEMENTS["audit_log.of_tenant"] = audit_log.searching(
    AuditQuery(organization_id=OrganizationId(UUID(int=1)))
)[0]
STATEMENTS["audit_log.of_person"] = audit_log.searching(AuditQuery(user_id=UserId(UUID(int=1))))[0]
STATEMENTS.pop("mail._MAKE_DUE")  # an operator's, who means all of them
STATEMENTS.pop("mail._BACKLOG")  # every 10 s, of a table that is emptied within a second
STATEMENTS.pop("mail._WITHDRAW")  # once in an account's life; an index would cost every letter
STATEMENTS.pop("audit_log._KNOWN")  # whoever verifies or trims means all of them
CLAIM = STATEMENTS.pop("mail._CLAIM")
for part in ("PAGES", "DELETIONS", "REDACTIONS"):
    of_tables = getattr(personal_data, part)
    STATEMENTS |= {f"personal_data.{part}[{table}]": made for table, made in of_tables.items()}
for table in ("mail_outbox", "one_time_secrets"):  # what is in them is gone in minutes
    del STATEMENTS[f"personal_data.DELETIONS[{table}]"]
    STATEMENTS.pop(f"personal_data.PAGES[{table}]", None)
_SWEPT = ("outbox", "mail", "one_time_secrets", "invitations", "webhook_deliveries")
SWEEPS = [
    *(STATEMENTS.pop(f"{name}._SWEEP") for name in _SWEPT),
    *session_sweeps.SWEEPS,
]


@pytest.fixture(scope="module")
async def crowded_url(make_database: MakeDatabase) -> str:
    """A database with many users and sessions, whose statistics are fresh; for its owner."""
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    connection = await asyncpg.connect(dsn(url))
    await load(connection, Population(users=_SIZE, sessions=_SIZE, ended_every=10), _NOW)
    for statement in (
        _EVENTS,
        _LETTERS,
        _SECRETS,
        _CREDENTIALS,
        _AUDIT_RECORDS,
        _SEALED_RECORDS,
        _CHAINS,
        _ERASED_SESSIONS,
        _ENDPOINTS,
        _DELIVERIES,
        _ORGANIZATIONS,
        _MEMBERSHIPS,
        _ROLES,
        _TEAMS,
        _TEAM_MEMBERSHIPS,
        _INVITATIONS,
        _DOMAINS,
        "ANALYZE",
    ):
        await connection.execute(statement)
    await connection.close()
    return dsn(url)


@pytest.fixture(scope="module", params=["owner", "service"])
async def crowded(
    request: pytest.FixtureRequest, crowded_url: str
) -> AsyncIterator[asyncpg.Connection]:
    """A connection to that database, without and with the walls of `row_security`.

    Their conditions ask for the scope in sub-selects: one plan serves every scope.
    """
    url = crowded_url if request.param == "owner" else as_service(crowded_url)
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


def _scanned_whole(node: dict[str, Any]) -> set[str]:
    """The tables that a plan reads from end to end."""
    found = {node["Relation Name"]} if node["Node Type"] == "Seq Scan" else set()
    return found.union(*(_scanned_whole(child) for child in node.get("Plans", [])))


async def _plan(
    connection: asyncpg.Connection, statement: Statement, **values: str
) -> dict[str, Any]:
    """The plan for these values; without any the generic one, which serves whatever comes."""
    mode = "force_custom_plan" if values else "force_generic_plan"
    await connection.execute(f"SET plan_cache_mode = {mode}")
    await connection.execute(f"PREPARE asked AS {statement.sql}")
    try:
        given = ", ".join(f"'{values[name]}'" if values else "NULL" for name in statement.names)
        asked = f"asked({given})" if given else "asked"
        found = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE {asked}")
    finally:
        await connection.execute("DEALLOCATE asked")
    plan: dict[str, Any] = json.loads(found)[0]["Plan"]
    return plan


# Without values PostgreSQL expects a LIMIT to let a tenth of the table pass; with them it knows.
@pytest.mark.parametrize("number", range(len(SWEEPS)))
async def test_no_sweep_reads_a_whole_table(crowded: asyncpg.Connection, number: int) -> None:
    sweep, before = SWEEPS[number], _NOW - timedelta(days=1)
    values = {
        "before": before.isoformat(),
        "before_id": str(UUID(int=int(before.timestamp() * 1000) << 80)),
        "limit": "10",  # as little of this table as the worker's limit is of a million rows
    }

    plan = await _plan(crowded, sweep, **values)

    assert set() == _scanned_whole(plan)


async def test_no_claim_reads_a_whole_table(crowded: asyncpg.Connection) -> None:
    now = datetime.now(UTC).isoformat()  # noqa: TID251 - as the database has it
    values = {"now": now, "until": now, "limit": "8", "known": "{reset_password}"}

    assert set() == _scanned_whole(await _plan(crowded, CLAIM, **values))


@pytest.mark.parametrize("name", sorted(STATEMENTS))
async def test_no_statement_reads_a_whole_table(crowded: asyncpg.Connection, name: str) -> None:
    plan = await _plan(crowded, STATEMENTS[name])

    assert set() == _scanned_whole(plan) - _SMALL


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("sessions._STATE", "ix_sessions_live"),
        ("sessions._LIVE_OF", "ix_sessions_live"),
        ("sessions._END_ALL", "ix_sessions_live"),
        ("sessions._ENDED_SINCE", "ix_sessions_ended_at"),
        ("memberships._BELONGINGS", "ix_memberships_user_id"),
        ("memberships._PAGE", "uq_memberships_organization_id"),
        ("memberships._OTHER_OWNER", "ix_memberships_owners"),
        ("organization_domains._OWNER", "uq_organization_domains_verified"),
        ("grants._OF", "ix_memberships_user_id"),
        ("grants._CHANGED_SINCE", "ix_outbox_grants"),
        ("personal_data._DUE", "ix_users_delete_after"),
        ("personal_data.DELETIONS[sessions]", "ix_sessions_user_id"),
    ],
)
async def test_the_index_made_for_a_statement_serves_it(
    crowded: asyncpg.Connection, name: str, index: str
) -> None:
    assert f'"{index}"' in json.dumps(await _plan(crowded, STATEMENTS[name]))


async def test_a_whole_table_that_is_read_is_noticed(crowded: asyncpg.Connection) -> None:
    tables_users = tables.users
    by_display_name = select(tables_users.c.id).where(
        tables_users.c.display_name == bindparam("name")
    )

    assert {"users"} == _scanned_whole(await _plan(crowded, Statement(by_display_name)))
