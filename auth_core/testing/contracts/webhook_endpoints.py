"""The contract of `EndpointRepository`: each scope has its own."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from auth_core.kernel import OrganizationId
from auth_core.testing.contracts.making import RACERS, fresh_id, now
from auth_core.testing.contracts.webhook_making import (
    LEASE,
    MANY,
    WebhooksFactory,
    new_endpoint,
    new_message,
    queue,
    stored_endpoint,
)
from auth_core.unit_of_work import CoreUnitOfWork
from auth_core.webhooks import (
    DisabledReason,
    EndpointId,
    Health,
)


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
            assert endpoint not in await uow.webhooks.page(None, limit=MANY)

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
            assert made[2] in await uow.webhooks.all(after=made[1].id, limit=MANY)

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
            enabled_since=at + LEASE,
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
        since = now() - LEASE
        wanted = {
            (await stored_endpoint(unit_of_work, scope=one, enabled_since=since)).id,
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
        assert since in {found[each].since for each in wanted}
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

    async def test_an_organization_takes_its_endpoints_with_it(
        self, unit_of_work: Callable[[], CoreUnitOfWork]
    ) -> None:
        scope = OrganizationId(fresh_id())
        endpoint = await stored_endpoint(unit_of_work, scope=scope)
        other = await stored_endpoint(unit_of_work, scope=OrganizationId(fresh_id()))
        [delivery_id] = await queue(unit_of_work, endpoint, new_message())
        async with unit_of_work() as uow:
            await uow.organizations.remove(scope)
            await uow.commit()

        async with unit_of_work() as uow:
            assert None is await uow.webhooks.get(scope, endpoint.id)
            assert None is await uow.deliveries.find(endpoint.id, delivery_id)
            assert other == await uow.webhooks.get(other.organization_id, other.id)
