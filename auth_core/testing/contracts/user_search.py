"""The contract of `UserRepository`: finding accounts, and the last administrator."""

import asyncio

import msgspec
import pytest

from auth_core.testing.contracts.making import (
    UnitOfWorkFactory,
    fresh_name,
    new_user,
    now,
    stored_user,
)
from auth_core.users import User, UserQuery, UserStatus


class UserSearchContract:
    """The part of `UserRepositoryContract` about `search`, `count` and `hold_administrators`."""

    @pytest.mark.parametrize("kind", ["username", "email", "display_name"])
    async def test_a_prefix_of_any_name_finds_in_any_letter_case(
        self, unit_of_work: UnitOfWorkFactory, kind: str
    ) -> None:
        mark = fresh_name()[2:]
        named = {
            "username": new_user(),
            "email": new_user(),
            "display_name": new_user(display_name=f"{mark.upper()} Doe"),
        }
        for name in ("username", "email"):
            user = new_user()
            text = f"{mark}.doe" if name == "username" else f"{mark}@example.com"
            named[name] = msgspec.structs.replace(
                user, **{name: type(getattr(user, name)).parse(text)}
            )
        await _store(unit_of_work, named[kind], new_user())

        for prefix in (mark, mark.upper(), mark[:-1]):
            assert [named[kind]] == await _search(unit_of_work, UserQuery(prefix=prefix))
        for prefix in (f"{mark}!", mark[1:], f"%{mark[1:]}", mark.replace(mark[-1], "_")):
            assert [] == await _search(unit_of_work, UserQuery(prefix=prefix))

    async def test_every_condition_must_hold(self, unit_of_work: UnitOfWorkFactory) -> None:
        mark = fresh_name()
        admin, user, disabled = (
            new_user(display_name=mark, roles=("admin", "user")),
            new_user(display_name=mark),
            new_user(display_name=mark, status=UserStatus.DISABLED),
        )
        await _store(unit_of_work, admin, user, disabled)
        active = frozenset({UserStatus.ACTIVE})

        for query, expected in (
            (UserQuery(prefix=mark), [admin, user, disabled]),
            (UserQuery(prefix=mark, statuses=active), [admin, user]),
            (UserQuery(prefix=mark, statuses=frozenset()), []),
            (UserQuery(prefix=mark, role="admin"), [admin]),
            (UserQuery(prefix=mark, role="adm"), []),
            (UserQuery(prefix=mark, role="admin", statuses=active - active), []),
        ):
            in_order = sorted(expected, key=lambda each: each.id)
            assert in_order == await _search(unit_of_work, query)
            async with unit_of_work() as uow:
                assert len(expected) == await uow.users.count(query)

    async def test_pages_hold_everybody_once(self, unit_of_work: UnitOfWorkFactory) -> None:
        mark = fresh_name()
        users = [new_user(display_name=f"{mark} {number}") for number in range(7)]
        await _store(unit_of_work, *users)
        query = UserQuery(prefix=mark)

        found: list[User] = []
        async with unit_of_work() as uow:
            while page := await uow.users.search(
                query, after=found[-1].id if found else None, limit=3
            ):
                found += page

        assert sorted(users, key=lambda user: user.id) == found

    async def test_what_people_say_about_themselves_is_kept(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        claims = {"floor": -3, "tags": ["é", ""], "remote": True, "load": 0.5}
        user = await stored_user(
            unit_of_work,
            locale="pt-BR",
            time_zone="Europe/Berlin",
            picture_url="https://example.com/p.png?a=1",
            claims=claims,
        )
        changed = user.edited(at=now(), locale=None, claims={})
        async with unit_of_work() as uow:
            assert user == await uow.users.get(user.id)
            await uow.users.update(changed)
            await uow.commit()

        async with unit_of_work() as uow:
            assert changed == await uow.users.get(user.id)

    async def test_another_administrator_is_one_who_could_act(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        one = await stored_user(unit_of_work, roles=("admin",))
        await stored_user(unit_of_work, roles=("platform_admin",))

        async with unit_of_work() as uow:
            assert await uow.users.hold_administrators(one.id)


class LastAdministratorContract:
    """Of a store that holds no administrator. Fixture: ``unit_of_work``."""

    @pytest.mark.sec("SEC-58")
    async def test_nobody_else_is_left(self, unit_of_work: UnitOfWorkFactory) -> None:
        one = await stored_user(unit_of_work, roles=("admin",))
        await stored_user(unit_of_work, roles=("admin",), status=UserStatus.DISABLED)
        await stored_user(unit_of_work, roles=("user",))

        async with unit_of_work() as uow:
            assert not await uow.users.hold_administrators(one.id)

    @pytest.mark.sec("SEC-58")
    async def test_of_two_who_go_at_once_one_stays(self, unit_of_work: UnitOfWorkFactory) -> None:
        pair = [await stored_user(unit_of_work, roles=("admin",)) for _ in range(2)]

        async def go(user: User) -> bool:
            async with unit_of_work() as uow:
                await uow.users.get(user.id)
                if not await uow.users.hold_administrators(user.id):
                    return False
                await uow.users.update(user.with_roles(("user",), at=now()))
                await uow.commit()
            return True

        outcomes = await asyncio.gather(*map(go, pair))

        assert [False, True] == sorted(outcomes)


async def _store(unit_of_work: UnitOfWorkFactory, *users: User) -> None:
    async with unit_of_work() as uow:
        for user in users:
            await uow.users.add(user)
        await uow.commit()


async def _search(unit_of_work: UnitOfWorkFactory, query: UserQuery) -> list[User]:
    async with unit_of_work() as uow:
        return await uow.users.search(query)
