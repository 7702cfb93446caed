"""How keys come and go: by age, on command, at once, and by several workers (SEC-45, SEC-46)."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from adapters.crypto import JoseKeyGenerator, JoseSigner
from auth_core.core import Core
from auth_core.kernel import (
    ConcurrentUpdate,
    InvalidToken,
    KeyNotFound,
    KeySpent,
    Misconfigured,
    Secret,
    Unavailable,
    WrongMasterKey,
)
from auth_core.keys import Departure, KeyRotated, KeyStatus, KeyUse, RotationCause
from auth_core.keys.current import RELOAD_INTERVAL
from auth_core.keys.rotation import SETTLING
from auth_core.testing import SymmetricKeyGenerator, ToySealer, in_memory_core
from auth_core.users import Registration

LEAD = timedelta(minutes=5) + SETTLING
PERIOD = timedelta(days=30)


@pytest.fixture
async def core():
    core = in_memory_core()
    await core.keys.ring()
    return core


def statuses(core, use=KeyUse.ACCESS):
    keys = sorted(core.store.keys.values(), key=lambda key: key.created_at)
    return [key.status.value for key in keys if key.use is use]


def rotations(core):
    return [event for event in core.published if isinstance(event, KeyRotated)]


async def active(core, use=KeyUse.ACCESS):
    return (await core.keys.ring()).active(use)


async def signed_in(core, name="alice"):
    return (await core.sign_in.register(Registration.parse(username=name))).tokens.access_token


async def test_nothing_is_due_at_first_and_it_takes_one_query(core):
    begun = core.store.begun

    assert () == await core.keys.tend()

    assert begun + 1 == core.store.begun


@pytest.mark.sec("SEC-45")
async def test_the_next_key_is_published_a_cache_time_before_it_signs(core):
    first = await active(core)
    core.clock.advance(PERIOD - LEAD - timedelta(seconds=1))
    assert () == await core.keys.tend()

    core.clock.advance(timedelta(seconds=1))
    await core.keys.tend()
    assert ["active", "next"] == statuses(core)
    assert first.kid == (await active(core)).kid

    core.clock.advance(LEAD - timedelta(microseconds=1))
    assert () == await core.keys.tend()
    core.clock.advance(timedelta(microseconds=1))
    await core.keys.tend()
    assert ["retired", "active"] == statuses(core)
    assert first.kid != (await active(core)).kid
    assert {KeyUse.ACCESS, KeyUse.REFRESH} == {event.use for event in rotations(core)}
    assert {RotationCause.PLANNED} == {event.cause for event in rotations(core)}


@pytest.mark.sec("SEC-45")
@pytest.mark.parametrize("use", KeyUse)
async def test_a_retired_key_stays_until_its_last_token_has_died(core, use):
    await core.keys.rotate(use)
    core.clock.advance(LEAD)
    await core.keys.rotate(use)
    options = core.options
    life = options.access_lifetime if use is KeyUse.ACCESS else options.session_lifetime
    old = next(key for key in core.store.keys.values() if key.status is KeyStatus.RETIRED)

    core.clock.advance(life + SETTLING - timedelta(microseconds=1))
    await core.keys.tend()
    assert old.kid in core.store.keys
    core.clock.advance(timedelta(microseconds=1))
    await core.keys.tend()

    assert old.kid not in core.store.keys
    assert Departure.EXPIRED is core.store.departures[old.kid]


@pytest.mark.sec("SEC-45")
async def test_a_planned_rotation_fails_no_request_on_any_worker(core):
    other = core.another_worker()
    await other.keys.ring()
    before = await signed_in(core)
    published = await core.keys.rotate(KeyUse.ACCESS)
    assert published == await other.keys.rotate(KeyUse.ACCESS)
    assert KeyStatus.NEXT is published.status
    core.clock.advance(LEAD)

    assert KeyStatus.ACTIVE is (await core.keys.rotate(KeyUse.ACCESS)).status
    after = await signed_in(core, "bob")

    for worker in (core, other):
        for token in (before, after):
            assert await worker.authenticator.authenticate(token)


@pytest.mark.sec("SEC-45")
async def test_a_key_that_was_made_at_once_is_honoured_by_a_worker_with_an_old_ring(core):
    other = core.another_worker()
    await other.keys.ring()
    for name in ("alice", "bob"):
        core.clock.advance(timedelta(seconds=1))
        await core.keys.revoke((await active(core)).kid)

        assert await other.authenticator.authenticate(await signed_in(core, name))


@pytest.mark.sec("SEC-45")
async def test_a_revoked_key_dies_with_its_tokens_also_where_they_were_verified_before(core):
    other, token = core.another_worker(), await signed_in(core)
    kid = (await active(core)).kid
    for worker in (core, other):
        await worker.authenticator.authenticate(token)

    new = await core.keys.revoke(kid)

    assert new.kid == (await active(core)).kid != kid
    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(token)
    core.clock.advance(RELOAD_INTERVAL)
    await other.keys.ring()
    await other.keys._current.load()
    for _ in range(2):
        with pytest.raises(InvalidToken):
            await other.authenticator.authenticate(token)
    (event,) = rotations(core)
    assert (kid, new.kid, RotationCause.REVOKED) == (event.previous_kid, event.kid, event.cause)
    assert None is event.user_id


async def test_a_key_that_does_not_sign_is_revoked_without_a_successor(core):
    published = await core.keys.rotate(KeyUse.ACCESS)

    assert None is await core.keys.revoke(published.kid)

    assert (["active"], []) == (statuses(core), rotations(core))
    for kid in (published.kid, "unknown"):
        with pytest.raises(KeyNotFound):
            await core.keys.revoke(kid)


async def test_eight_workers_rotate_once(core):
    workers = [core.another_worker() for _ in range(8)]
    core.clock.advance(PERIOD)

    async def all_at_once():
        await asyncio.gather(*(worker.keys.tend() for worker in workers))

    await all_at_once()
    assert ["active", "next"] == statuses(core)
    core.clock.advance(LEAD)
    await all_at_once()

    assert ["active", "retired"] == sorted(statuses(core))
    assert 1 == sum(event.use is KeyUse.ACCESS for event in rotations(core))


async def test_racing_revocations_replace_the_key_once(core):
    kid = (await active(core)).kid

    outcomes = await asyncio.gather(
        *(core.another_worker().keys.revoke(kid) for _ in range(8)), return_exceptions=True
    )

    assert 1 == sum(not isinstance(outcome, KeyNotFound) for outcome in outcomes)
    assert (["active"], 1) == (statuses(core), len(rotations(core)))


@pytest.mark.parametrize("step", ["keys.lock", "keys.update", "outbox.add", "commit"])
async def test_a_crash_on_the_way_leaves_the_ring_as_it_was(core, step):
    await core.keys.rotate(KeyUse.ACCESS)
    core.clock.advance(LEAD)
    before = dict(core.store.keys)

    def crash(statement):
        if statement == step:
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await core.keys.tend()
    core.store.on_statement = None

    assert (before, []) == (core.store.keys, rotations(core))
    await core.keys.tend()
    assert ["active", "retired"] == sorted(statuses(core))


@pytest.mark.sec("SEC-45")
async def test_another_algorithm_is_a_rotation_and_old_tokens_live_on(core):
    old = await signed_in(core)
    ports = msgspec.structs.replace(
        core.ports,
        key_generator=JoseKeyGenerator(core.clock, access_algorithm="ES256"),
        token_signer=JoseSigner(),
    )
    switched = Core(ports, core.options)
    await switched.keys.tend()
    assert "HS256" == (await active(switched)).algorithm
    core.clock.advance(LEAD)
    await switched.keys.tend()

    ring = await switched.keys.ring()
    assert ("ES256", "HS256") == ring.algorithms(KeyUse.ACCESS)
    assert ["ES256"] == [key["alg"] for key in ring.jwks()["keys"]]
    for worker in (switched, core.another_worker()):
        for token in (old, await signed_in(switched, f"user-{id(worker)}")):
            assert await worker.authenticator.authenticate(token)


async def test_an_imported_key_is_next_or_signs_at_once_and_is_imported_once(core):
    one, two = (core.ports.key_generator.generate(KeyUse.ACCESS) for _ in range(2))

    for _ in range(2):
        assert KeyStatus.NEXT is (await core.keys.bring_in(one, activate=False)).status
    for _ in range(2):
        assert KeyStatus.ACTIVE is (await core.keys.bring_in(two, activate=True)).status
    assert KeyStatus.NEXT is (await core.keys.bring_in(one, activate=False)).status
    assert KeyStatus.ACTIVE is (await core.keys.bring_in(one, activate=True)).status

    assert [RotationCause.IMPORTED] * 2 == [event.cause for event in rotations(core)]


async def test_a_newer_import_takes_the_place_of_the_next_key(core):
    one, two = (core.ports.key_generator.generate(KeyUse.ACCESS) for _ in range(2))
    await core.keys.bring_in(one, activate=False)

    await core.keys.bring_in(two, activate=False)

    waiting = [key.kid for key in await core.keys.stored() if key.status is KeyStatus.NEXT]
    assert [two.kid] == waiting
    # it left without ever having signed, so it may come again
    assert KeyStatus.NEXT is (await core.keys.bring_in(one, activate=False)).status


@pytest.mark.sec("SEC-45")
async def test_a_revoked_key_never_comes_back(core):
    key = core.ports.key_generator.generate(KeyUse.ACCESS)
    await core.keys.bring_in(key, activate=True)
    await core.keys.revoke(key.kid)

    with pytest.raises(KeySpent):
        await core.keys.bring_in(key, activate=True)
    assert key.kid != (await active(given_to(core, key))).kid


async def test_a_key_of_another_algorithm_is_not_imported(core):
    key = JoseKeyGenerator(core.clock).generate(KeyUse.ACCESS)

    with pytest.raises(Misconfigured, match="RS256"):
        await core.keys.bring_in(key, activate=False)


def given_to(core, key):
    generator = SymmetricKeyGenerator(core.clock, core.entropy, given=key)
    return Core(msgspec.structs.replace(core.ports, key_generator=generator), core.options)


async def test_a_given_key_signs_from_the_start_and_is_adopted_once():
    core = in_memory_core()
    key = core.ports.key_generator.generate(KeyUse.ACCESS)
    workers = [given_to(core, key) for _ in range(8)]

    rings = await asyncio.gather(*(worker.keys.ring() for worker in workers))

    assert {key.kid} == {ring.active(KeyUse.ACCESS).kid for ring in rings}
    assert ["active"] == statuses(core)


async def test_a_given_key_replaces_the_active_one_and_rotates_like_any_other(core):
    key = core.ports.key_generator.generate(KeyUse.ACCESS)
    worker = given_to(core, key)
    assert key.kid == (await active(worker)).kid
    core.clock.advance(PERIOD)
    await worker.keys.tend()
    core.clock.advance(LEAD)
    await worker.keys.tend()

    assert key.kid != (await active(worker)).kid
    assert key.kid != (await active(given_to(core, key))).kid


@pytest.mark.sec("SEC-46")
async def test_a_new_master_key_takes_over_and_the_old_one_opens_nothing_any_more(core):
    kid = (await active(core)).kid
    old, new = Secret(b"a master key for tests"), Secret(b"a new one")

    def under(master, previous=None):
        sealer = ToySealer(master, core.entropy, previous=previous)
        return Core(msgspec.structs.replace(core.ports, sealer=sealer), core.options)

    with pytest.raises(WrongMasterKey):
        await under(new).keys.ring()
    with pytest.raises(WrongMasterKey):
        await under(new).keys.rewrap()
    both = under(new, previous=old)
    assert kid == (await active(both)).kid

    assert (2, 0) == (await both.keys.rewrap(), await both.keys.rewrap())

    assert kid == (await active(under(new))).kid
    with pytest.raises(WrongMasterKey):
        await under(old).keys.ring()
    # a process that still has the old one goes on with what it holds, and loses what is revoked
    await both.keys.revoke(kid)
    ring = await core.keys._current.load()
    assert None is ring.active(KeyUse.ACCESS)
    assert core.keys.problem


async def test_a_key_that_is_activated_while_it_is_being_revoked_is_looked_at_again(core):
    published = await core.keys.rotate(KeyUse.ACCESS)
    core.clock.advance(LEAD)
    other = core.another_worker()

    def activate(statement):
        if statement == "keys.lock":
            core.store.on_statement = None
            old = next(k for k in core.store.keys.values() if k.status is KeyStatus.ACTIVE)
            keys = core.store.keys
            keys[old.kid] = msgspec.structs.replace(old, status=KeyStatus.RETIRED)
            keys[published.kid] = msgspec.structs.replace(published, status=KeyStatus.ACTIVE)

    core.store.on_statement = activate
    with pytest.raises(ConcurrentUpdate):
        await other.keys.revoke(published.kid)
