"""Signing in by a mailed link or code (SEC-16, SEC-20)."""

import asyncio
from datetime import timedelta

import pytest

from auth_core.audit import AuditAction
from auth_core.credentials import MAX_ATTEMPTS
from auth_core.kernel import (
    Email,
    InvalidCode,
    InvalidLink,
    MailTemplate,
    PermissionDenied,
)
from auth_core.testing import in_memory_core
from tests.unit.auth_core.self_service.people import ORIGIN, letters, token_in, verified_user

MANY = 50
ALICE = Email("alice@example.com")


def flow(core):
    return core.self_service.sign_in


async def asked(core, email=ALICE):
    challenge = (await flow(core).send_code(email)).reveal()
    return challenge, token_in(core, MailTemplate.SIGN_IN_CODE, "code")


def other(code, by=1):
    return f"{(int(code) + by) % 1_000_000:06d}"


async def test_a_link_signs_in_once(core):
    user = await verified_user(core)
    await flow(core).send_link(ALICE)
    token = token_in(core, MailTemplate.SIGN_IN_LINK)
    await flow(core).check_link(token)

    signed_in = await flow(core).redeem_link(token, origin=ORIGIN)

    assert user.id == (await core.authenticator.authenticate(signed_in.tokens.access_token)).user.id
    assert AuditAction.SIGNED_IN_BY_MAIL is core.audited[-1].action
    with pytest.raises(InvalidLink):
        await flow(core).redeem_link(token, origin=ORIGIN)


async def test_a_code_signs_in_once_with_or_without_spaces(core):
    await verified_user(core)
    challenge, code = await asked(core)

    assert await flow(core).redeem_code(challenge, f" {code[:3]} {code[3:]} ", origin=ORIGIN)
    with pytest.raises(InvalidCode):
        await flow(core).redeem_code(challenge, code, origin=ORIGIN)


@pytest.mark.sec("SEC-16")
async def test_of_fifty_redemptions_of_a_link_one_signs_in(core):
    await verified_user(core)
    await flow(core).send_link(ALICE)
    token = token_in(core, MailTemplate.SIGN_IN_LINK)

    outcomes = await asyncio.gather(
        *(flow(core).redeem_link(token, origin=ORIGIN) for _ in range(MANY)),
        return_exceptions=True,
    )

    assert MANY - 1 == sum(isinstance(outcome, InvalidLink) for outcome in outcomes)
    assert 1 == len(core.store.sessions)


@pytest.mark.sec("SEC-16", "SEC-19")
async def test_of_fifty_redemptions_of_a_code_one_signs_in(core):
    await verified_user(core)
    challenge, code = await asked(core)

    outcomes = await asyncio.gather(
        *(flow(core).redeem_code(challenge, code, origin=ORIGIN) for _ in range(MANY)),
        return_exceptions=True,
    )

    assert MANY - 1 == sum(isinstance(outcome, InvalidCode) for outcome in outcomes)
    assert 1 == len(core.store.sessions)


@pytest.mark.sec("SEC-20")
async def test_after_five_wrong_tries_the_right_code_is_refused(core):
    await verified_user(core)
    challenge, code = await asked(core)
    for number in range(MAX_ATTEMPTS):
        with pytest.raises(InvalidCode):
            await flow(core).redeem_code(challenge, other(code, number + 1), origin=ORIGIN)

    with pytest.raises(InvalidCode):
        await flow(core).redeem_code(challenge, code, origin=ORIGIN)


@pytest.mark.sec("SEC-20")
async def test_the_fifth_try_may_be_right(core):
    await verified_user(core)
    challenge, code = await asked(core)
    for number in range(MAX_ATTEMPTS - 1):
        with pytest.raises(InvalidCode):
            await flow(core).redeem_code(challenge, other(code, number + 1), origin=ORIGIN)

    assert await flow(core).redeem_code(challenge, code, origin=ORIGIN)


@pytest.mark.sec("SEC-20")
async def test_a_code_opens_only_the_challenge_of_the_client_that_asked(core):
    await verified_user(core)
    await verified_user(core, "mallory")
    _, code = await asked(core)
    theirs, _ = await asked(core, Email("mallory@example.com"))

    with pytest.raises(InvalidCode):
        await flow(core).redeem_code(theirs, code, origin=ORIGIN)
    with pytest.raises(InvalidCode):
        await flow(core).redeem_code("", code, origin=ORIGIN)


@pytest.mark.sec("SEC-20")
@pytest.mark.parametrize("kind", ["link", "code"])
async def test_both_live_for_ten_minutes(core, kind):
    await verified_user(core)
    challenge, code = await asked(core)
    await flow(core).send_link(ALICE)
    token = token_in(core, MailTemplate.SIGN_IN_LINK)
    core.clock.advance(timedelta(minutes=10))

    if kind == "link":
        with pytest.raises(InvalidLink):
            await flow(core).redeem_link(token, origin=ORIGIN)
    else:
        with pytest.raises(InvalidCode):
            await flow(core).redeem_code(challenge, code, origin=ORIGIN)


@pytest.mark.sec("SEC-49")
async def test_a_copy_of_the_table_is_no_help_in_guessing_a_code(core):
    """The digest covers the challenge, of which the row holds another digest."""
    await verified_user(core)
    challenge, code = await asked(core)

    (row,) = core.store.one_time_secrets.values()
    assert challenge.encode() not in repr(row).encode()
    assert code not in repr((row.digest, row.code_digest))


@pytest.mark.sec("SEC-02")
async def test_whom_there_is_nothing_to_send_costs_the_same(core):
    await verified_user(core)
    disabled = await verified_user(core, "bob")
    await core.lifecycle.disable(disabled.id)
    seen = []
    for name in ("alice", "bob", "nobody"):
        statements = []
        core.store.on_statement = statements.append
        await flow(core).send_link(Email(f"{name}@example.com"))
        assert (await flow(core).send_code(Email(f"{name}@example.com"))).reveal()
        core.store.on_statement = None
        seen.append(statements)

    assert 3 * [seen[0]] == seen
    assert {ALICE} == {letter.to for letter in letters(core)}


async def test_an_account_disabled_meanwhile_stays_shut(core):
    user = await verified_user(core)
    challenge, code = await asked(core)
    await core.lifecycle.disable(user.id)

    with pytest.raises(InvalidCode):
        await flow(core).redeem_code(challenge, code, origin=ORIGIN)


@pytest.mark.sec("SEC-60")
async def test_where_it_is_turned_off_nothing_works():
    core = in_memory_core()

    for use in (
        flow(core).send_link(ALICE),
        flow(core).send_code(ALICE),
        flow(core).redeem_link("x", origin=ORIGIN),
        flow(core).redeem_code("x", "123456", origin=ORIGIN),
        flow(core).check_link("x"),
    ):
        with pytest.raises(PermissionDenied):
            await use
