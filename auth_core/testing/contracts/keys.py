"""The contract of `KeyRepository`."""

import asyncio

import pytest

from auth_core.keys import KeyStatus, KeyUse, SealedKey
from auth_core.testing.contracts.making import RACERS, UnitOfWorkFactory, new_sealed_key


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


async def _all(unit_of_work: UnitOfWorkFactory) -> list[SealedKey]:
    async with unit_of_work() as uow:
        return await uow.keys.all()


async def _add(unit_of_work: UnitOfWorkFactory, key: SealedKey) -> bool:
    async with unit_of_work() as uow:
        added = await uow.keys.add(key)
        await uow.commit()
        return added
