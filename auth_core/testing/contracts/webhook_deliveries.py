"""The contract of `DeliveryQueue`: one queue per endpoint, in order, and nothing is lost."""

import asyncio
from datetime import timedelta

import pytest

from auth_core.testing.contracts.making import RACERS, fresh_id, now
from auth_core.testing.contracts.webhook_making import (
    LEASE,
    TICK,
    WebhooksFactory,
    failed,
    is_due,
    new_message,
    queue,
    settle,
    stored_endpoint,
    take,
    taken_well,
)
from auth_core.webhooks import (
    Delivery,
    DeliveryId,
    DeliveryStatus,
    EndpointId,
    Health,
    NewDelivery,
)


class WebhookDeliveryContract:
    """Needs the fixture ``unit_of_work``."""

    async def test_a_delivery_is_stored_with_the_commit_and_due_at_once(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint, message, at = await stored_endpoint(unit_of_work), new_message(), now()

        [delivery_id] = await queue(unit_of_work, endpoint, message, at=at)

        expected = Delivery(
            id=delivery_id,
            endpoint_id=endpoint.id,
            event_id=message.id,
            event_type=message.type,
            subject=message.subject,
            body=message.body,
            queued_at=at,
            next_attempt_at=at,
        )
        async with unit_of_work() as uow:
            assert expected == await uow.deliveries.find(endpoint.id, delivery_id)
            assert [expected] == await uow.deliveries.page(endpoint.id)
            assert None is await uow.deliveries.find(EndpointId(fresh_id()), delivery_id)
        assert await is_due(unit_of_work, endpoint, at)
        assert not await is_due(unit_of_work, endpoint, at - TICK)

    @pytest.mark.sec("SEC-65")
    async def test_an_endpoint_has_each_event_once_whatever_is_repeated(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint = await stored_endpoint(unit_of_work)
        messages = [new_message(str(number)) for number in range(3)]

        await asyncio.gather(*(queue(unit_of_work, endpoint, *messages) for _ in range(RACERS)))
        at = now()
        leased, taken = await take(unit_of_work, endpoint, at)
        await settle(unit_of_work, leased, [taken_well(each, at) for each in taken], at)
        await queue(unit_of_work, endpoint, *messages)

        async with unit_of_work() as uow:
            found = await uow.deliveries.page(endpoint.id)
        assert {message.id for message in messages} == {each.event_id for each in found}
        assert 3 == len(found)
        assert not await is_due(unit_of_work, endpoint, at + LEASE)

    async def test_what_a_rolled_back_transaction_queued_never_leaves(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint = await stored_endpoint(unit_of_work)
        delivery = NewDelivery(
            id=DeliveryId(fresh_id()),
            endpoint_id=endpoint.id,
            message=new_message(),
            queued_at=now(),
        )
        async with unit_of_work() as uow:
            assert 1 == await uow.deliveries.enqueue([delivery])

        assert not await is_due(unit_of_work, endpoint, now())

    @pytest.mark.sec("SEC-65")
    async def test_a_later_one_of_a_subject_waits_until_the_earlier_one_is_over(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint, at = await stored_endpoint(unit_of_work), now()
        first, second, other = await queue(
            unit_of_work, endpoint, new_message("a"), new_message("a"), new_message("b"), at=at
        )
        [third] = await queue(unit_of_work, endpoint, new_message("a"), at=at)

        leased, taken = await take(unit_of_work, endpoint, at)
        assert [first, other] == [each.id for each in taken]
        later = at + timedelta(minutes=5)
        verdicts = [failed(taken[0], at, later), taken_well(taken[1], at)]
        await settle(unit_of_work, leased, verdicts, at)
        assert not await is_due(unit_of_work, endpoint, later - TICK)

        leased, taken = await take(unit_of_work, endpoint, later)
        assert [(first, 2)] == [(each.id, each.attempts) for each in taken]
        await settle(unit_of_work, leased, [failed(taken[0], later, None)], later)
        leased, taken = await take(unit_of_work, endpoint, later)
        assert [second] == [each.id for each in taken]
        await settle(unit_of_work, leased, [taken_well(taken[0], later)], later)
        leased, taken = await take(unit_of_work, endpoint, later)
        assert [third] == [each.id for each in taken]

    async def test_what_became_of_it_is_logged(self, unit_of_work: WebhooksFactory) -> None:
        endpoint, at = await stored_endpoint(unit_of_work), now()
        dead, done = await queue(unit_of_work, endpoint, new_message("a"), new_message("b"), at=at)
        leased, [to_die, to_arrive] = await take(unit_of_work, endpoint, at)
        verdicts = [failed(to_die, at, None), taken_well(to_arrive, at)]
        health = Health(
            consecutive_failures=2, failing_since=at, paused_until=at + timedelta(seconds=5)
        )
        assert await settle(unit_of_work, leased, verdicts, at, health=health)

        async with unit_of_work() as uow:
            found = {each.id: each for each in await uow.deliveries.page(endpoint.id)}
            stored = await uow.webhooks.get(None, endpoint.id)
        assert (verdicts[0].attempt,) == found[dead].log
        assert (DeliveryStatus.DEAD, at, None) == (
            found[dead].status,
            found[dead].dead_at,
            found[dead].next_attempt_at,
        )
        assert (verdicts[1].attempt,) == found[done].log
        assert (DeliveryStatus.DELIVERED, at) == (found[done].status, found[done].delivered_at)
        assert stored is not None
        assert (health, None, None) == (stored.health, stored.due_at, stored.leased_until)

    async def test_what_is_not_over_waits(self, unit_of_work: WebhooksFactory) -> None:
        async def waiting() -> int:
            async with unit_of_work() as uow:
                return await uow.deliveries.waiting()

        endpoint, before, at = await stored_endpoint(unit_of_work), await waiting(), now()
        await queue(unit_of_work, endpoint, *map(new_message, "abcd"), at=at)
        assert before + 4 == await waiting()
        leased, taken = await take(unit_of_work, endpoint, at, limit=3)
        later = at + timedelta(minutes=1)
        verdicts = [taken_well(taken[0], at), failed(taken[1], at, None)]
        await settle(unit_of_work, leased, [*verdicts, failed(taken[2], at, later)], at)

        assert before + 2 == await waiting()

    async def test_a_paused_endpoint_is_due_when_the_pause_is_over(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint, at = await stored_endpoint(unit_of_work), now()
        await queue(unit_of_work, endpoint, new_message("a"), at=at)
        leased, [delivery] = await take(unit_of_work, endpoint, at)
        over = at + timedelta(minutes=3)
        health = Health(consecutive_failures=5, failing_since=at, paused_until=over)
        await settle(unit_of_work, leased, [failed(delivery, at, at)], at, health=health)
        await queue(unit_of_work, endpoint, new_message("b"), at=at)

        assert not await is_due(unit_of_work, endpoint, over - TICK)
        assert await is_due(unit_of_work, endpoint, over)
