"""The contract of `DeliveryQueue`, continued: turns, trouble, and what is sent again."""

import asyncio
from datetime import timedelta

import msgspec
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
    DeliveryId,
    DeliveryStatus,
    DisabledReason,
    EndpointId,
    Health,
)


class WebhookTurnContract:
    """Needs the fixture ``unit_of_work``."""

    async def test_of_racing_dispatchers_each_endpoint_goes_to_one(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoints = [await stored_endpoint(unit_of_work) for _ in range(4)]
        at = now()
        for endpoint in endpoints:
            await queue(unit_of_work, endpoint, new_message(), at=at - timedelta(hours=1))

        async def lease() -> list[EndpointId]:
            leased: list[EndpointId] = []
            while True:
                async with unit_of_work() as uow:
                    found = await uow.deliveries.lease(at, at + LEASE)
                    await uow.commit()
                if found is None:
                    return leased
                leased.append(found.id)

        leases = await asyncio.gather(*(lease() for _ in range(RACERS)))

        mine = {each.id for each in endpoints}
        assert sorted(mine) == sorted(each for some in leases for each in some if each in mine)

    @pytest.mark.sec("SEC-65")
    async def test_what_a_crashed_dispatcher_had_taken_is_taken_again(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint, at = await stored_endpoint(unit_of_work), now()
        [delivery_id] = await queue(unit_of_work, endpoint, new_message(), at=at)
        crashed, [lost] = await take(unit_of_work, endpoint, at)
        assert not await is_due(unit_of_work, endpoint, at + LEASE - TICK)

        later = at + LEASE
        leased, [found] = await take(unit_of_work, endpoint, later)
        assert (delivery_id, 2) == (found.id, found.attempts)
        # the first one was not dead after all: its word counts no more
        assert not await settle(
            unit_of_work, crashed, [failed(lost, later, None)], later, health=Health()
        )
        async with unit_of_work() as uow:
            stored = await uow.deliveries.find(endpoint.id, delivery_id)
        assert stored is not None
        assert DeliveryStatus.WAITING is stored.status
        assert await settle(unit_of_work, leased, [taken_well(found, later)], later)

    async def test_a_disabled_endpoint_is_never_due_and_wakes_clean(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint, at = await stored_endpoint(unit_of_work), now()
        await queue(unit_of_work, endpoint, new_message(), at=at)
        leased, [delivery] = await take(unit_of_work, endpoint, at)
        later = at + timedelta(hours=1)
        health = Health(consecutive_failures=5, failing_since=at, paused_until=later)
        await settle(unit_of_work, leased, [failed(delivery, at, later)], at, health=health)
        disabled = msgspec.structs.replace(endpoint, disabled=DisabledReason.REQUESTED)
        async with unit_of_work() as uow:
            await uow.webhooks.update(disabled)
            await uow.commit()
        assert not await is_due(unit_of_work, endpoint, later)

        async with unit_of_work() as uow:
            await uow.webhooks.update(endpoint)
            await uow.webhooks.wake(endpoint.id, at)
            await uow.webhooks.wake(EndpointId(fresh_id()), at)
            await uow.commit()

        leased, [again] = await take(unit_of_work, endpoint, at)
        assert (delivery.id, Health()) == (again.id, leased.health)

    async def test_a_delivery_that_is_over_is_sent_again_before_what_waits(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint, at = await stored_endpoint(unit_of_work), now()
        first, second = await queue(
            unit_of_work, endpoint, new_message("a"), new_message("a"), at=at
        )
        leased, [delivery] = await take(unit_of_work, endpoint, at)
        await settle(unit_of_work, leased, [taken_well(delivery, at)], at)
        later = at + timedelta(minutes=1)

        async def again(delivery_id: DeliveryId) -> bool:
            async with unit_of_work() as uow:
                done = await uow.deliveries.again(endpoint.id, delivery_id, later)
                await uow.commit()
            return done

        assert [True, False] == [await again(first), await again(first)]
        assert [False, False] == [await again(second), await again(DeliveryId(fresh_id()))]
        leased, [found] = await take(unit_of_work, endpoint, later)
        assert (first, delivery.event_id, later) == (found.id, found.event_id, found.queued_at)
        assert (DeliveryStatus.WAITING, 1) == (found.status, len(found.log))
        await settle(unit_of_work, leased, [taken_well(found, later)], later)
        _, [following] = await take(unit_of_work, endpoint, later)
        assert second == following.id

    async def test_pages_are_newest_first(self, unit_of_work: WebhooksFactory) -> None:
        endpoint, at = await stored_endpoint(unit_of_work), now()
        made = [
            (await queue(unit_of_work, endpoint, new_message(), at=at + number * LEASE))[0]
            for number in range(3)
        ]

        async with unit_of_work() as uow:
            newest = await uow.deliveries.page(endpoint.id, limit=2)
            rest = await uow.deliveries.page(endpoint.id, before=newest[-1].id)
        assert made[::-1] == [each.id for each in [*newest, *rest]]

    async def test_a_page_of_dead_ones_has_no_others(self, unit_of_work: WebhooksFactory) -> None:
        endpoint, at = await stored_endpoint(unit_of_work), now()
        first, _, second, _ = await queue(
            unit_of_work, endpoint, *(new_message(str(number)) for number in range(4)), at=at
        )
        leased, taken = await take(unit_of_work, endpoint, at, limit=3)
        verdicts = [
            failed(each, at, None) if each.id in {first, second} else taken_well(each, at)
            for each in taken
        ]
        await settle(unit_of_work, leased, verdicts, at)

        async with unit_of_work() as uow:
            dead = await uow.deliveries.page(endpoint.id, dead=True)
            [older] = await uow.deliveries.page(endpoint.id, dead=True, before=dead[0].id)
        assert sorted([first, second], reverse=True) == [each.id for each in dead]
        assert dead[1] == older

    async def test_a_sweep_removes_old_ones_that_wait_for_nothing(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint, disabled = (
            await stored_endpoint(unit_of_work),
            await stored_endpoint(unit_of_work),
        )
        old = now() - timedelta(days=9000)  # long before what any other test queues
        await queue(unit_of_work, endpoint, new_message("a"), at=old)
        leased, [delivery] = await take(unit_of_work, endpoint, old)
        await settle(unit_of_work, leased, [taken_well(delivery, old)], old)
        [waiting] = await queue(unit_of_work, endpoint, new_message("b"), at=old)
        [young] = await queue(unit_of_work, endpoint, new_message("c"))
        await queue(unit_of_work, disabled, new_message("d"), at=old)
        [kept] = await queue(unit_of_work, disabled, new_message("d"))
        async with unit_of_work() as uow:
            await uow.webhooks.update(
                msgspec.structs.replace(disabled, disabled=DisabledReason.REQUESTED)
            )
            await uow.commit()

        async def sweep(limit: int) -> int:
            async with unit_of_work() as uow:
                swept = await uow.deliveries.sweep(old + timedelta(days=1), limit)
                await uow.commit()
            return swept

        assert [1, 1, 0] == [await sweep(1), await sweep(2), await sweep(2)]
        async with unit_of_work() as uow:
            left = [each.id for each in await uow.deliveries.page(endpoint.id)]
            assert [young, waiting] == left
            await uow.webhooks.update(disabled)
            await uow.webhooks.wake(disabled.id, now())
            await uow.commit()
        # the one that it waited for is gone
        _, [woken] = await take(unit_of_work, disabled, now())
        assert kept == woken.id
