"""What is told of deliveries: ids and words."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from app.deliverer import Deliverer
from app.worker import Worker, tasks_of
from auth_core.kernel import OrganizationId
from auth_core.testing import in_memory_core
from auth_core.testing.contracts.webhook_making import new_message
from auth_core.testing.core import DEVELOPMENT
from auth_core.webhooks import DispatchPolicy


@pytest.mark.sec("SEC-67")
async def test_it_counts_and_tells_of_each_trouble_and_shows_nothing_of_a_receiver():
    core = in_memory_core()
    organization_id = OrganizationId(core.ports.ids.uuid())
    endpoint, secret = await core.webhooks.endpoints.create(
        organization_id, url="https://receiver.example/a-token-of-theirs"
    )
    deliver = Deliverer(core.webhooks.dispatcher)
    messages = [
        new_message(
            str(number), organization_id=organization_id, occurred_at=core.clock.now(), body="{}"
        )
        for number in range(6)
    ]
    done = []

    with capture_logs() as lines:
        await core.webhooks.fan_out.spread(messages[:1])
        done.append(await deliver())
        core.receivers.answering = lambda url, body: 500
        await core.webhooks.fan_out.spread(messages[1:])
        done.append(await deliver())
        core.clock.advance(timedelta(days=1))
        done.append(await deliver())
        core.receivers.answering = lambda url, body: 410
        core.clock.advance(timedelta(hours=1))
        done.append(await deliver())

    assert [
        {"deliveries": 1, "failed": 0, "dead": 0},
        {"deliveries": 0, "failed": 5, "dead": 0},
        {"deliveries": 0, "failed": 0, "dead": 1},  # one at a time: the circuit is open
        {"deliveries": 0, "failed": 0, "dead": 1},
    ] == done
    assert [
        ("webhook_failing", "http_500"),
        ("webhook_delivery_dead", "http_500"),
        ("webhook_delivery_dead", "http_410"),
        ("webhook_disabled", "gone"),
    ] == [(line["event"], line["reason"]) for line in lines]
    assert {(str(endpoint.id), str(organization_id))} == {
        (line["webhook_id"], line["organization_id"]) for line in lines
    }
    for hidden in ("a-token-of-theirs", secret.reveal(), "receiver.example"):
        assert hidden not in repr(lines)


@pytest.mark.sec("SEC-65")
async def test_a_worker_that_is_closed_gives_back_what_no_receiver_has_answered():
    hasty = DispatchPolicy(finish_seconds=0)
    core = in_memory_core(msgspec.structs.replace(DEVELOPMENT, webhook_dispatch=hasty))
    endpoint, _ = await core.webhooks.endpoints.create(None, url="https://receiver.example/")
    await core.webhooks.log.test(None, endpoint.id)
    under_way = asyncio.Event()

    async def hang(url, headers, body):
        under_way.set()
        await asyncio.Event().wait()

    core.receivers.send = hang
    tasks = [task for task in tasks_of(core) if task.name == "webhooks"]
    worker = Worker(tasks, first_run_seconds=0)
    await worker.start()
    await asyncio.wait_for(under_way.wait(), 30)
    await worker.close()

    [delivery] = await core.webhooks.log.page(None, endpoint.id)
    stored = await core.webhooks.endpoints.get(None, endpoint.id)
    assert (core.clock.now(), "cannot_wait") == (delivery.next_attempt_at, delivery.log[-1].error)
    assert (core.clock.now(), None) == (stored.due_at, stored.leased_until)
