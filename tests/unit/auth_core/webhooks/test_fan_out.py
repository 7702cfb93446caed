"""Who gets which event."""

from datetime import timedelta

import msgspec
import pytest

from auth_core.events import EventRelay, EventRelayPolicy, PublishingFailed, RecordedEvent
from auth_core.kernel import EventId, OrganizationId, Unavailable, UserId
from auth_core.testing.contracts.event_publisher import new_event
from auth_core.users import UserUpdated
from auth_core.webhooks import EndpointChanges

SECOND = timedelta(seconds=1)


@pytest.mark.sec("SEC-56")
async def test_an_organization_gets_what_happens_in_it_and_the_platform_gets_all(world):
    one, other = OrganizationId(world.ids.uuid()), OrganizationId(world.ids.uuid())
    of_one = await world.endpoint(scope=one)
    of_other = await world.endpoint(scope=other)
    of_platform = await world.endpoint()
    in_one = world.message("a", organization_id=one)
    in_other = world.message("b", organization_id=other)
    in_none = world.message("c")

    assert 5 == await world.fan_out.spread([in_one, in_other, in_none])

    def got(endpoint):
        return [delivery.event_id for delivery in world.deliveries(endpoint)]

    assert [in_one.id] == got(of_one)
    assert [in_other.id] == got(of_other)
    assert [in_one.id, in_other.id, in_none.id] == got(of_platform)


async def test_an_endpoint_gets_the_types_that_it_wants(world):
    endpoint = await world.endpoint("https://a.example/", "user.*", "session.created")
    wanted = world.message(type="user.created"), world.message(type="session.created")
    await world.spread(*wanted, world.message(type="session.ended"))

    assert [each.id for each in wanted] == [each.event_id for each in world.deliveries(endpoint)]


@pytest.mark.sec("SEC-65")
async def test_a_repeat_changes_nothing(world):
    endpoint = await world.endpoint()
    messages = await world.spread(world.message(), world.message())

    assert 0 == await world.fan_out.spread(messages)
    await world.dispatcher.run()
    assert 0 == await world.fan_out.spread(messages)
    await world.dispatcher.run()

    assert 2 == len(world.deliveries(endpoint))
    assert [str(each.id) for each in messages] == world.received()


async def test_a_disabled_endpoint_gets_nothing_new(world):
    endpoint = await world.endpoint()
    await world.service.change(None, endpoint.id, EndpointChanges(enabled=False))
    await world.spread(world.message())

    assert [] == world.deliveries(endpoint)


@pytest.mark.sec("SEC-65")
async def test_a_publisher_that_is_behind_tells_nobody_what_was_before_they_listened(world):
    """It begins with all that the outbox still holds, and after an outage with what has waited."""
    before = world.message("before")
    world.clock.advance(SECOND)
    endpoint = await world.endpoint()
    off, on = EndpointChanges(enabled=False), EndpointChanges(enabled=True)
    while_on = world.message("while it was enabled")
    world.clock.advance(SECOND)
    await world.service.change(None, endpoint.id, off)
    while_off = world.message("while it was disabled")
    world.clock.advance(SECOND)
    await world.service.change(None, endpoint.id, on)
    again = world.message("enabled again")
    world.clock.advance(SECOND)
    await world.service.change(None, endpoint.id, on)  # it is already: nothing begins anew

    assert 1 == await world.fan_out.spread([before, while_on, while_off, again])
    assert [again.id] == [each.event_id for each in world.deliveries(endpoint)]
    late = await world.endpoint()
    assert 0 == await world.fan_out.spread([before, while_on, while_off, again])
    assert [] == world.deliveries(late)


async def test_with_nobody_to_tell_it_writes_nothing(world):
    statements = []
    world.store.on_statement = statements.append

    assert 0 == await world.fan_out.spread([world.message()])
    assert ["webhooks.listeners"] == statements


@pytest.mark.sec("SEC-65")
async def test_when_storage_fails_nothing_was_queued_and_a_repeat_queues_all(world):
    endpoint = await world.endpoint()
    messages = [world.message("a"), world.message("b")]

    def fail(statement):
        if statement == "commit":
            raise Unavailable

    world.store.on_statement = fail
    with pytest.raises(Unavailable):
        await world.fan_out.spread(messages)
    world.store.on_statement = None
    assert [] == world.deliveries(endpoint)

    assert 2 == await world.fan_out.spread(messages)


@pytest.mark.sec("SEC-65")
async def test_a_replay_repeats_what_the_log_has_forgotten_under_the_id_that_it_had(world):
    await world.endpoint()
    [message] = await world.spread(world.message())
    await world.dispatcher.run()
    assert 0 == await world.fan_out.spread([message])

    world.clock.advance(world.policy.retention + SECOND)
    assert 1 == await world.log.sweep()
    assert 1 == await world.fan_out.spread([message])
    await world.dispatcher.run()

    assert [str(message.id)] * 2 == world.received()


async def test_without_its_storage_it_says_why_and_the_events_come_again(world):
    def fail(statement):
        raise Unavailable

    world.store.on_statement = fail
    event = world.source.told(RecordedEvent.of(new_event(UserId(world.ids.uuid())), 1))
    with pytest.raises(PublishingFailed, match="database_unavailable"):
        await world.fan_out.publish([event])


@pytest.mark.sec("SEC-65")
async def test_the_relay_of_events_feeds_it(world):
    """From an outbox to a receiver, with the relay that feeds every publisher."""
    organization = OrganizationId(world.ids.uuid())
    user_id = UserId(world.ids.uuid())
    endpoint = await world.endpoint(scope=organization)
    events = [
        UserUpdated(
            id=EventId(world.ids.uuid()),
            occurred_at=world.clock.now(),
            user_id=user_id,
            organization_id=organization_id,
            fields=(),
        )
        for organization_id in (organization, None)
    ]
    async with world.unit_of_work() as uow:
        await uow.outbox.add(events)
        await uow.commit()
    relay = EventRelay(
        world.unit_of_work, world.fan_out, world.source, world.clock, EventRelayPolicy()
    )

    assert 2 == await relay.run()
    assert 1 == await world.dispatcher.run()
    [delivery] = world.deliveries(endpoint)
    [(_, headers, body)] = world.receivers.received
    told = msgspec.json.decode(body)
    assert (str(events[0].id), "user.updated", str(user_id), str(organization)) == (
        headers["webhook-id"],
        told["type"],
        told["subject"],
        told["organizationid"],
    )
    assert (events[0].id, str(user_id)) == (delivery.event_id, delivery.subject)
