"""The contract of `UserRepository`: changes of stored accounts."""

import asyncio
from datetime import datetime

import msgspec
import pytest

from auth_core.kernel import (
    ConcurrentUpdate,
    Conflict,
    EmailTaken,
    OrganizationId,
    UserId,
    UsernameTaken,
)
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_id,
    new_session,
    new_user,
    now,
    read_back,
    stored_user,
)
from auth_core.users import User, UserStatus


class UserUpdatesContract:
    """The part of `UserRepositoryContract` about `update`, `record_login`, and where they act."""

    async def test_an_update_replaces_the_version_before(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        changed = msgspec.structs.replace(
            user.renamed("Another", at=now()),
            email_verified=True,
            status=UserStatus.DISABLED,
            roles=("user", "admin"),
        )

        await _update(unit_of_work, changed)

        assert [changed, changed, changed] == await read_back(unit_of_work, user)

    async def test_where_somebody_acts_is_noted_in_no_new_version(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """And a change of the profile that was begun before leaves it alone."""
        user = await stored_user(unit_of_work)
        organization_id = OrganizationId(fresh_id())

        async with unit_of_work() as uow:
            await uow.users.remember_organization(UserId(fresh_id()), organization_id)
            await uow.users.remember_organization(user.id, organization_id)
            await uow.commit()
        await _update(unit_of_work, user.renamed("Another", at=user.updated_at))

        changed = msgspec.structs.replace(
            user, organization_id=organization_id, display_name="Another", version=2
        )
        assert [changed, changed, changed] == await read_back(unit_of_work, user)

    async def test_where_somebody_acts_waits_for_nobody(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """Whoever changes the account may be waiting for what this one holds."""
        user = await stored_user(unit_of_work)
        changed = user.renamed("Another", at=user.updated_at)

        async with unit_of_work() as uow:
            await uow.users.update(changed)
            async with asyncio.timeout(30), unit_of_work() as other:
                await other.users.remember_organization(user.id, OrganizationId(fresh_id()))
                await other.commit()
            await uow.commit()

        assert [changed, changed, changed] == await read_back(unit_of_work, user)

    @pytest.mark.parametrize("ahead", [-1, 0, 2])
    async def test_an_update_of_another_version_writes_nothing(
        self, unit_of_work: UnitOfWorkFactory, ahead: int
    ) -> None:
        user = await stored_user(unit_of_work, version=4)
        changed = msgspec.structs.replace(user, display_name="Another", version=4 + ahead)

        with pytest.raises(ConcurrentUpdate):
            await _update(unit_of_work, changed)

        assert [user, user, user] == await read_back(unit_of_work, user)

    async def test_an_update_of_an_unknown_user_is_refused(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        with pytest.raises(ConcurrentUpdate):
            await _update(unit_of_work, new_user(version=2))

    async def test_of_racing_updates_one_wins(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = await stored_user(unit_of_work)
        names = [f"Name {number}" for number in range(RACERS)]

        outcomes = await asyncio.gather(
            *(_update(unit_of_work, user.renamed(name, at=now())) for name in names),
            return_exceptions=True,
        )

        winners = [name for name, outcome in zip(names, outcomes, strict=True) if outcome is None]
        assert 1 == len(winners)
        assert RACERS - 1 == sum(isinstance(outcome, ConcurrentUpdate) for outcome in outcomes)
        async with unit_of_work() as uow:
            stored = await uow.users.get(user.id)
        assert stored is not None
        assert (winners[0], 2) == (stored.display_name, stored.version)

    @pytest.mark.parametrize(
        ("field", "error"), [("username", UsernameTaken), ("email", EmailTaken)]
    )
    async def test_an_update_cannot_take_the_name_of_another(
        self, unit_of_work: UnitOfWorkFactory, field: str, error: type[Conflict]
    ) -> None:
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        changed = msgspec.structs.replace(
            user.renamed("Another", at=now()), **{field: getattr(other, field)}
        )

        with pytest.raises(error):
            await _update(unit_of_work, changed)

        assert [user, user, user] == await read_back(unit_of_work, user)

    async def test_of_racing_updates_to_one_address_one_wins(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        users = [await stored_user(unit_of_work) for _ in range(RACERS)]
        email = new_user().email

        outcomes = await asyncio.gather(
            *(_update(unit_of_work, user.with_email(email, at=now())) for user in users),
            return_exceptions=True,
        )

        assert 1 == outcomes.count(None)
        assert RACERS - 1 == sum(isinstance(outcome, EmailTaken) for outcome in outcomes)

    async def test_an_account_that_is_leaving_is_stored_as_such(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        leaving = user.leaving(at=now(), delete_after=now())

        await _update(unit_of_work, leaving)

        assert [leaving, leaving, leaving] == await read_back(unit_of_work, user)

    async def test_a_rolled_back_update_changes_nothing(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        async with unit_of_work() as uow:
            await uow.users.update(user.renamed("Another", at=now()))

        assert [user, user, user] == await read_back(unit_of_work, user)

    async def test_a_login_is_recorded_without_a_new_version(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        at = now()

        await _record_login(unit_of_work, user.id, at)

        expected = user.signed_in(at)
        assert [expected, expected, expected] == await read_back(unit_of_work, user)

    async def test_a_login_of_an_unknown_user_is_a_no_op(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        await _record_login(unit_of_work, UserId(fresh_id()), now())

    async def test_an_update_does_not_undo_a_login_it_did_not_see(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """The last login is no part of the profile: it is not what the version counts."""
        user = await stored_user(unit_of_work)
        at = now()
        await _record_login(unit_of_work, user.id, at)
        renamed = user.renamed("Another", at=at)

        await _update(unit_of_work, renamed)

        expected = renamed.signed_in(at)
        assert [expected, expected, expected] == await read_back(unit_of_work, user)

    async def test_an_epoch_begins_one_after_the_other_and_survives_an_update(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        await asyncio.gather(*(_begin_epoch(unit_of_work, user.id) for _ in range(RACERS)))
        renamed = user.renamed("Another", at=now())

        await _update(unit_of_work, renamed)

        expected = msgspec.structs.replace(renamed, epoch=RACERS)
        assert [expected] * 3 == await read_back(unit_of_work, user)

    async def test_a_login_of_an_earlier_epoch_writes_nothing_at_all(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """Whoever ended every session meant the one that was about to begin as well."""
        user = await stored_user(unit_of_work)
        session = new_session(user)
        await _begin_epoch(unit_of_work, user.id)

        async def sign_in() -> None:
            async with unit_of_work() as uow:
                await uow.sessions.add(session)
                await uow.users.record_login(user.id, now(), epoch=user.epoch)
                await uow.commit()

        with pytest.raises(ConcurrentUpdate):
            await sign_in()
        async with unit_of_work() as uow:
            assert None is await uow.sessions.state(session.id, now())
            assert None is await uow.users.get(UserId(fresh_id()))

    async def test_a_login_waits_for_an_epoch_that_is_about_to_begin(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """The race that a comparison of times would lose: same second, other order."""
        user = await stored_user(unit_of_work)
        async with unit_of_work() as uow:
            await uow.users.begin_epoch(user.id)
            await uow.users.get(user.id)
            login = asyncio.create_task(
                _record_login(unit_of_work, user.id, now(), epoch=user.epoch)
            )
            await asyncio.wait([login], timeout=0.05)
            await uow.commit()

        with pytest.raises(ConcurrentUpdate):
            await login


async def _update(unit_of_work: UnitOfWorkFactory, user: User) -> None:
    async with unit_of_work() as uow:
        await uow.users.update(user)
        await uow.commit()


async def _record_login(
    unit_of_work: UnitOfWorkFactory, user_id: UserId, at: datetime, *, epoch: int = 0
) -> None:
    async with unit_of_work() as uow:
        await uow.users.record_login(user_id, at, epoch=epoch)
        await uow.commit()


async def _begin_epoch(unit_of_work: UnitOfWorkFactory, user_id: UserId) -> None:
    async with unit_of_work() as uow:
        await uow.users.begin_epoch(user_id)
        await uow.commit()
