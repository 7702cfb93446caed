"""The contract of `CredentialRepository` about what happens to a password: failures, changes."""

import asyncio
from datetime import datetime, timedelta

import pytest

from auth_core.credentials import Account
from auth_core.kernel import Email, Secret, UserId, Username
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_id,
    new_hash,
    now,
    stored_user,
)


class PasswordStateContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    @pytest.mark.sec("SEC-11")
    async def test_failures_in_a_row_are_counted_and_the_last_one_allowed_disables(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, password_hash, at = await stored_user(unit_of_work), new_hash(), now()
        await _set_password(unit_of_work, user.id, password_hash)

        counts = [await _fail(unit_of_work, user.id, at, limit=3) for _ in range(2)]
        assert [1, 2] == counts
        account = await _account(unit_of_work, user.username)
        assert account is not None
        assert (2, at, None) == (
            account.consecutive_failures,
            account.last_failed_at,
            account.disabled_at,
        )

        later = at + timedelta(hours=1)
        assert 3 == await _fail(unit_of_work, user.id, later, limit=3)
        assert 4 == await _fail(unit_of_work, user.id, later + timedelta(hours=1), limit=3)
        account = await _account(unit_of_work, user.email)
        assert account is not None
        assert (4, later) == (account.consecutive_failures, account.disabled_at)
        assert password_hash == account.password_hash

    @pytest.mark.sec("SEC-11")
    async def test_failures_at_once_are_all_counted(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = await stored_user(unit_of_work)
        await _set_password(unit_of_work, user.id, new_hash())

        counts = await asyncio.gather(
            *(_fail(unit_of_work, user.id, now(), limit=RACERS) for _ in range(RACERS))
        )

        assert list(range(1, RACERS + 1)) == sorted(counts)
        account = await _account(unit_of_work, user.username)
        assert account is not None
        assert account.disabled_at is not None

    @pytest.mark.sec("SEC-01")
    async def test_nobodys_failure_is_no_ones(self, unit_of_work: UnitOfWorkFactory) -> None:
        without, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        await _set_password(unit_of_work, other.id, new_hash())
        before = await _account(unit_of_work, other.username)

        assert 0 == await _fail(unit_of_work, None, now(), limit=3)
        assert 0 == await _fail(unit_of_work, without.id, now(), limit=3)
        assert 0 == await _fail(unit_of_work, UserId(fresh_id()), now(), limit=3)

        assert before == await _account(unit_of_work, other.username)

    async def test_a_failure_counts_only_with_its_commit(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        await _set_password(unit_of_work, user.id, new_hash())

        async with unit_of_work() as uow:
            assert 1 == await uow.credentials.record_failure(user.id, now(), limit=3)

        assert 1 == await _fail(unit_of_work, user.id, now(), limit=3)

    @pytest.mark.sec("SEC-11")
    async def test_a_new_password_is_as_new(self, unit_of_work: UnitOfWorkFactory) -> None:
        user, password_hash = await stored_user(unit_of_work), new_hash()
        await _set_password(unit_of_work, user.id, new_hash())
        await _fail(unit_of_work, user.id, now(), limit=1)
        assert await _require_change(unit_of_work, user.id)

        await _set_password(unit_of_work, user.id, password_hash)

        expected = Account(user=user, password_hash=password_hash)
        assert expected == await _account(unit_of_work, user.username)

    @pytest.mark.sec("SEC-07")
    async def test_a_verified_password_has_no_failures_and_may_get_another_hash(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, old, new = await stored_user(unit_of_work), new_hash(), new_hash()
        await _set_password(unit_of_work, user.id, old)
        await _fail(unit_of_work, user.id, now(), limit=9)
        assert await _require_change(unit_of_work, user.id)

        await _verified(unit_of_work, user.id, seen=old, upgraded=None)
        expected = Account(user=user, password_hash=old, must_change=True)
        assert expected == await _account(unit_of_work, user.username)

        await _verified(unit_of_work, user.id, seen=old, upgraded=new)
        expected = Account(user=user, password_hash=new, must_change=True)
        assert expected == await _account(unit_of_work, user.username)

    @pytest.mark.sec("SEC-07")
    async def test_a_password_changed_meanwhile_is_not_overwritten(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, old, changed = await stored_user(unit_of_work), new_hash(), new_hash()
        await _set_password(unit_of_work, user.id, changed)
        await _fail(unit_of_work, user.id, now(), limit=9)
        before = await _account(unit_of_work, user.username)

        await _verified(unit_of_work, user.id, seen=old, upgraded=new_hash())

        assert before == await _account(unit_of_work, user.username)

    @pytest.mark.sec("SEC-07")
    async def test_of_racing_upgrades_and_a_change_the_change_wins(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, old, changed = await stored_user(unit_of_work), new_hash(), new_hash()
        await _set_password(unit_of_work, user.id, old)

        await asyncio.gather(
            *(
                _verified(unit_of_work, user.id, seen=old, upgraded=new_hash())
                for _ in range(RACERS // 2)
            ),
            _set_password(unit_of_work, user.id, changed),
            *(
                _verified(unit_of_work, user.id, seen=old, upgraded=new_hash())
                for _ in range(RACERS // 2)
            ),
        )

        account = await _account(unit_of_work, user.username)
        assert account is not None
        assert changed == account.password_hash

    @pytest.mark.sec("SEC-11")
    async def test_a_disabled_password_is_not_enabled_by_a_login_under_way(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, password_hash = await stored_user(unit_of_work), new_hash()
        await _set_password(unit_of_work, user.id, password_hash)
        await _fail(unit_of_work, user.id, now(), limit=1)

        await _verified(unit_of_work, user.id, seen=password_hash, upgraded=new_hash())

        account = await _account(unit_of_work, user.username)
        assert account is not None
        assert (1, password_hash) == (account.consecutive_failures, account.password_hash)
        assert account.disabled_at is not None

    async def test_unlocking_forgets_the_failures_and_leaves_the_password(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, password_hash = await stored_user(unit_of_work), new_hash()
        await _set_password(unit_of_work, user.id, password_hash)
        await _fail(unit_of_work, user.id, now(), limit=1)
        assert await _require_change(unit_of_work, user.id)

        assert await _unlock(unit_of_work, user.id)
        assert not await _unlock(unit_of_work, user.id)

        expected = Account(user=user, password_hash=password_hash, must_change=True)
        assert expected == await _account(unit_of_work, user.username)

    async def test_who_has_no_password_has_nothing_to_unlock_or_to_change(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)

        assert not await _unlock(unit_of_work, user.id)
        assert not await _require_change(unit_of_work, user.id)
        expected = Account(user=user, password_hash=None)
        assert expected == await _account(unit_of_work, user.username)


async def _account(unit_of_work: UnitOfWorkFactory, name: Username | Email) -> Account | None:
    async with unit_of_work() as uow:
        return await uow.credentials.account(name)


async def _set_password(
    unit_of_work: UnitOfWorkFactory, user_id: UserId, password_hash: Secret[str]
) -> None:
    async with unit_of_work() as uow:
        await uow.credentials.set_password(user_id, password_hash)
        await uow.commit()


async def _fail(
    unit_of_work: UnitOfWorkFactory, user_id: UserId | None, at: datetime, *, limit: int
) -> int:
    async with unit_of_work() as uow:
        failures = await uow.credentials.record_failure(user_id, at, limit=limit)
        await uow.commit()
    return failures


async def _verified(
    unit_of_work: UnitOfWorkFactory,
    user_id: UserId,
    *,
    seen: Secret[str],
    upgraded: Secret[str] | None,
) -> None:
    async with unit_of_work() as uow:
        await uow.credentials.verified(user_id, seen=seen, upgraded=upgraded)
        await uow.commit()


async def _unlock(unit_of_work: UnitOfWorkFactory, user_id: UserId) -> bool:
    async with unit_of_work() as uow:
        unlocked = await uow.credentials.unlock(user_id)
        await uow.commit()
    return unlocked


async def _require_change(unit_of_work: UnitOfWorkFactory, user_id: UserId) -> bool:
    async with unit_of_work() as uow:
        required = await uow.credentials.require_change(user_id)
        await uow.commit()
    return required
