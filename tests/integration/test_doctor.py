"""The examination of real servers: what is well, and each trouble with what to do about it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from adapters.redis.diagnosis import redis_facts
from adapters.system import SystemClock
from app.doctor import Finding, Level, examine, told
from app.in_process import ConnectedCore
from app.settings import load_settings
from auth_core.kernel import Secret, Unavailable
from auth_core.testing import ManualClock
from tests.conftest import Servers
from tests.e2e.running import free_port
from tests.integration.mail.conftest import MailServer, serve  # noqa: F401 - a fixture
from tests.integration.redis.conftest import valkey  # noqa: F401 - a fixture
from tests.integration.redis.valkey_process import ValkeyProcess
from tests.service_role import migrate
from tests.serving import development

MAIL = {
    "SMTP_HOST": "127.0.0.1",
    "SMTP_SECURITY": "none",
    "SMTP_FROM": "no-reply@example.com",
    "AUTH_PUBLIC_URL": "https://auth.example.com",
}


@pytest.fixture(scope="module")
async def own_database(servers: Servers) -> AsyncIterator[str]:
    """A migrated database of this module's: keys of others, sealed otherwise, are no fault of it.

    The URL is its owner's.
    """
    name = f"fm_doctor_{secrets.token_hex(8)}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    url = of_name(servers.database_url, name)
    await asyncio.to_thread(migrate, Secret(url))
    yield url
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


def of_name(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


@pytest.fixture
def environ(own_database: str, redis_url: str) -> dict[str, str]:
    """A deployment on the servers of this run."""
    return development(own_database, redis_url)


async def found(environ: dict[str, str]) -> list[Finding]:
    return [finding async for finding in examine(load_settings(environ))]


def about(findings: list[Finding], name: str) -> list[Finding]:
    return [finding for finding in findings if finding.about == name]


def worst(findings: list[Finding], name: str) -> Level:
    levels = {finding.level for finding in about(findings, name)}
    return next(level for level in reversed(Level) if level in levels)


async def test_servers_that_are_well_are_told_as_such(environ: dict[str, str]) -> None:
    findings = await found(environ)

    for name in ("postgresql", "clock", "keys", "mail"):
        assert Level.OK is worst(findings, name), about(findings, name)
    assert {"postgresql", "redis", "clock", "keys", "mail", "outbox", "settings"} == {
        finding.about for finding in findings
    }
    # whoever is well needs no advice
    assert not any(finding.advice for finding in findings if finding.level is Level.OK)


async def test_a_database_without_tables_is_told(servers: Servers, environ: dict[str, str]) -> None:
    name = f"fm_doctor_{secrets.token_hex(8)}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    url = of_name(servers.database_url, name)
    try:
        findings = await found(environ | {"DATABASE_URL": url})
        tables = await _tables(url)
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()
    assert 0 == tables

    [finding] = about(findings, "postgresql")
    assert Level.ERROR is finding.level
    assert "Run `fm-auth migrate`" in finding.text


async def test_a_database_that_is_away_stops_no_other_check(environ: dict[str, str]) -> None:
    url = f"postgresql://fm:canary-password@127.0.0.1:{free_port()}/auth"

    findings = await found(environ | {"DATABASE_URL": url})

    for name in ("postgresql", "keys", "outbox"):
        assert Level.ERROR is worst(findings, name)
    for name in ("redis", "clock"):
        assert about(findings, name)[0].level is Level.OK
    assert about(findings, "mail")
    assert "canary" not in "\n".join(told(findings))


async def test_a_redis_that_is_away_is_told_without_its_password(environ: dict[str, str]) -> None:
    port = free_port()

    findings = await found(environ | {"REDIS_URL": f"redis://:canary-password@127.0.0.1:{port}/0"})

    assert Level.ERROR is worst(findings, "redis")
    text = "\n".join(told(findings))
    assert f"127.0.0.1:{port}" in text
    assert "canary" not in text


@pytest.mark.parametrize(
    ("options", "level"),
    [
        (["--maxmemory-policy", "noeviction"], Level.OK),
        (["--maxmemory-policy", "volatile-lru", "--maxmemory", "500mb"], Level.ERROR),
        (["--maxmemory-policy", "allkeys-lru"], Level.WARNING),
    ],
)
async def test_a_policy_that_may_evict_tombstones_is_told(
    environ: dict[str, str],
    valkey: ValkeyProcess,  # noqa: F811
    options: list[str],
    level: Level,
) -> None:
    valkey.kill()
    await asyncio.to_thread(valkey.start, *options)

    findings = await found(environ | {"REDIS_URL": valkey.url})

    assert level is worst(findings, "redis")
    if level is not Level.OK:
        [finding] = [each for each in about(findings, "redis") if each.level is level]
        assert options[1] in finding.text
        assert "tombstones" in finding.text
        assert "noeviction" in finding.advice


async def test_a_replica_is_no_place_to_write(
    environ: dict[str, str],
    valkey: ValkeyProcess,  # noqa: F811
) -> None:
    valkey.kill()
    await asyncio.to_thread(valkey.start, "--replicaof", "127.0.0.1", str(free_port()))

    findings = await found(environ | {"REDIS_URL": valkey.url})

    assert any("replica" in finding.text for finding in about(findings, "redis"))
    assert Level.ERROR is worst(findings, "redis")


@pytest.mark.sec("SEC-72")
@pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(hours=1)])
async def test_how_far_a_clock_is_off_is_measured(redis_url: str, off: timedelta) -> None:
    facts = await redis_facts(Secret(redis_url), ManualClock(SystemClock().now() + off))

    assert abs(facts.ahead + off) < timedelta(minutes=5)


async def test_why_a_redis_cannot_be_asked_is_for_an_operator() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        await redis_facts(Secret(f"redis://127.0.0.1:{free_port()}"), SystemClock())


@pytest.mark.sec("SEC-46")
async def test_a_key_that_the_master_key_does_not_open_is_told(
    environ: dict[str, str], made_keys: None
) -> None:
    findings = await found(environ | {"AUTH_MASTER_KEY": secrets.token_hex(32)})

    assert Level.ERROR is worst(findings, "keys")
    assert any("master key" in finding.text.lower() for finding in about(findings, "keys"))


@pytest.fixture
async def made_keys(environ: dict[str, str]) -> AsyncIterator[None]:
    """The deployment has keys."""
    from app.options import options

    settings = load_settings(environ)
    core = ConnectedCore(settings, options(settings))
    await core.keys.ring()
    yield
    await core.close()


async def test_a_mail_server_that_admits_us_gets_no_mail(
    environ: dict[str, str],
    serve,  # noqa: F811
) -> None:
    async with serve() as server:
        findings = await found(environ | MAIL | {"SMTP_PORT": str(server.port)})

    assert Level.OK is worst(findings, "mail")
    assert 1 == server.conversations
    assert [] == server.taken


async def test_a_mail_server_that_does_not_is_told_with_its_answer(
    environ: dict[str, str],
    serve,  # noqa: F811
) -> None:
    wrong = {"SMTP_USERNAME": "fm-auth", "SMTP_PASSWORD": "canary of a password"}
    async with serve(login=True) as server:
        refused = await found(environ | MAIL | wrong | {"SMTP_PORT": str(server.port)})
    away = await found(environ | MAIL | {"SMTP_PORT": str(free_port())})

    for findings, reason in ((refused, "smtp_"), (away, "smtp_no_connection")):
        assert Level.ERROR is worst(findings, "mail")
        assert reason in "\n".join(told(about(findings, "mail")))
    assert "canary" not in "\n".join(told(refused))


async def test_what_is_valid_and_still_a_risk_is_told(environ: dict[str, str]) -> None:
    production = environ | {
        "ENVIRONMENT": "production",
        "RATE_LIMIT_ENABLED": "false",
        "AUTH_WEBHOOK_ALLOW_PRIVATE": "true",
        "DB_POOL_SIZE": "1000",
        "WORKERS": "4",
        "ENABLE_TRACING": "true",
    }

    text = "\n".join(told(await found(production)))

    for part in ("no limits", "private networks", "max_connections", "SMTP_HOST"):
        assert part in text


def test_advice_stands_below_what_it_is_about() -> None:
    findings = [
        Finding(Level.OK, "redis", "Valkey 9"),
        Finding(Level.ERROR, "mail", "down", "start it"),
    ]

    assert [
        "ok       redis          Valkey 9",
        "error    mail           down",
        "                        → start it",
    ] == list(told(findings))


async def _tables(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(
            await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        )
    finally:
        await connection.close()


async def test_an_examination_makes_no_keys(environ: dict[str, str], own_database: str) -> None:
    """It looks, and leaves the first keys to the first worker."""
    connection = await asyncpg.connect(own_database)
    try:
        before = await connection.fetchval("SELECT count(*) FROM signing_keys")
        await found(environ)
        assert before == await connection.fetchval("SELECT count(*) FROM signing_keys")
    finally:
        await connection.close()
