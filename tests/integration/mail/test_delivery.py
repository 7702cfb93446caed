"""From a commit to a mail server, through PostgreSQL: the relay is killed at every step."""

import asyncio
import hashlib
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from app.container import Container
from app.in_process import ConnectedCore
from app.settings import load_settings
from auth_core.kernel import Letter, MailTemplate, Secret
from auth_core.mail import Fate, LetterStatus
from auth_core.testing.contracts.mail_outbox import new_letter
from tests.api.asking import claims_of
from tests.e2e.running import FM_AUTH, environment, fm_auth, free_port, services_in
from tests.integration.mail.conftest import PASSWORD, USERNAME, MailServer
from tests.service_role import as_service, migrate
from tests.serving import bearer, serving

SECONDS = 60
BLOCKED = (
    "pg_stat_activity WHERE wait_event_type = 'Lock'"
    " AND query LIKE 'DELETE FROM mail_outbox%' AND datname = current_database()"
)


@pytest.fixture(scope="module")
async def database_url(servers) -> AsyncIterator[str]:
    """A database whose outbox nobody else fills."""
    name = f"fm_mail_{uuid4().hex}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    path = urlsplit(servers.database_url).path
    url = (
        servers.database_url.replace(f"{path}?", f"/{name}?")
        if "?" in servers.database_url
        else (servers.database_url.removesuffix(path) + f"/{name}")
    )
    await asyncio.to_thread(migrate, Secret(url))
    yield url
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


@pytest.fixture
async def observer(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    await connection.execute("TRUNCATE mail_outbox")
    yield connection
    await connection.close()


@pytest.fixture
async def holder(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Another connection, in whose transaction nobody has to look around."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def settings_of(database_url: str, redis_url: str, port: int) -> dict[str, str]:
    return {
        "ENVIRONMENT": "production",
        "DATABASE_URL": as_service(database_url),
        "REDIS_URL": redis_url,
        "AUTH_MASTER_KEY": hashlib.sha256(database_url.encode()).hexdigest(),
        "AUTH_PUBLIC_URL": "https://id.example.com",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(port),
        "SMTP_SECURITY": "none",
        "SMTP_FROM": "FaultMaven <no-reply@example.com>",
        "SMTP_TIMEOUT_SECONDS": "20",
    }


@asynccontextmanager
async def core_of(settings: dict[str, str]) -> AsyncIterator[ConnectedCore]:
    container = Container(load_settings(settings))
    try:
        yield container.core
    finally:
        await container.close()


async def enqueue(core: ConnectedCore) -> Letter:
    letter = new_letter(values={"token": "canary-token", "minutes": "10"}, locale="de")
    async with core.unit_of_work() as uow:
        await uow.mail.enqueue(letter)
        await uow.commit()
    return letter


async def test_a_committed_letter_reaches_its_reader_and_leaves_nothing(
    serve, database_url, redis_url, observer
):
    async with (
        serve() as server,
        core_of(settings_of(database_url, redis_url, server.port)) as core,
    ):
        letter = await enqueue(core)
        stored = await observer.fetchrow("SELECT * FROM mail_outbox")
        assert b"canary-token" not in stored["sealed_values"]

        relayed = await core.mail_relay.run()

    assert [Fate.SENT] == [outcome.fate for outcome in relayed.outcomes]
    [taken] = server.taken
    assert letter.to.value == taken["To"]
    link = "https://id.example.com/account/reset-password?token=canary-token"
    for part in taken.iter_parts():
        assert link in part.get_content()
    assert 0 == await observer.fetchval("SELECT count(*) FROM mail_outbox")


async def test_who_registers_where_it_is_open_proves_the_address_by_a_letter(
    serve, database_url, redis_url, observer
):
    auth, name = "/api/v1/auth", f"jane-{uuid4().hex[:12]}"
    body = {"username": name, "email": f"{name}@example.com", "password": "nine lanterns at sea"}
    async with serve() as server:
        settings = settings_of(database_url, redis_url, server.port) | {
            "REGISTRATION_MODE": "open",
            "AUTH_EMBEDDED_WORKER": "false",
        }
        async with serving(settings) as client, core_of(settings) as core:
            made = await client.post(f"{auth}/register", json=body)
            without = await client.post(
                f"{auth}/register", json={**body, "username": f"{name}.x", "email": None}
            )
            assert [201, 201] == [made.status_code, without.status_code], made.text
            await core.mail_relay.run()

            [taken] = server.taken
            assert body["email"] == taken["To"]
            link = re.search(
                r"https://id\.example\.com/account/verify-email\?token=(\S+)",
                taken.get_body(("plain",)).get_content(),
            )
            proved = await client.post(f"{auth}/verify-email", json={"token": link[1]})
            me = await client.get(f"{auth}/me", headers=bearer(made.json()["access_token"]))

    assert 200 == proved.status_code, proved.text
    before, after = claims_of(made.json()["access_token"]), me.json()
    assert (False, True) == (before["email_verified"], after["email_verified"])


@pytest.mark.sec("SEC-72")
async def test_a_mail_server_that_is_down_and_comes_back(serve, database_url, redis_url, observer):
    port = free_port()
    async with core_of(settings_of(database_url, redis_url, port)) as core:
        letters = {(await enqueue(core)).id for _ in range(3)}
        relayed = await core.mail_relay.run()
        assert {"smtp_no_connection"} == {each.reason for each in relayed.outcomes}
        assert "smtp_no_connection" == core.mail_relay.problem

        async with serve(port=port) as server:
            await core.mail.retry()
            core.mail_relay._paused_until = None  # as if the rest were over
            relayed = await core.mail_relay.run()

    assert letters == {outcome.id for outcome in relayed.outcomes}
    assert 3 == len(server.taken)


async def test_a_dead_letter_is_listed_without_what_it_said(
    serve, database_url, redis_url, observer
):
    async with (
        serve(MailServer(answers={"RCPT": "550 no such user"})) as server,
        core_of(settings_of(database_url, redis_url, server.port)) as core,
    ):
        letter = await enqueue(core)
        await core.mail_relay.run()

        [stored] = await core.mail.page()
        assert (letter.id, "smtp_550") == (stored.id, stored.last_error)
        assert LetterStatus.DEAD is stored.status(core.mail.now())
        assert 0 == await core.mail.retry([letter.id])
    assert None is await observer.fetchval("SELECT sealed_values FROM mail_outbox")


@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT", "DATA", "TAKEN", "record"])
async def test_a_relay_that_is_killed_loses_no_letter(
    serve, database_url, redis_url, observer, holder, step
):
    """Before the server has it: sent once. Afterwards: sent twice, with one Message-ID."""
    at = "TAKEN" if step == "record" else step
    async with serve(MailServer(hangs_at=at)) as server:
        settings = settings_of(database_url, redis_url, server.port)
        async with core_of(settings) as core:
            letter = await enqueue(core)
            relay = await asyncio.create_subprocess_exec(
                *(FM_AUTH, "worker", "--once"), env=environment(settings), cwd="/"
            )
            async with asyncio.timeout(SECONDS):
                await server.reached.wait()
                if step == "record":
                    await block_the_record(server, holder, observer)
            os.kill(relay.pid, signal.SIGKILL)
            await relay.wait()
            if step == "record":
                # with its relay, or it would go on as soon as it may
                await observer.execute(f"SELECT pg_terminate_backend(pid) FROM {BLOCKED}")
                await holder.execute("ROLLBACK")
            assert [(letter.id, 1)] == [(each.id, each.attempts) for each in await core.mail.page()]
            assert () == (await core.mail_relay.run()).outcomes  # somebody may be about to send it

            await observer.execute("UPDATE mail_outbox SET next_attempt_at = now()")
            server.hangs_at = ""
            [outcome] = (await core.mail_relay.run()).outcomes

    assert (Fate.SENT, 2) == (outcome.fate, outcome.attempts)
    assert (2 if at == "TAKEN" else 1) == len(server.taken)
    assert 1 == len({taken["Message-ID"] for taken in server.taken})
    assert 0 == await observer.fetchval("SELECT count(*) FROM mail_outbox")


@pytest.mark.parametrize("hurried", [False, True])
async def test_a_worker_that_is_told_to_stop_finishes_its_letter_unless_it_is_told_twice(
    serve, database_url, redis_url, observer, hurried
):
    """Told twice, it leaves the letter to the next one, as if it had been killed."""
    async with serve(MailServer(hangs_at="DATA")) as server:
        settings = settings_of(database_url, redis_url, server.port)
        async with core_of(settings) as core:
            await enqueue(core)
            worker = await asyncio.create_subprocess_exec(
                *(FM_AUTH, "worker"),
                env=environment({**settings, "SHUTDOWN_TIMEOUT": "600"}),
                cwd="/",
            )
            async with asyncio.timeout(SECONDS):
                await server.reached.wait()
                worker.terminate()
                if not hurried:
                    server.goes_on.set()
                while hurried and worker.returncode is None:
                    worker.terminate()
                    await asyncio.sleep(0.05)
                status = await worker.wait()
            left = [each.attempts for each in await core.mail.page()]
            server.goes_on.set()

    # the last signal may come when it does not listen any more
    assert status in ({0, -signal.SIGTERM} if hurried else {0})
    assert ([1] if hurried else []) == left
    assert (0 if hurried else 1) == len(server.taken)


async def block_the_record(
    server: MailServer, holder: asyncpg.Connection, observer: asyncpg.Connection
) -> None:
    """Let the server take the letter and hold the relay while it writes that down."""
    await holder.execute("BEGIN")
    await holder.execute("SELECT FROM mail_outbox FOR UPDATE")
    server.goes_on.set()
    while not await observer.fetchval(f"SELECT true FROM {BLOCKED}"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.sec("SEC-46")
async def test_the_master_key_changes_under_waiting_letters(
    serve, database_url, redis_url, observer
):
    async with serve() as server:
        old = settings_of(database_url, redis_url, server.port)
        new = {**old, "AUTH_MASTER_KEY": hashlib.sha256(b"the next one").hexdigest()}
        async with core_of(old) as core:
            letter = await enqueue(core)
        both = {**new, "AUTH_MASTER_KEY_PREVIOUS": old["AUTH_MASTER_KEY"]}
        async with core_of(both) as core:
            assert [1, 0] == [await core.mail.rewrap(), await core.mail.rewrap()]
        async with core_of(new) as core:
            [outcome] = (await core.mail_relay.run()).outcomes

    assert (letter.id, Fate.SENT) == (outcome.id, outcome.fate)


@pytest.mark.sec("SEC-67")
async def test_the_service_itself_sends_and_its_log_tells_no_secret(
    serve, certificates, database_url, redis_url, observer, tmp_path
):
    """On its own event loop, over STARTTLS and with a login."""
    async with serve(tls=certificates.server, login=True) as server:
        settings = {
            **settings_of(database_url, redis_url, server.port),
            "SMTP_SECURITY": "starttls",
            "SMTP_CA_PATH": str(certificates.ca_path),
            "SMTP_USERNAME": USERNAME,
            "SMTP_PASSWORD": PASSWORD,
            "LOG_LEVEL": "debug",
        }
        with services_in(tmp_path) as services:
            service = await asyncio.to_thread(services(settings).start)
            async with core_of(settings) as core:
                letter = await enqueue(core)
            async with asyncio.timeout(SECONDS):
                await server.arrived.wait()
                while await observer.fetchval("SELECT count(*) FROM mail_outbox"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            log = service.output

    assert [True] == [encrypted for _, _, encrypted in server.envelopes]
    for secret in ("canary-token", PASSWORD, letter.to.value):
        assert secret not in log


@pytest.mark.sec("SEC-72")
async def test_without_a_mail_server_letters_wait(database_url, redis_url, observer):
    settings = settings_of(database_url, redis_url, 25)
    without = {name: value for name, value in settings.items() if not name.startswith("SMTP")}
    async with core_of(without) as core:
        assert None is core.mail_relay
        await enqueue(core)

    assert 1 == await observer.fetchval("SELECT count(*) FROM mail_outbox")


async def test_a_letter_of_a_later_version_is_left_to_it(serve, database_url, redis_url, observer):
    async with (
        serve() as server,
        core_of(settings_of(database_url, redis_url, server.port)) as core,
    ):
        later, ours = await enqueue(core), await enqueue(core)
        await observer.execute(
            "UPDATE mail_outbox SET template = 'of_a_later_version' WHERE id = $1", later.id
        )
        [outcome] = (await core.mail_relay.run()).outcomes

        assert (ours.id, MailTemplate.RESET_PASSWORD) == (outcome.id, outcome.template)
        assert [] == await core.mail.page()
    assert 1 == await observer.fetchval("SELECT count(*) FROM mail_outbox WHERE attempts = 0")


async def test_an_operator_tests_the_mail_server(serve, database_url, redis_url):
    async def ask(settings: dict[str, str], address: str) -> tuple[int, str]:
        done = await asyncio.to_thread(fm_auth, "mail", "test", address, settings=settings)
        return done.returncode, done.stdout + done.stderr

    async with serve() as server:
        settings = settings_of(database_url, redis_url, server.port)
        taken = await ask(settings, "Somebody@Example.com")
        server.answers = {"RCPT": "550 no such user"}
        refused = await ask(settings, "nobody@example.com")
        bad = await ask(settings, "nobody")
    gone = await ask(settings, "somebody@example.com")
    unset = await ask({**settings, "SMTP_HOST": ""}, "somebody@example.com")

    assert (0, "The mail server has taken a message to somebody@example.com.\n") == taken
    assert ["somebody@example.com"] == [message["To"] for message in server.taken]
    assert (1, "Error: The mail server did not take it: smtp_550.\n") == refused
    assert 1 == bad[0]
    assert "ADDRESS" in bad[1]
    assert (1, "Error: The mail server did not take it: smtp_no_connection.\n") == gone
    assert 78 == unset[0]
    assert "SMTP_HOST is not set" in unset[1]
