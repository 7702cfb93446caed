"""The flows on PostgreSQL when things race, or break off in the middle."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest

from adapters.postgres.transaction import Transaction
from app.container import Container
from auth_core.core import Core
from auth_core.credentials import parse_password
from auth_core.kernel import (
    AuthenticationFailed,
    ConcurrentUpdate,
    Email,
    InvalidLink,
    MailTemplate,
    ReauthenticationFailed,
    Unavailable,
)
from auth_core.sessions import SessionOrigin
from auth_core.testing.contracts.making import fresh_name
from auth_core.users import Registration, User
from tests.mailbox import Mailbox

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "an altogether different sentence"
ORIGIN = SessionOrigin()


@pytest.fixture
def mailbox(core: Core) -> Mailbox:
    return Mailbox(cast("Container", SimpleNamespace(core=core)))


@pytest.fixture
async def user(core: Core) -> User:
    """Somebody with a password and an address."""
    name = fresh_name()
    registration = Registration.parse(username=name, email=f"{name}@example.com")
    return await core.accounts.create(registration, password=parse_password(PASSWORD))


@pytest.fixture
def forgotten(core: Core, mailbox: Mailbox) -> Callable[[User], Awaitable[str]]:
    """Asks for a reset; returns the token of its link."""

    async def ask(user: User) -> str:
        await core.self_service.reset_password.send(user.email)
        return await mailbox.token(user.email.value, MailTemplate.RESET_PASSWORD)

    return ask


async def opens(core: Core, user: User, password: str) -> bool:
    try:
        await core.sign_in.log_in(user.username, password, origin=ORIGIN)
    except AuthenticationFailed:
        return False
    return True


@pytest.mark.sec("SEC-16")
async def test_what_breaks_off_before_the_commit_leaves_the_link(
    core: Core,
    user: User,
    forgotten: Callable[[User], Awaitable[str]],
    observer: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when the process, or the server's, dies with all the statements done."""
    token = await forgotten(user)
    commit = Transaction.commit

    async def cut_off(self: Transaction) -> None:
        backend = self._connection.get_server_pid()
        await observer.execute("SELECT pg_terminate_backend($1, 1000)", backend)
        await commit(self)

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "commit", cut_off)
        with pytest.raises(Unavailable):
            await core.self_service.reset_password.reset(token, NEW_PASSWORD)

    assert (True, False) == (
        await opens(core, user, PASSWORD),
        await opens(core, user, NEW_PASSWORD),
    )
    assert await core.self_service.reset_password.reset(token, NEW_PASSWORD)
    assert await opens(core, user, NEW_PASSWORD)


@pytest.mark.sec("SEC-16", "SEC-18")
async def test_an_answer_lost_after_the_commit_leaves_the_change_and_no_link(
    core: Core,
    user: User,
    forgotten: Callable[[User], Awaitable[str]],
    observer: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await core.sign_in.log_in(user.username, PASSWORD, origin=ORIGIN)
    token = await forgotten(user)
    commit = Transaction.commit

    async def lose(self: Transaction) -> None:
        await commit(self)
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "commit", lose)
        with pytest.raises(Unavailable):
            await core.self_service.reset_password.reset(token, NEW_PASSWORD)

    with pytest.raises(InvalidLink):
        await core.self_service.reset_password.reset(token, PASSWORD * 2)
    assert await opens(core, user, NEW_PASSWORD)
    live = "SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL"
    assert 1 == await observer.fetchval(live, user.id)  # the one that has just begun


async def test_a_caller_that_goes_away_stops_nothing_halfway(
    core: Core, user: User, forgotten: Callable[[User], Awaitable[str]]
) -> None:
    signed_in = await core.sign_in.log_in(user.username, PASSWORD, origin=ORIGIN)
    token = await forgotten(user)
    before = asyncio.all_tasks()
    resetting = asyncio.create_task(core.self_service.reset_password.reset(token, NEW_PASSWORD))
    await asyncio.wait([resetting], timeout=0.005)
    resetting.cancel()
    await asyncio.wait([resetting])
    if left := asyncio.all_tasks() - before:  # what was begun goes on to its end
        await asyncio.wait(left)

    if await opens(core, user, NEW_PASSWORD):
        state = await core.sessions.state(user.id, signed_in.tokens.session_id)
        assert None is state
    else:
        assert await opens(core, user, PASSWORD)


@pytest.mark.sec("SEC-16", "SEC-29")
async def test_all_that_changes_an_account_at_once_leaves_it_whole(
    core: Core,
    user: User,
    forgotten: Callable[[User], Awaitable[str]],
    mailbox: Mailbox,
) -> None:
    """Whoever loses is told so; nothing waits for each other for ever, nothing is half done."""
    service, password = core.self_service, PASSWORD
    for number in range(10):
        user = await core.users.get(user.id)
        new_email = Email(f"n{number}-{fresh_name()}@example.com")
        await service.change_email.request(user, new_email, password)
        moved = await mailbox.token(new_email.value, MailTemplate.CHANGE_EMAIL)
        token = await forgotten(user)
        by_reset, by_owner = f"{NEW_PASSWORD} r{number}", f"{NEW_PASSWORD} o{number}"
        flows: list[Awaitable[Any]] = [
            service.reset_password.reset(token, by_reset),
            service.change_password.change(
                user, current_password=password, new_password=by_owner, origin=ORIGIN
            ),
            service.change_email.confirm(moved),
            service.reset_password.send(user.email),
            core.sign_in.log_in(user.username, password, origin=ORIGIN),
        ]

        outcomes = await asyncio.gather(*flows, return_exceptions=True)

        errors = tuple(each for each in outcomes if isinstance(each, BaseException))
        expected = (
            *(InvalidLink, ConcurrentUpdate, Unavailable),
            *(ReauthenticationFailed, AuthenticationFailed),
        )
        assert [] == [each for each in errors if not isinstance(each, expected)]
        good = [each for each in (password, by_reset, by_owner) if await opens(core, user, each)]
        assert 1 == len(good), outcomes
        password = good[0]
        if not isinstance(outcomes[0], BaseException) or not isinstance(outcomes[1], BaseException):
            with pytest.raises(InvalidLink):
                await service.reset_password.reset(token, by_reset)
