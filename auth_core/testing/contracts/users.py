"""The contract of `UserRepository`."""

import asyncio
import secrets
from datetime import timedelta
from uuid import UUID

import pytest

from auth_core.kernel import (
    Email,
    EmailTaken,
    OrganizationId,
    UserId,
    Username,
    UsernameTaken,
    uuid7,
)
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_id,
    fresh_name,
    new_user,
    now,
    read_back,
    stored_user,
)
from auth_core.testing.contracts.user_search import UserSearchContract
from auth_core.testing.contracts.user_updates import UserUpdatesContract
from auth_core.users import User, UserStatus


class UserRepositoryContract(UserUpdatesContract, UserSearchContract):
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    async def test_an_unknown_user_is_none(self, unit_of_work: UnitOfWorkFactory) -> None:
        async with unit_of_work() as uow:
            assert await uow.users.get(UserId(fresh_id())) is None
            assert await uow.users.find(Username.parse(fresh_name())) is None
            assert await uow.users.find(Email.parse(f"{fresh_name()}@example.com")) is None

    @pytest.mark.parametrize("status", UserStatus)
    async def test_every_field_comes_back_as_it_was_stored(
        self, unit_of_work: UnitOfWorkFactory, status: UserStatus
    ) -> None:
        """Microseconds, order of roles and letters of any script included."""
        at = now()
        user = await stored_user(
            unit_of_work,
            status=status,
            email_verified=True,
            roles=("user", "admin", "auditor"),
            is_dev_user=True,
            organization_id=OrganizationId(fresh_id()),
            last_login_at=at + timedelta(microseconds=1),
            updated_at=at + timedelta(days=400, microseconds=999_999),
            version=5,
            delete_after=at + timedelta(days=30, microseconds=1),
        )

        assert [user, user, user] == await read_back(unit_of_work, user)

    async def test_absent_values_come_back_absent(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = await stored_user(unit_of_work, roles=(), display_name="")

        assert [user, user, user] == await read_back(unit_of_work, user)

    async def test_a_name_of_the_longest_kind_is_stored_whole(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        name = fresh_name()
        user = await stored_user(
            unit_of_work,
            username=Username.parse(f"{name}{'x' * (50 - len(name))}"),
            email=Email.parse(f"{name}@{'x' * 63}.{'y' * 63}.{'z' * 63}.{'com' * 13}"),
            display_name="🦊" * 100,
        )

        assert [user, user, user] == await read_back(unit_of_work, user)

    async def test_a_user_name_that_is_an_address_is_found_as_both(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        address = f"{fresh_name()}@example.com"
        user = await stored_user(
            unit_of_work, username=Username.parse(address), email=Email.parse(address)
        )

        assert [user, user, user] == await read_back(unit_of_work, user)

    async def test_times_are_aware_and_in_utc(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = await stored_user(unit_of_work, last_login_at=now())

        for read in await read_back(unit_of_work, user):
            assert read is not None
            assert read.last_login_at is not None
            for moment in (read.created_at, read.updated_at, read.last_login_at):
                assert timedelta(0) == moment.utcoffset()

    async def test_a_transaction_sees_its_own_user(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = new_user()
        async with unit_of_work() as uow:
            await uow.users.add(user)

            assert user == await uow.users.get(user.id)
            assert user == await uow.users.find(user.username)

    async def test_nobody_else_sees_a_user_before_the_commit(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = new_user()
        async with unit_of_work() as uow:
            await uow.users.add(user)
            before = await read_back(unit_of_work, user)
            await uow.commit()

        assert [None, None, None] == before
        assert [user, user, user] == await read_back(unit_of_work, user)

    @pytest.mark.sec("SEC-61")
    async def test_a_user_name_is_taken_once(self, unit_of_work: UnitOfWorkFactory) -> None:
        first = await stored_user(unit_of_work)
        second = new_user(username=first.username)

        with pytest.raises(UsernameTaken):
            await _add(unit_of_work, second)

        assert [None, first, None] == await read_back(unit_of_work, second)

    @pytest.mark.sec("SEC-61")
    async def test_an_address_is_taken_once(self, unit_of_work: UnitOfWorkFactory) -> None:
        first = await stored_user(unit_of_work)
        second = new_user(email=first.email)

        with pytest.raises(EmailTaken):
            await _add(unit_of_work, second)

        assert [None, None, first] == await read_back(unit_of_work, second)

    async def test_a_name_may_be_taken_within_one_transaction_too(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = new_user()

        async with unit_of_work() as uow:
            await uow.users.add(user)
            with pytest.raises(UsernameTaken):
                await uow.users.add(new_user(username=user.username, email=user.email))

        assert [None, None, None] == await read_back(unit_of_work, user)

    @pytest.mark.sec("SEC-61")
    @pytest.mark.parametrize(
        ("shared", "error"),
        [
            (("username",), UsernameTaken),
            (("email",), EmailTaken),
            (("username", "email"), UsernameTaken),
        ],
    )
    async def test_of_racing_registrations_one_wins(
        self,
        unit_of_work: UnitOfWorkFactory,
        shared: tuple[str, ...],
        error: type[Exception],
    ) -> None:
        """The losers learn which name was taken; when both were, the user name."""
        model = new_user()
        users = [
            new_user(**{field: getattr(model, field) for field in shared}) for _ in range(RACERS)
        ]

        outcomes = await asyncio.gather(
            *(_add(unit_of_work, user) for user in users), return_exceptions=True
        )

        losers = [outcome for outcome in outcomes if outcome is not None]
        assert len(users) - 1 == len(losers)
        assert all(isinstance(loser, error) for loser in losers)
        async with unit_of_work() as uow:
            stored = [await uow.users.get(user.id) is not None for user in users]
        assert [outcome is None for outcome in outcomes] == stored

    async def test_a_name_is_free_again_when_its_transaction_is_rolled_back(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        abandoned = new_user()
        user = new_user(username=abandoned.username, email=abandoned.email)

        async with unit_of_work() as uow:
            await uow.users.add(abandoned)
            waiting = asyncio.create_task(_add(unit_of_work, user))
            await asyncio.sleep(0)
        await waiting

        assert [user, user, user] == await read_back(unit_of_work, user)

    async def test_a_page_is_in_order_of_id_and_goes_on_after_the_last(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        ids = _ids_of_the_far_future(5)
        for user_id in (ids[3], ids[0], ids[4], ids[2], ids[1]):
            await stored_user(unit_of_work, id=user_id)

        async with unit_of_work() as uow:
            first = await uow.users.page(after=_before(ids[0]), limit=3)
            second = await uow.users.page(after=first[-1].id, limit=2)

        assert ids[:3] == [user.id for user in first]
        assert ids[3:] == [user.id for user in second]

    async def test_a_page_from_the_start_keeps_to_its_limit(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        for _ in range(2):
            await stored_user(unit_of_work)

        async with unit_of_work() as uow:
            one, two = await uow.users.page(limit=1), await uow.users.page(limit=2)

        assert 1 == len(one)
        assert one == two[:1]
        assert two[0].id < two[1].id

    async def test_the_page_after_the_last_user_is_empty(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        async with unit_of_work() as uow:
            assert [] == await uow.users.page(after=UserId(UUID(int=2**128 - 1)))


async def _add(unit_of_work: UnitOfWorkFactory, user: User) -> None:
    async with unit_of_work() as uow:
        await uow.users.add(user)
        await uow.commit()


def _ids_of_the_far_future(count: int) -> list[UserId]:
    """Neighbours in the order of all ids: where nobody else's users are."""
    start = 2**47 + secrets.randbelow(2**46)
    return [UserId(uuid7(start + step, secrets.token_bytes(10))) for step in range(count)]


def _before(user_id: UserId) -> UserId:
    return UserId(UUID(int=user_id.int - 1))
