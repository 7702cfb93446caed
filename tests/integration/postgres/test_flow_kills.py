"""`kill -9` of a worker between any two messages to PostgreSQL, in the flows with a mailed secret.

In a database of their own, so that all of it can be compared: what a killed process leaves is all
that was there before, or all of the change.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import asyncpg
import pytest

from adapters.postgres import Database
from adapters.postgres.url import dsn
from app.container import Container
from auth_core.core import Core
from auth_core.credentials import parse_password
from auth_core.kernel import Email, InvalidLink, MailTemplate, Secret
from auth_core.sessions import SessionOrigin
from auth_core.testing.contracts.making import fresh_name
from auth_core.users import Registration, User
from tests.integration.killed_flow import FLOWS, NEW_PASSWORD, core_on
from tests.integration.postgres.conftest import MakeDatabase
from tests.mailbox import Mailbox
from tests.service_role import as_service, migrate

PROGRAM = Path(__file__).parents[1] / "killed_flow.py"
ROOT = Path(__file__).parents[3]
PASSWORD = "correct horse battery staple"
KILLED = -9

Run = Callable[[str, str, int | str], Awaitable[int]]


class World:
    """A database, somebody who looks at it, and a core of a process that lives on."""

    def __init__(self, core: Core, connection: asyncpg.Connection, run: Run) -> None:
        self.core = core
        self.run = run
        self._connection = connection
        self._mailbox = Mailbox(cast("Container", SimpleNamespace(core=core)))

    async def everything(self) -> dict[str, list[str]]:
        """All rows of all tables."""
        names = await self._connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        return {
            table: sorted(
                row[0] for row in await self._connection.fetch(f"SELECT t::text FROM {table} t")
            )
            for (table,) in names
        }

    async def token(self, email: str, template: MailTemplate) -> str:
        """What the newest such letter carries."""
        return await self._mailbox.token(email, template)


async def somebody(world: World) -> User:
    name = fresh_name()
    registration = Registration.parse(username=name, email=f"{name}@example.com")
    return await world.core.accounts.create(registration, password=parse_password(PASSWORD))


@pytest.fixture(scope="module")
async def world(make_database: MakeDatabase) -> AsyncIterator[World]:
    owner = await make_database()
    await asyncio.to_thread(migrate, owner)
    url = Secret(as_service(owner.reveal()))
    database, connection = Database(url), await asyncpg.connect(dsn(owner))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), url.reveal()),
        env={"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None

    async def run(flow: str, argument: str, step: int | str) -> int:
        stdin.write(json.dumps([flow, argument, step]).encode() + b"\n")
        async with asyncio.timeout(60):
            return int(await stdout.readline())

    world = World(core_on(database), connection, run)
    user = await somebody(world)
    await world.core.sign_in.log_in(user.username, PASSWORD)  # there are signing keys from now on
    yield world
    stdin.close()
    await process.wait()
    await connection.close()
    await database.close()


async def begin(world: World, flow: str) -> str:
    """Bring somebody to where ``flow`` goes on; returns its argument."""
    flows = world.core.self_service
    if flow == "registration":
        name = fresh_name()
        registration = Registration.parse(username=name, email=f"{name}@example.com")
        await flows.registration.register(registration, PASSWORD, origin=SessionOrigin())
        return await world.token(registration.email.value, MailTemplate.VERIFY_REGISTRATION)
    user = await somebody(world)
    match flow:
        case "forgotten":
            await flows.reset_password.send(user.email)
            return user.email.value
        case "reset":
            await flows.reset_password.send(user.email)
            return await world.token(user.email.value, MailTemplate.RESET_PASSWORD)
        case "verify":
            await flows.verify_email.send(user.email)
            return await world.token(user.email.value, MailTemplate.VERIFY_EMAIL)
        case _:
            other = Email.parse(f"{fresh_name()}@example.com")
            await flows.change_email.request(user, other, PASSWORD)
            return await world.token(other.value, MailTemplate.CHANGE_EMAIL)


LEAVES = {
    "forgotten": {"mail_outbox": 1, "one_time_secrets": 0},
    "reset": {"audit_records": 1, "mail_outbox": 1, "outbox": 1},
    "verify": {"audit_records": 1, "outbox": 1},
    "change": {"audit_records": 1, "mail_outbox": 1, "outbox": 1},
    "registration": {"users": 1, "password_credentials": 1, "sessions": 1, "audit_records": 2},
}
"""How many rows each adds, once."""


async def carried_out(world: World, flow: str, argument: str, before: dict[str, list[str]]) -> None:
    """All of it has happened, once, and the secret is used up."""
    after = await world.everything()
    grown = {table: len(after[table]) - len(before[table]) for table in LEAVES[flow]}
    assert LEAVES[flow] == grown
    if flow == "forgotten":  # the newest link works
        token = await world.token(argument, MailTemplate.RESET_PASSWORD)
        await world.core.self_service.reset_password.reset(token, NEW_PASSWORD)
        return
    with pytest.raises(InvalidLink):
        await FLOWS[flow](world.core, argument)
    assert after == await world.everything()


@pytest.mark.sec("SEC-16", "SEC-66")
@pytest.mark.parametrize("flow", FLOWS)
async def test_a_worker_killed_before_the_commit_leaves_nothing_and_the_secret_works(
    world: World, flow: str
) -> None:
    argument = await begin(world, flow)
    before, step = await world.everything(), 1

    while (status := await world.run(flow, argument, step)) == KILLED:
        assert before == await world.everything(), f"killed before message {step}"
        step += 1

    assert 0 == status
    assert step > 2  # it was killed in the middle as well
    await carried_out(world, flow, argument, before)


@pytest.mark.sec("SEC-16", "SEC-66")
@pytest.mark.parametrize("flow", FLOWS)
async def test_a_worker_killed_after_the_commit_has_done_it_once(world: World, flow: str) -> None:
    argument = await begin(world, flow)
    before = await world.everything()

    assert KILLED == await world.run(flow, argument, "committed")

    await carried_out(world, flow, argument, before)
