"""The contract of `KeyRepository`."""

import asyncio

import msgspec
import pytest

from auth_core.keys import Departure, KeyStatus, KeyUse, SealedKey
from auth_core.testing.contracts.making import RACERS, UnitOfWorkFactory, new_sealed_key, now


class KeyRepositoryContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a store that holds NO KEYS.

    A deployment has one active key per use, so each test must begin without any.
    """

    async def test_there_are_no_keys_at_first(self, unit_of_work: UnitOfWorkFactory) -> None:
        assert [] == await _all(unit_of_work)

    @pytest.mark.parametrize("use", KeyUse)
    async def test_a_key_comes_back_as_it_was_stored(
        self, unit_of_work: UnitOfWorkFactory, use: KeyUse
    ) -> None:
        key = new_sealed_key(use)

        assert await _add(unit_of_work, key)

        stored = await _all(unit_of_work)
        assert [key] == stored
        assert (use, KeyStatus.ACTIVE) == (stored[0].use, stored[0].status)

    async def test_a_symmetric_key_has_no_public_part(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        key = new_sealed_key(KeyUse.REFRESH, public_jwk=None, algorithm="HS256")

        await _add(unit_of_work, key)

        assert [key] == await _all(unit_of_work)

    async def test_each_use_has_an_active_key_of_its_own(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        keys = [new_sealed_key(use) for use in KeyUse]

        assert [True, True] == [await _add(unit_of_work, key) for key in keys]

        assert sorted(key.kid for key in keys) == sorted(
            key.kid for key in await _all(unit_of_work)
        )

    async def test_a_second_active_key_is_not_stored(self, unit_of_work: UnitOfWorkFactory) -> None:
        first = new_sealed_key(KeyUse.ACCESS)
        await _add(unit_of_work, first)

        assert not await _add(unit_of_work, new_sealed_key(KeyUse.ACCESS))

        assert [first] == await _all(unit_of_work)

    async def test_a_refused_key_does_not_spoil_its_transaction(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        first, other = new_sealed_key(KeyUse.ACCESS), new_sealed_key(KeyUse.REFRESH)
        await _add(unit_of_work, first)
        async with unit_of_work() as uow:
            added = [
                await uow.keys.add(new_sealed_key(KeyUse.ACCESS)),
                await uow.keys.add(other),
            ]
            await uow.commit()

        assert [False, True] == added
        assert {first.kid, other.kid} == {key.kid for key in await _all(unit_of_work)}

    async def test_an_uncommitted_key_is_seen_by_its_transaction_only(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        key = new_sealed_key(KeyUse.ACCESS)
        async with unit_of_work() as uow:
            await uow.keys.add(key)
            inside = await uow.keys.all()
            outside = await _all(unit_of_work)

        assert ([key], []) == (inside, outside)
        assert [] == await _all(unit_of_work)

    async def test_of_racing_keys_one_is_stored(self, unit_of_work: UnitOfWorkFactory) -> None:
        keys = [new_sealed_key(KeyUse.ACCESS) for _ in range(RACERS)]

        added = await asyncio.gather(*(_add(unit_of_work, key) for key in keys))

        assert 1 == sum(added)
        assert [keys[added.index(True)]] == await _all(unit_of_work)

    async def test_a_key_may_take_the_place_of_one_that_was_rolled_back(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        key = new_sealed_key(KeyUse.ACCESS)
        async with unit_of_work() as uow:
            await uow.keys.add(new_sealed_key(KeyUse.ACCESS))
            waiting = asyncio.create_task(_add(unit_of_work, key))
            await asyncio.sleep(0)

        assert await waiting
        assert [key] == await _all(unit_of_work)

    @pytest.mark.parametrize("status", KeyStatus)
    async def test_an_id_is_given_once(
        self, unit_of_work: UnitOfWorkFactory, status: KeyStatus
    ) -> None:
        key = new_sealed_key(KeyUse.ACCESS, status=status)

        added = [await _add(unit_of_work, key), await _add(unit_of_work, key)]

        assert ([True, False], [key]) == (added, await _all(unit_of_work))

    async def test_any_number_of_keys_are_next_or_retired(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        for status in (KeyStatus.NEXT, KeyStatus.RETIRED) * 2:
            assert await _add(unit_of_work, new_sealed_key(KeyUse.ACCESS, status=status))

        assert 4 == len(await _all(unit_of_work))

    async def test_a_changed_key_keeps_its_identity(self, unit_of_work: UnitOfWorkFactory) -> None:
        key, other = (new_sealed_key(KeyUse.ACCESS, status=KeyStatus.NEXT) for _ in range(2))
        for each in (key, other):
            await _add(unit_of_work, each)
        changed = msgspec.structs.replace(
            key,
            status=KeyStatus.RETIRED,
            activates_at=now(),
            activated_at=now(),
            retired_at=now(),
            sealed_private_jwk=b"sealed anew",
        )
        async with unit_of_work() as uow:
            await uow.keys.update(changed)
            await uow.keys.update(new_sealed_key(KeyUse.ACCESS))
            await uow.commit()

        assert {each.kid: each for each in (changed, other)} == {
            each.kid: each for each in await _all(unit_of_work)
        }

    async def test_the_active_key_may_change_places_in_one_transaction(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        old = new_sealed_key(KeyUse.ACCESS)
        new = new_sealed_key(KeyUse.ACCESS, status=KeyStatus.NEXT)
        for each in (old, new):
            await _add(unit_of_work, each)
        async with unit_of_work() as uow:
            await uow.keys.update(msgspec.structs.replace(old, status=KeyStatus.RETIRED))
            await uow.keys.update(msgspec.structs.replace(new, status=KeyStatus.ACTIVE))
            await uow.commit()

        assert {old.kid: KeyStatus.RETIRED, new.kid: KeyStatus.ACTIVE} == {
            key.kid: key.status for key in await _all(unit_of_work)
        }

    @pytest.mark.sec("SEC-45")
    async def test_a_removed_key_is_gone_and_its_id_remembered(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        key, other = new_sealed_key(KeyUse.ACCESS), new_sealed_key(KeyUse.REFRESH)
        for each in (key, other):
            await _add(unit_of_work, each)
        async with unit_of_work() as uow:
            before = await uow.keys.departure(key.kid)
            await uow.keys.remove(key.kid, Departure.REVOKED, now())
            await uow.keys.remove(new_sealed_key(KeyUse.ACCESS).kid, Departure.REVOKED, now())
            inside = (await uow.keys.all(), await uow.keys.departure(key.kid))
            await uow.commit()

        assert (None, ([other], Departure.REVOKED)) == (before, inside)
        assert [other] == await _all(unit_of_work)
        async with unit_of_work() as uow:
            assert Departure.REVOKED is await uow.keys.departure(key.kid)
            assert None is await uow.keys.departure(other.kid)

    async def test_a_key_that_comes_back_may_leave_again(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        key = new_sealed_key(KeyUse.ACCESS)
        for departure in (Departure.SUPERSEDED, Departure.EXPIRED):
            async with unit_of_work() as uow:
                await uow.keys.add(key)
                await uow.keys.remove(key.kid, departure, now())
                await uow.commit()

        async with unit_of_work() as uow:
            assert Departure.EXPIRED is await uow.keys.departure(key.kid)
            assert [] == await uow.keys.all()

    async def test_a_removal_that_was_not_committed_changes_nothing(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        key = new_sealed_key(KeyUse.ACCESS)
        await _add(unit_of_work, key)
        async with unit_of_work() as uow:
            await uow.keys.remove(key.kid, Departure.REVOKED, now())

        assert [key] == await _all(unit_of_work)
        async with unit_of_work() as uow:
            assert None is await uow.keys.departure(key.kid)

    async def test_the_lock_lets_one_transaction_in_at_a_time(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """Whoever comes next sees what the one before has committed."""

        async def count() -> None:
            async with unit_of_work() as uow:
                await uow.keys.lock()
                seen = len(await uow.keys.all())
                await asyncio.sleep(0)
                key = new_sealed_key(KeyUse.ACCESS, status=KeyStatus.NEXT, algorithm=str(seen))
                await uow.keys.add(key)
                await uow.commit()

        await asyncio.gather(*(count() for _ in range(RACERS)))

        seen = sorted(int(key.algorithm) for key in await _all(unit_of_work))
        assert list(range(RACERS)) == seen

    async def test_the_lock_is_free_again_after_a_rollback(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        for _ in range(2):
            async with unit_of_work() as uow:
                await uow.keys.lock()


async def _all(unit_of_work: UnitOfWorkFactory) -> list[SealedKey]:
    async with unit_of_work() as uow:
        return await uow.keys.all()


async def _add(unit_of_work: UnitOfWorkFactory, key: SealedKey) -> bool:
    async with unit_of_work() as uow:
        added = await uow.keys.add(key)
        await uow.commit()
        return added
