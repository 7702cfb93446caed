"""What takes events to webhooks in a process of its own, that is killed where its first argument
says. With ``none`` it lives until nothing waits any more.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta

from adapters.crypto import EnvelopeSealer
from adapters.postgres import Database, PostgresUnitOfWork
from adapters.system import SystemClock, SystemEntropy, SystemIds
from adapters.webhooks import HttpWebhookSender, SystemResolver
from auth_core.events import EventRelay, EventRelayPolicy
from auth_core.kernel import Secret
from auth_core.testing.contracts.event_publisher import SOURCE
from auth_core.webhooks import DispatchPolicy, SecretVault, WebhookDispatcher, WebhookFanOut

step, database_url, master_key = sys.argv[1:]
# What a dead process had is free at once: a test has no minute. One turn at a time: a slow machine
# must not take its own work for that of a dead process.
POLICY = DispatchPolicy(lease_time=timedelta(milliseconds=200), per_endpoint=2, slots=1)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class FanOut(WebhookFanOut):
    async def publish(self, events):
        await super().publish(events)
        if step == "queued":
            die()


class Sender(HttpWebhookSender):
    sent = 0

    async def send(self, url, headers, body):
        if step == "leased":
            die()
        status = await super().send(url, headers, body)
        Sender.sent += 1
        if step == "sent" and Sender.sent == 2:
            die()
        return status


class Unit(PostgresUnitOfWork):
    async def commit(self):
        if step == "settled" and Sender.sent:
            await self._entered._run_deferred()
            die()
        await super().commit()
        if step == "committed" and Sender.sent:
            die()


database = Database(Secret(database_url))


def unit_of_work() -> Unit:
    return Unit(database)


async def main() -> None:
    dispatcher = WebhookDispatcher(
        *(unit_of_work, SecretVault(EnvelopeSealer(Secret(bytes.fromhex(master_key))))),
        Sender(SystemResolver(), allow_private=True, whole_seconds=60.0),
        *(SystemClock(), SystemIds(), SystemEntropy(), POLICY),
    )
    fan_out = FanOut(unit_of_work, SystemClock(), SystemIds())
    relay = EventRelay(unit_of_work, fan_out, SOURCE, SystemClock(), EventRelayPolicy(batch=5))
    while True:
        await relay.run()
        await dispatcher.run()
        async with unit_of_work().for_platform() as uow:
            endpoints = await uow.webhooks.all()
        if step == "none" and all(each.due_at is None for each in endpoints):
            break
        await asyncio.sleep(0.02)
    await database.close()


asyncio.run(main())
