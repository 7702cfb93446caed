"""Hashes that show in the time of a login, and what puts an end to them (ADR 0029)."""

from datetime import UTC, datetime

import pytest

from auth_core.audit import AuditAction
from auth_core.credentials import OutdatedHashes
from auth_core.kernel import AuthenticationFailed, Secret, Unavailable, Username
from auth_core.users import Registration

PASSWORD = "correct horse battery staple"


@pytest.fixture
async def outdated(production):
    """Bob's hash is of before, Carol's as well but disabled; Alice's is today's, Dave has none."""
    ports = production.ports
    for name in ("alice", "bob", "carol", "dave"):
        registered = await production.sign_in.register(Registration.parse(username=name), PASSWORD)
        hashes, user_id = production.store.password_hashes, registered.user.id
        if name in {"bob", "carol"}:
            hashes[user_id] = Secret(hashes[user_id].reveal().replace("toy", "old", 1))
        if name == "dave":
            del hashes[user_id]
        if name == "carol":
            async with production.ports.unit_of_work() as uow:
                at = datetime(2026, 1, 1, tzinfo=UTC)
                await uow.credentials.record_failure(user_id, at, limit=1)
                await uow.commit()
    return OutdatedHashes(
        *(ports.unit_of_work, ports.password_hasher, ports.clock, ports.ids, ports.entropy)
    )


async def found(outdated, limit):
    names, page = [], await outdated.page(limit=limit)
    while page.after is not None:
        names += [account.user.username.value for account in page.accounts]
        page = await outdated.page(after=page.after, limit=limit)
    return names


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_what_shows_is_found_page_by_page(outdated, limit):
    assert ["bob"] == await found(outdated, limit)


@pytest.mark.sec("SEC-01")
async def test_a_retired_password_opens_nothing_and_shows_no_more(production, outdated):
    (bob,) = (await outdated.page()).accounts
    (dave,) = [
        account
        for account in await portable(production)
        if account.password_hash is None  # nothing to retire
    ]

    await outdated.retire([bob, dave])

    assert [] == await found(outdated, 100)
    with pytest.raises(AuthenticationFailed):
        await production.sign_in.log_in(Username("bob"), PASSWORD)
    assert await production.sign_in.log_in(Username("alice"), PASSWORD)
    assert [(AuditAction.PASSWORD_CHANGE_REQUIRED, "outdated_hash", bob.user.id)] == [
        (record.action, record.reason, record.user_id)
        for record in production.audited
        if record.reason == "outdated_hash"
    ]


@pytest.mark.sec("SEC-07")
async def test_an_owner_who_was_faster_keeps_the_password(production, outdated):
    page = await outdated.page()
    assert await production.sign_in.log_in(Username("bob"), PASSWORD)

    await outdated.retire(page.accounts)
    await outdated.retire(page.accounts)

    assert await production.sign_in.log_in(Username("bob"), PASSWORD)


async def test_what_cannot_be_stored_is_not_half_retired(production, outdated):
    page = await outdated.page()

    def crash(statement):
        if statement == "commit":
            raise Unavailable

    production.store.on_statement = crash
    with pytest.raises(Unavailable):
        await outdated.retire(page.accounts)

    production.store.on_statement = None
    assert ["bob"] == await found(outdated, 100)


async def portable(production):
    async with production.ports.unit_of_work() as uow:
        return await uow.credentials.portable(after=None, limit=100)
