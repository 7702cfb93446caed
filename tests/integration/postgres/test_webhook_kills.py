"""`kill -9` of whoever delivers, at every step, with real processes (SEC-65)."""

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
from auth_core.kernel import Secret
from auth_core.testing.contracts.webhook_making import new_message
from auth_core.webhooks import SecretVault, WebhookFanOut, WebhookPolicy, WebhookService
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
@pytest.mark.parametrize("step", ["leased", "sent", "settled", "committed"])
async def test_a_dispatcher_that_is_killed_loses_nothing_and_keeps_the_order(
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
    with receiving() as receiver:
        _, secret = await service.create(None, url=receiver.url)
        messages = [
            new_message(f"subject {number % 3}", occurred_at=datetime.now(UTC), body="{}")  # noqa: TID251
            for number in range(9)
        ]
        assert 9 == await WebhookFanOut(unit_of_work, clock, ids).spread(messages)
        await database.close()

        for _ in range(2):  # at the first turn, and at one behind it
            assert -9 == await run(step, url.reveal(), master_key.hex())
        assert 0 == await run("none", url.reveal(), master_key.hex())

        received = [each.id for each in receiver.received]
        for each in receiver.received:
            each.verified(secret.reveal())
    for subject in {message.subject for message in messages}:
        theirs = [str(message.id) for message in messages if message.subject == subject]
        assert theirs == list(dict.fromkeys(each for each in received if each in theirs))
    again = len(received) - len(messages)
    assert (again > 0) is (step in {"sent", "settled"})
