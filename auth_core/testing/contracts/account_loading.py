"""The contract of `CredentialRepository` about whole accounts on the move."""

import asyncio
from uuid import UUID

import pytest

from auth_core.credentials import Account, Collision, CollisionKind
from auth_core.kernel import Email, OrganizationId, UserId, Username
from auth_core.testing.contracts.making import (
    UnitOfWorkFactory,
    fresh_id,
    new_hash,
    new_user,
    now,
    stored_user,
)
from auth_core.users import User, UserStatus


class AccountLoadingContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    async def test_loaded_accounts_come_back_whole(self, unit_of_work: UnitOfWorkFactory) -> None:
        at = now()
        accounts = [
            Account(user=new_user(), password_hash=None),
            Account(
                user=new_user(
                    email_verified=True,
                    roles=("admin", "user"),
                    status=UserStatus.DISABLED,
                    organization_id=OrganizationId(fresh_id()),
                    last_login_at=at,
                    is_dev_user=True,
                ),
                password_hash=new_hash(),
                consecutive_failures=100,
                last_failed_at=at,
                disabled_at=at,
                must_change=True,
            ),
        ]

        assert [] == await _load(unit_of_work, accounts)

        for account in accounts:
            assert account == await _account(unit_of_work, account.user.username)
            previous = UserId(UUID(int=account.user.id.int - 1))
            async with unit_of_work() as uow:
                assert [account] == await uow.credentials.portable(after=previous, limit=1)

    @pytest.mark.sec("SEC-61")
    async def test_of_what_is_loaded_only_what_collides_is_left_out(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        there = await stored_user(unit_of_work)
        fresh, twin = new_user(), new_user()
        same_name = new_user(username=there.username)
        same_email = new_user(email=there.email)
        same_id = new_user(id=there.id)
        again = new_user(id=there.id, username=there.username)
        second = new_user(username=twin.username)

        def loaded(*users: User) -> list[Account]:
            return [Account(user=user, password_hash=new_hash()) for user in users]

        first = await _load(unit_of_work, loaded(fresh, same_name, same_email, twin, second))
        assert {
            same_name.id: CollisionKind.USERNAME,
            same_email.id: CollisionKind.EMAIL,
            second.id: CollisionKind.USERNAME,
        } == {collision.user_id: collision.kind for collision in first}
        assert [Collision(there.id, CollisionKind.ID)] == await _load(unit_of_work, loaded(same_id))
        expected = [Collision(there.id, CollisionKind.ALREADY_THERE)]
        assert expected == await _load(unit_of_work, loaded(again))

        for user in (fresh, twin):
            account = await _account(unit_of_work, user.username)
            assert account is not None
            assert (user, True) == (account.user, account.password_hash is not None)
        unchanged = Account(user=there, password_hash=None)
        assert unchanged == await _account(unit_of_work, there.username)

    async def test_racing_loads_of_the_same_accounts_store_each_once(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        accounts = [Account(user=new_user(), password_hash=new_hash()) for _ in range(5)]

        outcomes = await asyncio.gather(*(_load(unit_of_work, accounts) for _ in range(4)))

        assert 3 * 5 == sum(map(len, outcomes))
        for account in accounts:
            assert account == await _account(unit_of_work, account.user.username)


async def _account(unit_of_work: UnitOfWorkFactory, name: Username | Email) -> Account | None:
    async with unit_of_work() as uow:
        return await uow.credentials.account(name)


async def _load(unit_of_work: UnitOfWorkFactory, accounts: list[Account]) -> list[Collision]:
    async with unit_of_work() as uow:
        collisions = await uow.credentials.load(accounts)
        await uow.commit()
    return collisions
