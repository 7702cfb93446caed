"""Accounts that several people change at once, on PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import combinations_with_replacement
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest
import structlog

from adapters.postgres import PostgresUnitOfWork
from app.container import Container
from auth_core.core import Core, Options, Ports
from auth_core.credentials import parse_password
from auth_core.kernel import (
    ConcurrentUpdate,
    Email,
    EmailTaken,
    InvalidLink,
    LastAdministrator,
    LifecycleConflict,
    MailTemplate,
    ReauthenticationFailed,
    Unavailable,
    UsernameTaken,
    UserNotFound,
)
from auth_core.self_service import RegistrationMode, SelfServicePolicy
from auth_core.sessions import SessionOrigin
from auth_core.testing.contracts.making import fresh_name, now, stored_user
from auth_core.users import Registration, User
from tests.mailbox import Mailbox

PASSWORD = "correct horse battery staple"
ROUNDS = 10

WAYS_OUT: dict[str, Callable[[Core, User], Awaitable[Any]]] = {
    "leave": lambda core, user: core.self_service.deletion.schedule(user, PASSWORD),
    "demote": lambda core, user: core.administration.edit(None, user.id, roles=("user",)),
    "disable": lambda core, user: core.administration.disable(None, user.id),
    "delete": lambda core, user: core.administration.delete(None, user.id),
    "erase": lambda core, user: core.personal_data.erase(user.id),
}


async def administrator(core: Core) -> User:
    user = await core.accounts.create(
        Registration.parse(username=fresh_name()), password=parse_password(PASSWORD)
    )
    return await core.administration.edit(None, user.id, roles=("admin",))


async def left(core: Core, *users: User) -> list[User]:
    """Those who could still administrate."""
    found = [await find(core, user) for user in users]
    return [user for user in found if user is not None and user.administrates]


async def find(core: Core, user: User) -> User | None:
    try:
        return await core.users.get(user.id)
    except UserNotFound:
        return None


@pytest.mark.sec("SEC-58")
@pytest.mark.parametrize(("first", "second"), [*combinations_with_replacement(WAYS_OUT, 2)])
async def test_of_the_last_two_administrators_who_go_at_once_one_stays(
    core: Core, observer: asyncpg.Connection, first: str, second: str
) -> None:
    await observer.execute("UPDATE users SET roles = '{user}'")
    one, two = await administrator(core), await administrator(core)

    outcomes = await asyncio.gather(
        WAYS_OUT[first](core, one), WAYS_OUT[second](core, two), return_exceptions=True
    )

    refused = [each for each in outcomes if isinstance(each, BaseException)]
    assert [LastAdministrator] == [type(each) for each in refused]
    assert 1 == len(await left(core, one, two))


@pytest.mark.sec("SEC-58")
@pytest.mark.parametrize("way", WAYS_OUT)
async def test_the_last_administrator_stays_and_is_told_what_helps(
    core: Core, observer: asyncpg.Connection, way: str
) -> None:
    await observer.execute("UPDATE users SET roles = '{user}'")
    last = await administrator(core)

    with pytest.raises(LastAdministrator, match="fm-auth user promote"):
        await WAYS_OUT[way](core, last)

    assert [last.id] == [user.id for user in await left(core, last)]


@pytest.mark.parametrize("way", ["demote", "disable", "delete"])
async def test_who_leaves_while_somebody_changes_the_account_waits_for_nobody_in_a_circle(
    core: Core, way: str
) -> None:
    """Both take the lock of the administrators and the row: a deadlock would be Unavailable."""
    await administrator(core)
    for _ in range(ROUNDS):
        user = await administrator(core)

        outcomes = await asyncio.gather(
            WAYS_OUT["leave"](core, user), WAYS_OUT[way](core, user), return_exceptions=True
        )

        errors = [each for each in outcomes if isinstance(each, BaseException)]
        # whoever comes second finds another version, or an account that is shut
        expected = ConcurrentUpdate | ReauthenticationFailed | LifecycleConflict
        assert [] == [each for each in errors if not isinstance(each, expected)]
        assert len(errors) < len(outcomes)


async def test_a_deadlock_is_told_as_what_it_is_and_not_as_an_outage(
    unit_of_work: Callable[[], PostgresUnitOfWork],
) -> None:
    one, two = [await stored_user(unit_of_work) for _ in range(2)]

    async def rename(first: User, second: User, others: asyncio.Barrier) -> None:
        async with unit_of_work() as uow:
            await uow.users.update(first.renamed("One", at=now()))
            await others.wait()
            await uow.users.update(second.renamed("Two", at=now()))
            await uow.commit()

    meet = asyncio.Barrier(2)
    with structlog.testing.capture_logs() as logs:
        outcomes = await asyncio.gather(
            rename(one, two, meet), rename(two, one, meet), return_exceptions=True
        )

    # the other one finds the version that it wanted, for the victim has written nothing
    assert {type(None), Unavailable} == {type(outcome) for outcome in outcomes}
    told = {entry["event"]: entry for entry in logs}
    assert "deadlock detected" == told["database_contention"]["problem"]
    assert "database_unavailable" not in told


@pytest.mark.sec("SEC-16")
async def test_links_of_one_account_that_are_taken_at_once_wait_for_nobody_in_a_circle(
    core: Core,
) -> None:
    """Each takes its own and voids the others: a deadlock would be Unavailable."""
    await administrator(core)
    flows, mailbox = core.self_service, Mailbox(cast("Container", SimpleNamespace(core=core)))
    for _ in range(ROUNDS):
        name = fresh_name()
        person = Registration.parse(username=name, email=f"{name}@example.com")
        user = await core.accounts.create(person, password=parse_password(PASSWORD))
        other = Email(f"other-{name}@example.com")
        await flows.reset_password.send(user.email)
        await flows.verify_email.send(user.email)
        await flows.change_email.request(user, other, PASSWORD)
        reset, verify = [
            await mailbox.token(user.email.value, template)
            for template in (MailTemplate.RESET_PASSWORD, MailTemplate.VERIFY_EMAIL)
        ]
        change = await mailbox.token(other.value, MailTemplate.CHANGE_EMAIL)

        outcomes = await asyncio.gather(
            flows.reset_password.reset(reset, f"{PASSWORD} and more"),
            flows.change_email.confirm(change),
            flows.verify_email.confirm(verify),
            core.lifecycle.set_password(user.id, parse_password(f"{PASSWORD} or less")),
            WAYS_OUT["leave"](core, user),
            return_exceptions=True,
        )

        errors = [each for each in outcomes if isinstance(each, BaseException)]
        expected = ConcurrentUpdate | InvalidLink | ReauthenticationFailed
        assert [] == [each for each in errors if not isinstance(each, expected)]


@pytest.mark.sec("SEC-61")
async def test_of_many_open_registrations_of_one_identity_one_has_an_account_and_its_letter(
    ports: Ports, observer: asyncpg.Connection
) -> None:
    policy = SelfServicePolicy(registration=RegistrationMode.OPEN)
    register = Core(ports, Options(self_service=policy)).self_service.registration.register
    name = fresh_name()
    person = Registration.parse(username=name, email=f"{name}@example.com")

    outcomes = await asyncio.gather(
        *(register(person, PASSWORD, origin=SessionOrigin()) for _ in range(10)),
        return_exceptions=True,
    )

    errors = [each for each in outcomes if isinstance(each, BaseException)]
    assert [] == [each for each in errors if not isinstance(each, UsernameTaken | EmailTaken)]
    assert 9 == len(errors)
    counts = await observer.fetchrow(
        "SELECT (SELECT count(*) FROM users WHERE email = $1),"
        " (SELECT count(*) FROM one_time_secrets WHERE email = $1),"
        " (SELECT count(*) FROM mail_outbox WHERE recipient = $1)",
        person.email.value,
    )
    assert (1, 1, 1) == tuple(counts)


@pytest.mark.sec("SEC-71")
async def test_an_account_that_is_erased_and_restored_at_once_is_one_of_both(core: Core) -> None:
    await administrator(core)
    for _ in range(ROUNDS):
        user = await administrator(core)
        await WAYS_OUT["leave"](core, user)

        restored, erased = await asyncio.gather(
            core.administration.restore(None, user.id),
            core.personal_data.erase(user.id),
            return_exceptions=True,
        )

        found = await find(core, user)
        if isinstance(erased, BaseException):
            assert isinstance(erased, ConcurrentUpdate)
            assert not isinstance(restored, BaseException)
            assert found is not None
            assert found.is_active
        else:
            assert None is found
            if isinstance(restored, BaseException):
                assert isinstance(restored, ConcurrentUpdate | LifecycleConflict | UserNotFound)


async def test_who_restores_what_is_being_erased_is_too_late(
    core: Core, unit_of_work: Callable[[], PostgresUnitOfWork]
) -> None:
    """The clock of the worker that erases may be ahead."""
    await administrator(core)
    user = await administrator(core)
    await WAYS_OUT["leave"](core, user)

    async with unit_of_work() as uow:
        assert await uow.personal_data.erase(user.id, endings_since=now()) is not None
        restoring = asyncio.create_task(core.administration.restore(None, user.id))
        await asyncio.wait([restoring], timeout=0.05)  # to wait for the row, or to begin after it
        await uow.commit()

    with pytest.raises((ConcurrentUpdate, UserNotFound)):
        await restoring
    assert None is await find(core, user)
