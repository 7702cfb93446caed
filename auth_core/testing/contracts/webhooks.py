"""The contracts of `EndpointRepository` and `DeliveryQueue`: one queue per endpoint, in order."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from auth_core.kernel import EventId, OrganizationId
from auth_core.testing.contracts.making import RACERS, fresh_id, now
from auth_core.webhooks import (
    Attempt,
    Delivery,
    DeliveryId,
    DeliveryStatus,
    DisabledReason,
    EndpointId,
    Health,
    NewDelivery,
    Verdict,
    WebhookEndpoint,
    WebhookMessage,
    WebhooksUnitOfWork,
)

WebhooksFactory = Callable[[], WebhooksUnitOfWork]

LEASE = timedelta(minutes=1)
_MANY = 1000
_TICK = timedelta(microseconds=1)


def new_endpoint(scope: OrganizationId | None = None, **changes: Any) -> WebhookEndpoint:
    """An endpoint that nobody has stored."""
    at = now()
    endpoint = WebhookEndpoint(
        id=EndpointId(fresh_id(at)),
        organization_id=scope,
        url="https://receiver.example/hooks?q=ü%20🦊".encode().decode(),
        event_types=("session.created", "user.*"),
        description="Zoë's receiver 🦊 \"; DROP TABLE users; --",
        sealed_secret=bytes(range(256)),
        created_at=at,
        updated_at=at,
    )
    return msgspec.structs.replace(endpoint, **changes)


def new_message(subject: str = "somebody", **changes: Any) -> WebhookMessage:
    """A message that nobody has had."""
    message = WebhookMessage(
        id=EventId(fresh_id()),
        type="user.updated",
        subject=subject,
        organization_id=None,
        body='{"data": "ünï 🦊\\u0000\\\\"}',
    )
    return msgspec.structs.replace(message, **changes)


async def stored_endpoint(unit_of_work: WebhooksFactory, **changes: Any) -> WebhookEndpoint:
    """A committed endpoint."""
    endpoint = new_endpoint(**changes)
    async with unit_of_work() as uow:
        assert await uow.webhooks.add(endpoint, most=_MANY)
        await uow.commit()
    return endpoint


async def queue(
    unit_of_work: WebhooksFactory,
    endpoint: WebhookEndpoint,
    *messages: WebhookMessage,
    at: datetime | None = None,
) -> list[DeliveryId]:
    """Committed deliveries of ``messages``; ids of those too that were there already."""
    deliveries = [
        NewDelivery(
            id=DeliveryId(fresh_id(at)),
            endpoint_id=endpoint.id,
            message=message,
            queued_at=at or now(),
        )
        for message in messages
    ]
    async with unit_of_work() as uow:
        await uow.deliveries.enqueue(deliveries)
        await uow.commit()
    return [delivery.id for delivery in deliveries]


async def take(
    unit_of_work: WebhooksFactory,
    endpoint: WebhookEndpoint,
    at: datetime,
    *,
    limit: int = 10,
) -> tuple[WebhookEndpoint, list[Delivery]]:
    """Lease whatever is due until ``endpoint`` comes, and take its deliveries."""
    while True:
        async with unit_of_work() as uow:
            leased = await uow.deliveries.lease(at, at + LEASE)
            assert leased is not None, "it is not due"
            taken = []
            if leased.id == endpoint.id:
                taken = await uow.deliveries.take(leased, at, at + LEASE, limit)
            await uow.commit()
        if leased.id == endpoint.id:
            return leased, taken


async def is_due(unit_of_work: WebhooksFactory, endpoint: WebhookEndpoint, at: datetime) -> bool:
    """Whether somebody would look at ``endpoint`` at ``at``."""
    async with unit_of_work() as uow:
        found = await uow.webhooks.get(endpoint.organization_id, endpoint.id)
    assert found is not None
    free = found.leased_until is None or found.leased_until <= at
    return found.enabled and found.due_at is not None and found.due_at <= at and free


async def settle(
    unit_of_work: WebhooksFactory,
    endpoint: WebhookEndpoint,
    verdicts: Sequence[Verdict],
    at: datetime,
    *,
    health: Health | None = None,
) -> bool:
    """Commit what became of deliveries."""
    async with unit_of_work() as uow:
        standing = await uow.deliveries.settle(endpoint, verdicts, health or Health(), at)
        await uow.commit()
    return standing


def taken_well(delivery: Delivery, at: datetime) -> Verdict:
    """Its receiver has it."""
    return Verdict(delivery=delivery, attempt=Attempt(at=at, milliseconds=7, status=204))


def failed(delivery: Delivery, at: datetime, again_at: datetime | None) -> Verdict:
    """Its receiver does not have it."""
    attempt = Attempt(at=at, milliseconds=9, status=500, error="http_500")
    return Verdict(delivery=delivery, attempt=attempt, again_at=again_at)


class WebhookEndpointContract:
    """Needs the fixture ``unit_of_work``."""

    async def test_an_endpoint_is_stored_as_it_is(self, unit_of_work: WebhooksFactory) -> None:
        scope = OrganizationId(fresh_id())
        endpoint = await stored_endpoint(unit_of_work, scope=scope)

        async with unit_of_work() as uow:
            assert endpoint == await uow.webhooks.get(scope, endpoint.id)
            assert [endpoint] == await uow.webhooks.page(scope)
        for shown in (repr(endpoint), str(endpoint)):
            assert endpoint.url not in shown

    @pytest.mark.sec("SEC-56")
    async def test_no_other_scope_has_it(self, unit_of_work: WebhooksFactory) -> None:
        one, other = OrganizationId(fresh_id()), OrganizationId(fresh_id())
        endpoint = await stored_endpoint(unit_of_work, scope=one)
        of_platform = await stored_endpoint(unit_of_work)

        async with unit_of_work() as uow:
            assert None is await uow.webhooks.get(other, endpoint.id)
            assert None is await uow.webhooks.get(None, endpoint.id, lock=True)
            assert None is await uow.webhooks.get(one, of_platform.id)
            assert [] == await uow.webhooks.page(other)
            assert endpoint not in await uow.webhooks.page(None, limit=_MANY)

    async def test_pages_are_in_the_order_of_making(self, unit_of_work: WebhooksFactory) -> None:
        scope = OrganizationId(fresh_id())
        at = now()
        made = [
            await stored_endpoint(
                unit_of_work,
                scope=scope,
                id=EndpointId(fresh_id(at + number * timedelta(seconds=1))),
            )
            for number in range(3)
        ]

        async with unit_of_work() as uow:
            assert made[:2] == await uow.webhooks.page(scope, limit=2)
            assert made[2:] == await uow.webhooks.page(scope, after=made[1].id)
            assert made[2] in await uow.webhooks.all(after=made[1].id, limit=_MANY)

    async def test_racing_callers_do_not_get_past_the_limit(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        scope = OrganizationId(fresh_id())

        async def add() -> bool:
            async with unit_of_work() as uow:
                added = await uow.webhooks.add(new_endpoint(scope), most=3)
                await uow.commit()
            return added

        added = await asyncio.gather(*(add() for _ in range(RACERS)))

        assert 3 == sum(added)
        async with unit_of_work() as uow:
            assert 3 == len(await uow.webhooks.page(scope))

    async def test_an_update_stores_what_people_decide_and_leaves_the_queue_alone(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint = await stored_endpoint(unit_of_work)
        at = now()
        await queue(unit_of_work, endpoint, new_message(), at=at)
        changed = new_endpoint(
            id=endpoint.id,
            created_at=endpoint.created_at,
            url="https://elsewhere.example/",
            event_types=("*",),
            description="",
            sealed_secret=b"new",
            sealed_previous_secret=b"old",
            previous_expires_at=at + LEASE,
            disabled=DisabledReason.GONE,
            updated_at=at + LEASE,
            health=Health(consecutive_failures=9),
        )
        async with unit_of_work() as uow:
            await uow.webhooks.update(changed)
            await uow.webhooks.update(new_endpoint())
            await uow.commit()

        async with unit_of_work() as uow:
            found = await uow.webhooks.get(None, endpoint.id)
        assert msgspec.structs.replace(changed, health=Health(), due_at=at) == found

    async def test_listeners_are_the_enabled_ones_of_the_platform_and_the_organizations(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        one, other = OrganizationId(fresh_id()), OrganizationId(fresh_id())
        wanted = {
            (await stored_endpoint(unit_of_work, scope=one)).id,
            (await stored_endpoint(unit_of_work)).id,
        }
        unwanted = {
            (await stored_endpoint(unit_of_work, scope=other)).id,
            (await stored_endpoint(unit_of_work, disabled=DisabledReason.FAILING)).id,
        }

        async with unit_of_work() as uow:
            found = {each.id: each for each in await uow.webhooks.listeners({one})}
            of_nobody = {each.id for each in await uow.webhooks.listeners(set())}

        assert wanted <= set(found)
        assert not unwanted & set(found)
        assert {one, None} == {found[each].organization_id for each in wanted}
        assert {("session.created", "user.*")} == {found[each].event_types for each in wanted}
        assert 1 == len(wanted & of_nobody)

    async def test_removing_an_endpoint_removes_its_deliveries(
        self, unit_of_work: WebhooksFactory
    ) -> None:
        endpoint, other = await stored_endpoint(unit_of_work), await stored_endpoint(unit_of_work)
        [delivery_id] = await queue(unit_of_work, endpoint, new_message())
        [kept] = await queue(unit_of_work, other, new_message())
        async with unit_of_work() as uow:
            await uow.webhooks.remove(endpoint.id)
            await uow.webhooks.remove(EndpointId(fresh_id()))
            await uow.commit()

        async with unit_of_work() as uow:
            assert None is await uow.webhooks.get(None, endpoint.id)
            assert None is await uow.deliveries.find(endpoint.id, delivery_id)
            assert None is not await uow.deliveries.find(other.id, kept)
        await queue(unit_of_work, endpoint, new_message())


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
        assert not await is_due(unit_of_work, endpoint, at - _TICK)

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
        assert not await is_due(unit_of_work, endpoint, later - _TICK)

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

        assert not await is_due(unit_of_work, endpoint, over - _TICK)
        assert await is_due(unit_of_work, endpoint, over)

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
        assert not await is_due(unit_of_work, endpoint, at + LEASE - _TICK)

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
