"""`kill -9` of whoever relays and delivers, at every step, with real processes (SEC-65)."""

import asyncio
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.crypto import EnvelopeSealer
from adapters.postgres import Database, PostgresUnitOfWork, migrate
from adapters.system import SystemClock, SystemEntropy, SystemIds
from adapters.webhooks import HttpWebhookSender, SystemResolver
from auth_core.kernel import Secret, UserId
from auth_core.testing.contracts.event_publisher import new_event
from auth_core.testing.contracts.making import fresh_id
from auth_core.webhooks import SecretVault, WebhookPolicy, WebhookService
from tests.integration.postgres.conftest import MakeDatabase
from tests.receiving import receiving

PROGRAM = Path(__file__).parents[1] / "killed_dispatcher.py"
ROOT = Path(__file__).parents[3]


async def run(step: str, *arguments: str) -> int | None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), step, *arguments, env={"PYTHONPATH": str(ROOT)}
    )
    async with asyncio.timeout(60):
        return await process.wait()


@pytest.mark.sec("SEC-65")
@pytest.mark.parametrize("step", ["queued", "leased", "sent", "settled", "committed"])
async def test_who_is_killed_loses_nothing_and_keeps_the_order(
    make_database: MakeDatabase, step: str
) -> None:
    url, master_key = await make_database(), secrets.token_bytes(32)
    await asyncio.to_thread(migrate, url)
    database = Database(url)

    def unit_of_work() -> PostgresUnitOfWork:
        return PostgresUnitOfWork(database)

    clock, ids, entropy = SystemClock(), SystemIds(), SystemEntropy()
    vault = SecretVault(EnvelopeSealer(Secret(master_key)))
    sender = HttpWebhookSender(SystemResolver(), allow_private=True)
    service = WebhookService(unit_of_work, vault, sender, clock, ids, entropy, WebhookPolicy())
    users = [UserId(fresh_id()) for _ in range(3)]
    with receiving() as receiver:
        _, secret = await service.create(None, url=receiver.url)
        committed, undone = [], []
        for number in range(12):
            event = new_event(users[number % 3], datetime.now(UTC))  # noqa: TID251 - the real time
            async with unit_of_work() as uow:
                await uow.outbox.add([event])
                if number % 4 == 3:
                    undone.append(str(event.id))
                    continue
                await uow.commit()
            committed.append(event)
        await database.close()

        for _ in range(2):  # at the first turn, and at one behind it
            assert -9 == await run(step, url.reveal(), master_key.hex())
        assert 0 == await run("none", url.reveal(), master_key.hex())

        received = [each.id for each in receiver.received]
        for each in receiver.received:
            each.verified(secret.reveal())
    for user_id in users:
        theirs = [str(event.id) for event in committed if event.user_id == user_id]
        assert theirs == list(dict.fromkeys(each for each in received if each in theirs))
    assert set() == set(undone) & set(received)
    again = len(received) - len(committed)
    assert (again > 0) is (step in {"sent", "settled"})
