"""The dispatcher: in order, at least once, and nobody waits for other people's trouble (SEC-65)."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from auth_core.kernel import OrganizationId, Secret, Unavailable
from auth_core.testing import ToySealer
from auth_core.webhooks import (
    CircuitPolicy,
    DeliveryStatus,
    DisabledReason,
    DispatchPolicy,
    EndpointChanges,
    RetryPolicy,
    SecretVault,
    WebhookDisabled,
    WebhookFailure,
    verify,
)
from auth_core.webhooks.metrics import DELIVERIES

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
SLOW, QUICK = "https://slow.example/", "https://quick.example/"

pytestmark = pytest.mark.sec("SEC-65")


def answer(status):
    return lambda url, body: status


def fail(reason):
    def failing(url, body):
        raise WebhookFailure(reason)

    return failing


def failing_at(url, reason="timeout"):
    def failing(where, body):
        if where == url:
            raise WebhookFailure(reason)
        return 200

    return failing


async def test_what_is_due_is_sent_once_signed_and_logged(world):
    endpoint = await world.endpoint()
    message, *_ = await world.spread(world.message(), world.message("b"))

    assert 2 == await world.dispatcher.run()
    assert 0 == await world.dispatcher.run()

    assert 2 == len(world.received())
    _, headers, body = world.receivers.received[0]
    received = verify(world.secret, headers, body, now=world.clock.now())
    assert (str(message.id), message.body.encode()) == (received.id, body)
    delivery = world.deliveries(endpoint)[0]
    assert (DeliveryStatus.DELIVERED, 1) == (delivery.status, delivery.attempts)
    [attempt] = delivery.log
    assert (200, None, world.clock.now()) == (attempt.status, attempt.error, attempt.at)


async def test_attempts_are_counted_by_what_became_of_them(world):
    def counted():
        results = ("delivered", "failed", "dead")
        return [world.metrics.value(DELIVERIES, result) for result in results]

    await world.endpoint()
    await world.spread(world.message("a"))
    await world.dispatcher.run()
    assert [1, 0, 0] == counted()
    world.receivers.answering = answer(503)
    await world.spread(world.message("b"))
    await world.dispatcher.run()
    assert [1, 1, 0] == counted()
    world.receivers.answering = answer(410)
    await world.spread(world.message("c"))
    await world.dispatcher.run()

    assert [1, 1, 1] == counted()
    assert 1 == await world.log.waiting()


async def test_with_nothing_to_do_it_asks_once(world):
    await world.endpoint()
    begun = world.store.begun

    await world.dispatcher.run()

    assert 1 == world.store.begun - begun


async def test_events_of_a_subject_arrive_in_order_and_others_do_not_wait_for_them(world):
    await world.endpoint()
    world.receivers.answering = lambda url, body: 500 if first.body.encode() == body else 200
    first, second, third = (world.message("a") for _ in range(3))
    other = world.message("b")
    await world.spread(first, second, other, third)

    await world.dispatcher.run()
    assert {str(first.id), str(other.id)} == set(world.received())

    world.receivers.answering = answer(200)
    world.clock.advance(HOUR)
    await world.dispatcher.run()
    assert [str(each.id) for each in (first, second, third)] == world.received()[2:]


async def test_a_retry_has_the_same_id_and_body_and_a_time_and_signature_of_its_own(world):
    await world.endpoint()
    world.receivers.answering = answer(503)
    await world.spread(world.message())
    await world.dispatcher.run()
    world.clock.advance(HOUR)
    await world.dispatcher.run()

    (_, one, body), (_, other, again) = world.receivers.received
    assert body == again
    assert one["webhook-id"] == other["webhook-id"]
    assert one["webhook-timestamp"] != other["webhook-timestamp"]
    assert verify(world.secret, other, again, now=world.clock.now()).id == other["webhook-id"]


async def test_a_delivery_is_retried_ever_later_for_a_day_and_then_dead(world):
    endpoint = await world.endpoint()
    world.receivers.answering = answer(500)
    world.dispatcher = world.new_dispatcher(
        DispatchPolicy(circuit=CircuitPolicy(failures=1000), retry=RetryPolicy(jitter=0))
    )
    await world.spread(world.message())

    await world.pass_time(27 * HOUR, step=5 * SECOND)

    [delivery] = world.deliveries(endpoint)
    assert DeliveryStatus.DEAD is delivery.status
    times = [attempt.at for attempt in delivery.log]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert sorted(gaps) == gaps
    assert (10 * SECOND, HOUR) == (gaps[0], gaps[-1])
    assert DAY <= delivery.dead_at - delivery.queued_at < DAY + HOUR + MINUTE
    assert delivery.attempts == len(delivery.log) < 50
    assert {(500, "http_500")} == {(each.status, each.error) for each in delivery.log}


def test_chance_spreads_retries_and_never_makes_them_later(world):
    policy = RetryPolicy()
    from auth_core.webhooks import Delivery

    delivery = Delivery(
        id=world.ids.uuid(),
        endpoint_id=world.ids.uuid(),
        event_id=world.ids.uuid(),
        event_type="t",
        subject="s",
        body="",
        queued_at=world.clock.now(),
        next_attempt_at=None,
    )
    now = world.clock.now()

    assert now + 10 * SECOND == policy.next_attempt(delivery, now)
    assert now + 8 * SECOND == policy.next_attempt(delivery, now, chance=1.0)


async def test_the_next_of_a_subject_goes_when_the_one_before_is_dead(world):
    endpoint = await world.endpoint()
    poison, good = world.message("a"), world.message("a")
    world.receivers.answering = lambda url, body: 422 if body == poison.body.encode() else 200
    await world.spread(poison, good)

    await world.pass_time(26 * HOUR, step=MINUTE)

    assert [DeliveryStatus.DEAD, DeliveryStatus.DELIVERED] == [
        each.status for each in world.deliveries(endpoint)
    ]


async def test_the_circuit_opens_then_one_delivery_tries_and_success_closes_it(world):
    endpoint = await world.endpoint()
    world.receivers.answering = fail("timeout")
    await world.spread(*(world.message(str(number)) for number in range(20)))

    await world.dispatcher.run()
    tried = len([each for each in world.deliveries(endpoint) if each.attempts])
    assert 8 == tried  # as many as are sent at once; then it was open
    health = world.stored(endpoint).health
    assert (8, world.clock.now()) == (health.consecutive_failures, health.failing_since)
    assert 0 == await world.dispatcher.run()
    assert [True] == [told.opened for told in world.told]

    world.clock.set(health.paused_until)
    assert 1 == await world.dispatcher.run()
    assert 9 == world.stored(endpoint).health.consecutive_failures
    assert not world.told[-1].opened

    world.receivers.answering = answer(200)
    world.clock.advance(10 * MINUTE)
    assert 20 == await world.dispatcher.run()
    assert 0 == world.stored(endpoint).health.consecutive_failures
    assert None is world.stored(endpoint).health.failing_since


async def test_pauses_of_an_open_circuit_grow_to_ten_minutes(world):
    policy, health, pauses = CircuitPolicy(), world.stored(await world.endpoint()).health, []
    now = world.clock.now()
    for _ in range(14):
        health = policy.after(health, now, failed=True)
        pauses.append(health.paused_until and health.paused_until - now)

    assert [None] * 4 == pauses[:4]
    assert [30, 60, 120, 240, 480, 600] == [pause.total_seconds() for pause in pauses[4:10]]
    assert 10 * MINUTE == pauses[-1]


async def test_a_dead_receiver_delays_nobody(world):
    await world.endpoint(SLOW)
    await world.endpoint(QUICK)
    world.receivers.answering = failing_at(SLOW)
    await world.spread(*(world.message(str(number)) for number in range(50)))

    await world.dispatcher.run()

    assert 50 == len(world.received(QUICK))


async def test_a_slow_receiver_holds_up_one_slot_only_and_new_work_is_found_meanwhile(world):
    await world.endpoint(SLOW)
    await world.endpoint(QUICK)
    gate, sent = asyncio.Event(), asyncio.Event()
    takes = world.receivers.send

    async def send(url, headers, body):
        if url == SLOW:
            await gate.wait()
        status = await takes(url, headers, body)
        if len(world.received(QUICK)) == 2:
            sent.set()
        return status

    world.receivers.send = send
    await world.spread(world.message())
    running = asyncio.create_task(world.dispatcher.run())
    while not world.received(QUICK):  # noqa: ASYNC110
        await asyncio.sleep(0)
    await world.spread(world.message())  # while the slow one is still thinking
    await asyncio.wait_for(sent.wait(), 30)
    assert [] == world.received(SLOW)
    gate.set()
    await running

    assert world.received(QUICK) == world.received(SLOW)


async def test_no_receiver_gets_more_at_once_than_its_share(world):
    await world.endpoint()
    now_under_way, most = 0, 0

    async def send(url, headers, body):
        nonlocal now_under_way, most
        now_under_way += 1
        most = max(most, now_under_way)
        await asyncio.sleep(0.001)
        now_under_way -= 1
        return 200

    world.receivers.send = send
    await world.spread(*(world.message(str(number)) for number in range(30)))
    await asyncio.gather(*(world.new_dispatcher().run() for _ in range(4)))

    assert 8 == most


@pytest.mark.parametrize(
    ("answering", "expected"),
    [
        (answer(301), (301, "redirect")),
        (answer(404), (404, "http_404")),
        (fail("address_refused"), (None, "address_refused")),
        (lambda url, body: {}["bug"], (None, "cannot_send_KeyError")),
    ],
)
async def test_whatever_is_no_success_is_retried_and_told_in_a_word(world, answering, expected):
    endpoint = await world.endpoint()
    world.receivers.answering = answering
    await world.spread(world.message())
    await world.dispatcher.run()

    [delivery] = world.deliveries(endpoint)
    [attempt] = delivery.log
    assert DeliveryStatus.WAITING is delivery.status
    assert expected == (attempt.status, attempt.error)


async def test_410_gone_disables_at_once_with_an_event_and_a_record(world):
    organization = OrganizationId(world.ids.uuid())
    endpoint = await world.endpoint(scope=organization)
    world.receivers.answering = answer(410)
    await world.spread(world.message(organization_id=organization))
    await world.dispatcher.run()

    assert DisabledReason.GONE is world.stored(endpoint).disabled
    assert DeliveryStatus.DEAD is world.deliveries(endpoint)[0].status
    [event] = [each for each in world.store.events if isinstance(each, WebhookDisabled)]
    assert (organization, endpoint.id, "gone") == (
        event.organization_id,
        event.endpoint_id,
        event.reason,
    )
    record = world.store.audit[-1]
    assert ("webhook:disabled", "gone", organization, None) == (
        record.action,
        record.reason,
        record.organization_id,
        record.user_id,
    )
    assert DisabledReason.GONE is world.told[-1].disabled


async def test_days_of_nothing_but_failures_disable(world):
    endpoint = await world.endpoint()
    world.receivers.answering = fail("connection_failed")
    await world.spread(*(world.message("a") for _ in range(1000)))

    await world.pass_time(5 * DAY - HOUR, step=10 * MINUTE)
    assert None is world.stored(endpoint).disabled
    assert {DeliveryStatus.DEAD, DeliveryStatus.WAITING} == {
        each.status for each in world.deliveries(endpoint)
    }
    assert {DeliveryStatus.WAITING} == {
        each.status for each in world.deliveries(endpoint) if not each.log
    }
    await world.pass_time(2 * HOUR, step=10 * MINUTE)

    assert DisabledReason.FAILING is world.stored(endpoint).disabled
    assert 1 == len([each for each in world.store.events if isinstance(each, WebhookDisabled)])


async def test_one_success_in_between_keeps_it(world):
    endpoint = await world.endpoint()
    for _ in range(7):
        world.receivers.answering = fail("timeout")
        await world.spread(world.message("a"))
        await world.pass_time(23 * HOUR, step=10 * MINUTE)
        world.receivers.answering = answer(200)
        await world.pass_time(HOUR, step=10 * MINUTE)

    assert None is world.stored(endpoint).disabled


async def test_enabled_again_it_gets_what_waited(world):
    endpoint = await world.endpoint()
    world.receivers.answering = fail("timeout")
    await world.spread(world.message("a"), world.message("a"))
    await world.dispatcher.run()
    await world.service.change(None, endpoint.id, EndpointChanges(enabled=False))
    world.receivers.answering = answer(200)
    world.clock.advance(HOUR)
    assert 0 == await world.dispatcher.run()

    await world.service.change(None, endpoint.id, EndpointChanges(enabled=True))

    assert 2 == await world.dispatcher.run()


async def test_during_a_rotation_both_secrets_sign_and_then_the_new_one_alone(world):
    endpoint = await world.endpoint()
    old = world.secret
    _, new = await world.service.rotate_secret(None, endpoint.id, overlap=HOUR)

    async def signed_by(secret):
        await world.spread(world.message())
        await world.dispatcher.run()
        _, headers, body = world.receivers.received[-1]
        try:
            return bool(verify(secret, headers, body, now=world.clock.now()))
        except Exception:  # noqa: BLE001
            return False

    assert [True, True] == [await signed_by(old), await signed_by(new)]
    world.clock.advance(HOUR)
    assert [False, True] == [await signed_by(old), await signed_by(new)]


async def test_under_another_master_key_deliveries_wait_and_no_receiver_is_blamed(world):
    endpoint = await world.endpoint()
    await world.spread(world.message())
    right = world.dispatcher
    other = ToySealer(Secret(b"another master key"), world.entropy)
    world.vault = SecretVault(other)
    await world.new_dispatcher().run()

    assert "cannot_open_secret" == world.deliveries(endpoint)[0].log[0].error
    assert 0 == world.stored(endpoint).health.consecutive_failures
    assert [] == world.received()
    world.clock.advance(MINUTE)
    assert 1 == await right.run()


@pytest.mark.parametrize(
    "where",
    [
        *(["deliveries.lease"], ["deliveries.take"], ["deliveries.take", "commit"]),
        *(["deliveries.settle"], ["deliveries.settle", "commit"]),
    ],
    ids="-".join,
)
async def test_cut_off_anywhere_it_is_sent_again_with_one_id_and_in_order(world, where):
    await world.endpoint()
    messages = await world.spread(world.message("a"), world.message("a"))
    seen = []

    def cut(statement):
        seen.append(statement)
        if seen[-len(where) :] == where:
            raise Unavailable

    world.store.on_statement = cut
    with pytest.raises(Unavailable):
        await world.dispatcher.run()
    world.store.on_statement = None
    world.clock.advance(HOUR)
    await world.new_dispatcher().run()

    expected = [str(each.id) for each in messages]
    received = world.received()
    assert expected == list(dict.fromkeys(received))
    assert (3 if where[0] == "deliveries.settle" else 2) == len(received)


async def test_a_cancelled_dispatcher_leaves_its_work_to_others(world):
    await world.endpoint()
    await world.spread(world.message())
    under_way, takes = asyncio.Event(), world.receivers.send

    async def hang(url, headers, body):
        under_way.set()
        await asyncio.Event().wait()

    world.receivers.send = hang
    running = asyncio.create_task(world.dispatcher.run())
    await asyncio.wait_for(under_way.wait(), 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    world.receivers.send = takes
    assert 0 == await world.new_dispatcher().run()

    world.clock.advance(MINUTE)
    assert 1 == await world.new_dispatcher().run()


async def test_a_stopped_dispatcher_gives_back_what_no_receiver_has_answered(world):
    endpoint = await world.endpoint()
    await world.spread(world.message())
    under_way, takes = asyncio.Event(), world.receivers.send

    async def hang(url, headers, body):
        under_way.set()
        await asyncio.Event().wait()

    world.receivers.send = hang
    dispatcher = world.new_dispatcher(DispatchPolicy(finish_seconds=0))
    running = asyncio.create_task(dispatcher.run())
    await asyncio.wait_for(under_way.wait(), 30)
    dispatcher.stop()
    assert 1 == await asyncio.wait_for(running, 30)

    [delivery] = world.deliveries(endpoint)
    assert (DeliveryStatus.WAITING, "cannot_wait") == (delivery.status, delivery.log[0].error)
    assert 0 == world.stored(endpoint).health.consecutive_failures
    world.receivers.send = takes
    assert 1 == await world.new_dispatcher().run()  # at once, and with the same id
    assert [str(delivery.event_id)] == world.received()


async def test_a_stopped_dispatcher_finishes_what_it_is_at_and_begins_nothing_more(world):
    await world.endpoint(SLOW)
    await world.endpoint(QUICK)
    await world.spread(world.message())
    under_way, gate, takes = asyncio.Event(), asyncio.Event(), world.receivers.send

    async def wait(url, headers, body):
        under_way.set()
        await gate.wait()
        return await takes(url, headers, body)

    world.receivers.send = wait
    dispatcher = world.new_dispatcher(DispatchPolicy(slots=1, finish_seconds=60))
    running = asyncio.create_task(dispatcher.run())
    await asyncio.wait_for(under_way.wait(), 30)
    dispatcher.stop()
    gate.set()
    assert 1 == await asyncio.wait_for(running, 30)

    assert 1 == len(world.received())
    assert 1 == await world.new_dispatcher().run()


async def test_when_storage_fails_one_the_others_still_arrive(world):
    await world.endpoint(SLOW)
    await world.endpoint(QUICK)
    await world.spread(world.message())
    failures = iter([True])

    def fail_once(statement):
        if statement == "deliveries.settle" and next(failures, False):
            raise Unavailable

    world.store.on_statement = fail_once
    with pytest.raises(Unavailable):
        await world.dispatcher.run()

    assert 2 == len(world.received())
    statuses = {each.status for _, each in world.store.webhook_deliveries.values()}
    assert {DeliveryStatus.WAITING, DeliveryStatus.DELIVERED} == statuses


@pytest.mark.sec("SEC-67")
async def test_nothing_that_is_told_shows_a_secret_a_url_or_a_body(world):
    endpoint = await world.endpoint("https://receiver.example/a-token-of-theirs")
    await world.spread(world.message())
    await world.dispatcher.run()

    [told] = world.told
    [verdict] = told.verdicts
    for shown in map(repr, (told, verdict, verdict.delivery, endpoint, world.secret)):
        assert "a-token-of-theirs" not in shown
        assert world.secret.reveal() not in shown
        assert verdict.delivery.body not in shown
