"""The ring of a process: loaded, created once per deployment, reloaded with restraint."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.core import Core
from auth_core.kernel import Secret, Unavailable, WrongMasterKey
from auth_core.keys import KeyService, KeyStatus, KeyUse
from auth_core.keys.current import RELOAD_INTERVAL, UNKNOWN_INTERVAL
from auth_core.testing import SeededEntropy, ToySealer, in_memory_core


@pytest.fixture
def core():
    return in_memory_core()


def worker(core) -> KeyService:
    return core.another_worker().keys


def add_access_key(core):
    """As another process would: a key that verifies already."""
    key = core.ports.key_generator.generate(KeyUse.ACCESS)
    sealed = core.keys._vault.seal(msgspec.structs.replace(key, status=KeyStatus.NEXT))
    core.store.keys[key.kid] = sealed
    return key


async def test_the_first_ring_of_a_deployment_creates_a_key_per_use(core):
    ring = await core.keys.ring()

    assert dict.fromkeys(KeyUse, KeyStatus.ACTIVE) == {
        key.use: key.status for key in core.store.keys.values()
    }
    assert {ring.active(use).kid for use in KeyUse} == set(core.store.keys)


async def test_the_ring_is_loaded_once(core):
    ring = await core.keys.ring()
    begun = core.store.begun

    assert ring is await core.keys.ring()
    assert begun == core.store.begun


async def test_every_process_has_the_same_keys(core):
    rings = [await worker(core).ring() for _ in range(3)]

    assert 1 == len({ring.active(KeyUse.ACCESS).kid for ring in rings})
    assert 2 == len(core.store.keys)


async def test_twenty_racing_processes_create_the_keys_once(core):
    rings = await asyncio.gather(*(worker(core).ring() for _ in range(20)))

    assert 2 == len(core.store.keys)
    for use in KeyUse:
        assert 1 == len({ring.active(use).kid for ring in rings})


async def test_racing_callers_of_one_process_load_once(core):
    await core.keys.ring()
    keys, begun = worker(core), core.store.begun

    rings = await asyncio.gather(*(keys.ring() for _ in range(20)))

    assert begun + 1 == core.store.begun
    assert 1 == len(set(map(id, rings)))


async def test_a_missing_key_of_one_use_is_created_beside_the_other(core):
    ring = await core.keys.ring()
    del core.store.keys[ring.active(KeyUse.REFRESH).kid]

    second = await worker(core).ring()

    assert ring.active(KeyUse.ACCESS).kid == second.active(KeyUse.ACCESS).kid
    assert ring.active(KeyUse.REFRESH).kid != second.active(KeyUse.REFRESH).kid


@pytest.mark.sec("SEC-46")
async def test_private_keys_are_stored_sealed_and_bound_to_their_row(core):
    ring = await core.keys.ring()
    access, refresh = (core.store.keys[ring.active(use).kid] for use in KeyUse)

    for use, sealed in ((KeyUse.ACCESS, access), (KeyUse.REFRESH, refresh)):
        private = ring.active(use).private_jwk.reveal()
        assert private not in sealed.sealed_private_jwk
    swapped = msgspec.structs.replace(access, sealed_private_jwk=refresh.sealed_private_jwk)
    core.store.keys[access.kid] = swapped
    with pytest.raises(WrongMasterKey):
        await worker(core).ring()


@pytest.mark.sec("SEC-46", "SEC-72")
async def test_another_master_key_opens_nothing_and_creates_nothing(core):
    await core.keys.ring()
    sealer = ToySealer(Secret(b"another"), SeededEntropy())
    other = Core(msgspec.structs.replace(core.ports, sealer=sealer), core.options)

    for _ in range(2):
        with pytest.raises(WrongMasterKey):
            await other.keys.ring()

    assert 2 == len(core.store.keys)


async def test_a_known_key_id_asks_nobody(core):
    kid = (await core.keys.ring()).active(KeyUse.ACCESS).kid
    core.clock.advance(timedelta(days=1))
    begun = core.store.begun

    ring = await core.keys.ring_with(KeyUse.ACCESS, kid)

    assert kid == ring.find(KeyUse.ACCESS, kid).kid
    assert begun == core.store.begun


async def test_a_key_of_another_process_is_found_by_one_reload(core):
    await core.keys.ring()
    key = add_access_key(core)
    core.clock.advance(RELOAD_INTERVAL)
    begun = core.store.begun

    rings = await asyncio.gather(*(core.keys.ring_with(KeyUse.ACCESS, key.kid) for _ in range(20)))

    assert [key.kid] * 20 == [ring.find(KeyUse.ACCESS, key.kid).kid for ring in rings]
    assert begun + 1 == core.store.begun


@pytest.mark.sec("SEC-26")
async def test_a_flood_of_unknown_key_ids_loads_at_most_once_a_second(core):
    await core.keys.ring()
    begun = core.store.begun

    for number in range(100):
        await core.keys.ring_with(KeyUse.ACCESS, f"unknown-{number}")
        core.clock.advance(timedelta(milliseconds=100))

    assert begun + 10 == core.store.begun


@pytest.mark.sec("SEC-26")
@pytest.mark.parametrize(("wait", "loads"), [(timedelta(seconds=-1e-6), 0), (timedelta(0), 1)])
async def test_the_interval_is_exact(core, wait, loads):
    await core.keys.ring()
    await core.keys.ring_with(KeyUse.ACCESS, "unknown")
    begun = core.store.begun

    core.clock.advance(UNKNOWN_INTERVAL + wait)
    await core.keys.ring_with(KeyUse.ACCESS, "unknown")

    assert begun + loads == core.store.begun


@pytest.mark.sec("SEC-45")
async def test_a_ring_of_five_seconds_is_loaded_anew_behind_the_callers_back(core):
    ring = await core.keys.ring()
    key = add_access_key(core)
    core.clock.advance(RELOAD_INTERVAL)
    begun = core.store.begun

    rings = [await core.keys.ring() for _ in range(20)]
    await core.keys._current.load()

    assert [ring] * 20 == rings
    assert begun + 1 == core.store.begun
    assert (await core.keys.ring()).find(KeyUse.ACCESS, key.kid)


async def test_a_ring_that_has_not_changed_stays_the_same(core):
    ring = await core.keys.ring()

    assert ring is await core.keys._current.load()


async def test_closing_stops_a_load_that_is_under_way(core):
    await core.keys.close()
    await core.keys.ring()
    core.clock.advance(RELOAD_INTERVAL)
    await core.keys.ring()

    await core.keys.close()

    assert core.keys._current._loading.cancelled()


@pytest.mark.sec("SEC-50")
async def test_a_clock_that_was_set_back_does_not_hide_new_keys(core):
    await core.keys.ring()
    key = add_access_key(core)

    core.clock.advance(timedelta(hours=-1))
    ring = await core.keys.ring_with(KeyUse.ACCESS, key.kid)

    assert key.kid == ring.find(KeyUse.ACCESS, key.kid).kid


@pytest.mark.sec("SEC-72")
async def test_storage_down_at_first_is_unavailable_and_recovers(core):
    core.store.down = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            await core.keys.ring()

    core.store.down = False

    assert await core.keys.ring()


async def test_callers_that_wait_for_storage_share_its_failure(core):
    core.store.down = True
    begun = core.store.begun

    outcomes = await asyncio.gather(*(core.keys.ring() for _ in range(20)), return_exceptions=True)

    assert [Unavailable] * 20 == [type(outcome) for outcome in outcomes]
    assert begun + 1 == core.store.begun


async def test_a_ring_in_memory_outlives_storage(core):
    ring = await core.keys.ring()
    core.store.down = True
    core.clock.advance(RELOAD_INTERVAL)

    assert ring is await core.keys.ring()
    assert ring is await core.keys.ring_with(KeyUse.ACCESS, "unknown")


@pytest.mark.sec("SEC-26")
async def test_a_flood_of_unknown_key_ids_spares_storage_that_is_down(core):
    ring = await core.keys.ring()
    core.store.down = True
    core.clock.advance(RELOAD_INTERVAL)
    begun = core.store.begun

    rings = await asyncio.gather(
        *(core.keys.ring_with(KeyUse.ACCESS, f"unknown-{number}") for number in range(20))
    )
    await core.keys.ring_with(KeyUse.ACCESS, "one more")

    assert [ring] * 20 == rings
    assert begun + 2 >= core.store.begun  # by age, and for the unknown ids


@pytest.mark.parametrize("step", ["keys.all", "keys.add", "commit"])
async def test_a_crash_while_creating_keys_is_made_good_later(core, step):
    def crash(statement):
        if statement == step:
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await core.keys.ring()
    assert {} == core.store.keys
    core.store.on_statement = None

    ring = await core.keys.ring()

    assert {ring.active(use).kid for use in KeyUse} == set(core.store.keys)


@pytest.mark.sec("SEC-46")
async def test_keys_are_examined_without_being_made_or_used(core):
    assert [] == await core.keys.examined()
    assert {} == core.store.keys
    await core.keys.ring()
    stranger = in_memory_core()
    sealer = ToySealer(Secret(b"another master key"), SeededEntropy(3))
    foreign = KeyService(
        core.unit_of_work, sealer, stranger.ports.key_generator, core.clock, core.ports.ids, None
    )

    own = await core.keys.examined()
    others = await foreign.examined()

    assert ["", ""] == [problem for _, problem in own]
    assert [key for key, _ in own] == [key for key, _ in others]
    assert all(problem for _, problem in others)
