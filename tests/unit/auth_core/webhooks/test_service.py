"""Looking after endpoints: who may have which, and what is recorded."""

from datetime import timedelta

import msgspec
import pytest
from jsonschema import Draft202012Validator

from auth_core.event_types import EventSchemas
from auth_core.kernel import InvalidInput, OrganizationId, Secret, UserId, acting
from auth_core.testing import ToySealer
from auth_core.webhooks import (
    DeliveryId,
    DeliveryNotFound,
    DisabledReason,
    EndpointChanges,
    EndpointId,
    SecretVault,
    WebhookConflict,
    WebhookNotFound,
    WebhookService,
    verify,
)

HOUR = timedelta(hours=1)


@pytest.mark.sec("SEC-66")
async def test_every_change_leaves_a_record_in_its_commit(world):
    organization, actor = OrganizationId(world.ids.uuid()), UserId(world.ids.uuid())
    endpoint, _ = await world.service.create(
        organization, url="https://a.example/", event_types=["*"], actor=actor
    )
    await world.service.change(
        organization,
        endpoint.id,
        EndpointChanges(url="https://b.example/", enabled=False),
        actor=actor,
    )
    await world.service.change(
        organization, endpoint.id, EndpointChanges(enabled=True), actor=actor
    )
    await world.service.rotate_secret(organization, endpoint.id, actor=actor)
    delivery = await world.log.test(organization, endpoint.id)
    await world.dispatcher.run()
    await world.log.redeliver(organization, endpoint.id, delivery.id, actor=actor)
    await world.service.remove(organization, endpoint.id, actor=actor)

    assert [
        *("webhook:created", "webhook:changed", "webhook:changed", "webhook:secret_rotated"),
        *("webhook:redelivered", "webhook:deleted"),
    ] == world.audited()
    assert {(actor, organization, None)} == {
        (record.actor_id, record.organization_id, record.user_id) for record in world.store.audit
    }
    assert f"{endpoint.id} disabled,url" == world.store.audit[1].detail
    assert {} == world.store.webhook_deliveries


async def test_who_acts_in_somebody_elses_name_is_the_one_recorded(world):
    person, helper = UserId(world.ids.uuid()), UserId(world.ids.uuid())
    with acting(helper):
        await world.service.create(None, url="https://a.example/", actor=person)

    assert helper == world.store.audit[-1].actor_id


@pytest.mark.parametrize("commit_fails", [True])
@pytest.mark.sec("SEC-66")
async def test_without_its_record_nothing_changes(world, commit_fails):
    from auth_core.kernel import Unavailable

    def fail(statement):
        if statement == "audit.append":
            raise Unavailable

    world.store.on_statement = fail
    with pytest.raises(Unavailable):
        await world.endpoint()

    assert {} == world.store.webhook_endpoints


@pytest.mark.sec("SEC-56")
async def test_what_another_scope_has_is_not_found(world):
    one, other = OrganizationId(world.ids.uuid()), OrganizationId(world.ids.uuid())
    endpoint = await world.endpoint(scope=one)
    delivery = await world.log.test(one, endpoint.id)
    service, log = world.service, world.log

    for scope in (other, None):
        for asked in (
            service.get(scope, endpoint.id),
            service.change(scope, endpoint.id, EndpointChanges(enabled=False)),
            service.remove(scope, endpoint.id),
            service.rotate_secret(scope, endpoint.id),
            log.test(scope, endpoint.id),
            log.page(scope, endpoint.id),
            log.redeliver(scope, endpoint.id, delivery.id),
        ):
            with pytest.raises(WebhookNotFound):
                await asked
        assert [] == await service.page(scope)
    assert endpoint.url == (await service.get(one, endpoint.id)).url


@pytest.mark.sec("SEC-64")
@pytest.mark.parametrize("url", ["http://a.example/", "https://127.0.0.1/", "https://[::1]/"])
async def test_a_bad_target_is_refused_when_it_is_made_and_when_it_is_changed(world, url):
    endpoint = await world.endpoint()
    for asked in (
        world.service.create(None, url=url),
        world.service.change(None, endpoint.id, EndpointChanges(url=url)),
    ):
        with pytest.raises(InvalidInput):
            await asked

    assert [endpoint.id] == list(world.store.webhook_endpoints)


async def test_a_scope_has_only_so_many(world):
    for _ in range(3):
        await world.endpoint()
    with pytest.raises(WebhookConflict, match="3"):
        await world.endpoint()

    await world.endpoint(scope=OrganizationId(world.ids.uuid()))


@pytest.mark.parametrize(
    "changes",
    [
        EndpointChanges(description="x" * 201),
        EndpointChanges(description="two\nlines"),
        EndpointChanges(event_types=()),
        EndpointChanges(event_types=("not a type",)),
    ],
)
async def test_what_breaks_a_rule_is_refused(world, changes):
    endpoint = await world.endpoint()

    with pytest.raises(InvalidInput):
        await world.service.change(None, endpoint.id, changes)
    assert endpoint == world.stored(endpoint)


async def test_a_change_changes_what_it_says(world):
    endpoint = await world.endpoint()
    world.clock.advance(HOUR)
    changed = await world.service.change(
        None, endpoint.id, EndpointChanges(description=" Mine ", event_types=("user.*",))
    )

    assert changed == world.stored(endpoint)
    assert (
        msgspec.structs.replace(
            endpoint,
            description="Mine",
            event_types=("user.*",),
            updated_at=world.clock.now(),
        )
        == changed
    )


async def test_another_url_begins_with_a_clean_health_and_what_waits_goes_there_at_once(world):
    endpoint = await world.endpoint("https://a.example/")
    world.receivers.answering = lambda url, body: 500 if url.startswith("https://a") else 200
    await world.spread(*(world.message(str(number)) for number in range(8)))
    await world.dispatcher.run()
    assert 8 == world.stored(endpoint).health.consecutive_failures

    await world.service.change(None, endpoint.id, EndpointChanges(url="https://b.example/"))

    assert 8 == await world.dispatcher.run()
    assert 8 == len(world.received("https://b.example/"))


async def test_disabling_keeps_the_reason_that_there_was(world):
    endpoint = await world.endpoint()
    off = EndpointChanges(enabled=False)
    disabled = await world.service.change(None, endpoint.id, off)
    world.store.webhook_endpoints[endpoint.id] = msgspec.structs.replace(
        disabled, disabled=DisabledReason.GONE
    )

    assert DisabledReason.REQUESTED is disabled.disabled
    again = await world.service.change(None, endpoint.id, off)
    assert DisabledReason.GONE is again.disabled
    enabled = await world.service.change(None, endpoint.id, EndpointChanges(enabled=True))
    assert enabled.enabled


@pytest.mark.sec("SEC-49", "SEC-67")
async def test_secrets_are_stored_sealed_each_for_its_endpoint(world):
    one, other = await world.endpoint(), await world.endpoint()
    secret = world.secret.reveal().encode()

    assert secret not in world.stored(other).sealed_secret
    from auth_core.kernel import WrongMasterKey

    moved = msgspec.structs.replace(one, sealed_secret=other.sealed_secret)
    with pytest.raises(WrongMasterKey):
        world.vault.signing(moved, world.clock.now())


async def test_a_rotation_without_overlap_ends_the_old_secret_at_once(world):
    endpoint = await world.endpoint()
    await world.service.rotate_secret(None, endpoint.id, overlap=timedelta())

    assert 1 == len(world.vault.signing(world.stored(endpoint), world.clock.now()))


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=8)])
async def test_an_overlap_has_its_limits(world, overlap):
    endpoint = await world.endpoint()

    with pytest.raises(InvalidInput):
        await world.service.rotate_secret(None, endpoint.id, overlap=overlap)


async def test_a_test_event_arrives_whatever_the_endpoint_wants_and_waits_for_nothing(world):
    endpoint = await world.endpoint("https://a.example/", "user.created")
    delivery = await world.log.test(None, endpoint.id)
    await world.dispatcher.run()

    [(_, headers, body)] = world.receivers.received
    assert str(delivery.event_id) == verify(world.secret, headers, body, now=world.clock.now()).id
    event = msgspec.json.decode(body)
    assert ("1.0", "webhook.test", str(delivery.event_id)) == (
        event["specversion"],
        event["type"],
        event["id"],
    )
    Draft202012Validator(msgspec.to_builtins(EventSchemas().of("webhook.test"))).validate(
        event["data"]
    )


async def test_a_disabled_endpoint_is_neither_tested_nor_redelivered_to(world):
    endpoint = await world.endpoint()
    delivery = await world.log.test(None, endpoint.id)
    await world.dispatcher.run()
    await world.service.change(None, endpoint.id, EndpointChanges(enabled=False))

    for asked in (
        world.log.test(None, endpoint.id),
        world.log.redeliver(None, endpoint.id, delivery.id),
    ):
        with pytest.raises(WebhookConflict, match="disabled"):
            await asked


@pytest.mark.sec("SEC-65")
async def test_a_redelivery_has_the_same_id_and_is_tried_for_another_day(world):
    endpoint = await world.endpoint()
    world.receivers.answering = lambda url, body: 500
    delivery = await world.log.test(None, endpoint.id)
    await world.pass_time(26 * HOUR)
    [dead] = world.deliveries(endpoint)
    tries = len(dead.log)
    with pytest.raises(DeliveryNotFound):
        await world.log.redeliver(None, endpoint.id, DeliveryId(world.ids.uuid()))

    queued = await world.log.redeliver(None, endpoint.id, delivery.id)
    with pytest.raises(WebhookConflict, match="on its way"):
        await world.log.redeliver(None, endpoint.id, delivery.id)
    assert (world.clock.now(), tries) == (queued.queued_at, len(queued.log))
    await world.pass_time(26 * HOUR)
    [dead_again] = world.deliveries(endpoint)

    assert dead_again.attempts > tries
    assert 1 == len(set(world.received()))


async def test_secrets_are_sealed_anew_under_the_next_master_key(world):
    endpoints = [await world.endpoint(), await world.endpoint()]
    await world.service.rotate_secret(None, endpoints[0].id)
    before = [
        [each.reveal() for each in world.vault.signing(world.stored(one), world.clock.now())]
        for one in endpoints
    ]

    class Both(ToySealer):
        """Opens what the old one sealed."""

        def open(self, sealed, *, context):
            try:
                return super().open(sealed, context=context)
            except Exception:  # noqa: BLE001
                return world.sealer.open(sealed, context=context)

    new = Both(Secret(b"the next master key"), world.entropy)
    service = WebhookService(
        *(world.unit_of_work, SecretVault(new), world.receivers),
        *(world.clock, world.ids, world.entropy, world.policy),
    )

    assert [2, 0] == [await service.rewrap(), await service.rewrap()]
    alone = SecretVault(ToySealer(Secret(b"the next master key"), world.entropy))
    assert before == [
        [each.reveal() for each in alone.signing(world.stored(one), world.clock.now())]
        for one in endpoints
    ]


async def test_a_sweep_removes_what_is_older_than_the_retention(world):
    endpoint = await world.endpoint()
    await world.spread(*(world.message(str(number)) for number in range(3)))
    await world.dispatcher.run()
    world.clock.advance(world.policy.retention + timedelta(seconds=1))
    await world.spread(world.message())

    assert [3, 0] == [await world.log.sweep(), await world.log.sweep()]
    assert 1 == len(world.deliveries(endpoint))


async def test_an_endpoint_that_nobody_has_is_not_found(world):
    with pytest.raises(WebhookNotFound):
        await world.service.get(None, EndpointId(world.ids.uuid()))
