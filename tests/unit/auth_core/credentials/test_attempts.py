"""Attempts to sign in: limited per account, alike for names that nobody has."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from auth_core.audit import AuditAction, AuditResult
from auth_core.core import Core, Options
from auth_core.credentials import AttemptPolicy, CredentialStuffingSuspected
from auth_core.kernel import (
    AuthenticationFailed,
    Email,
    Limit,
    Source,
    TooManyRequests,
    Unavailable,
    Username,
)
from auth_core.testing import InMemoryCore, in_memory_core

HERE, THERE = Source("192.0.2.1"), Source("198.51.100.1")
VICTIM = Username("john.doe")
POLICY = AttemptPolicy(
    by_account_and_source=Limit(name="pair", requests=3, period=300),
    by_account=Limit(name="account", requests=5, period=3600),
    spread_accounts=4,
)


@pytest.fixture
def core() -> InMemoryCore:
    return in_memory_core(Options(attempts=POLICY))


async def fail(core: Core, name: Username | Email = VICTIM, source: Source = HERE) -> None:
    with pytest.raises(AuthenticationFailed):
        async with core.attempts.guard(name, source):
            raise AuthenticationFailed


async def is_limited(core: Core, name: Username | Email = VICTIM, source: Source = HERE) -> bool:
    """An attempt that comes to nothing, so that asking changes nothing."""
    with pytest.raises((TooManyRequests, Unavailable)) as raised:
        async with core.attempts.guard(name, source):
            raise Unavailable
    return isinstance(raised.value, TooManyRequests) and raised.value.retry_after >= 1


def suspicions(core: InMemoryCore) -> list[CredentialStuffingSuspected]:
    return [each for each in core.published if isinstance(each, CredentialStuffingSuspected)]


@pytest.mark.sec("SEC-12", "SEC-13")
async def test_guesses_from_one_place_are_stopped_while_the_owner_signs_in_elsewhere(
    core: InMemoryCore,
) -> None:
    for _ in range(3):
        await fail(core)
    for _ in range(50):  # refused ones use nothing up, least of all what is the account's
        assert await is_limited(core)

    assert not await is_limited(core, source=THERE)
    assert not await is_limited(core, Username("jane.doe"))
    core.clock.advance(timedelta(seconds=100))
    assert not await is_limited(core)


async def test_guesses_from_many_places_are_stopped_per_account(core: InMemoryCore) -> None:
    for number in range(5):
        await fail(core, source=Source(f"203.0.113.{number}"))

    assert await is_limited(core, source=THERE)
    core.clock.advance(timedelta(hours=1))
    assert not await is_limited(core, source=THERE)


@pytest.mark.sec("SEC-14")
async def test_moving_within_a_64_is_no_other_place(core: InMemoryCore) -> None:
    for number in range(3):
        await fail(core, source=Source(f"2001:db8::{number}"))

    assert await is_limited(core, source=Source("2001:db8::abcd"))
    assert not await is_limited(core, source=Source("2001:db8:0:1::"))


async def test_whoever_succeeds_is_not_limited(core: InMemoryCore) -> None:
    for _ in range(20):
        async with core.attempts.guard(VICTIM, HERE):
            pass

    assert not await is_limited(core)


async def test_other_processes_count_along(core: InMemoryCore) -> None:
    for each in (core, core.another_worker(), core.another_worker()):
        await fail(each)

    assert await is_limited(core)


async def test_one_network_that_fails_for_many_accounts_is_reported_once_per_window(
    core: InMemoryCore,
) -> None:
    for number in range(10):
        await fail(core, Username(f"user-{number}"), Source(f"192.0.2.{number}"))

    [event] = suspicions(core)
    assert ("192.0.2.0/24", 4, 600) == (event.source, event.accounts, event.window)
    assert None is event.user_id
    assert core.clock.now() == event.occurred_at

    core.clock.advance(timedelta(seconds=601))
    for number in range(4):
        await fail(core, Username(f"user-{number}"))
    assert 2 == len(suspicions(core))


@pytest.mark.sec("SEC-66")
async def test_a_suspicion_is_recorded_with_its_event_and_names_neither_network_nor_account(
    core: InMemoryCore,
) -> None:
    for number in range(10):
        await fail(core, Username(f"user-{number}"), Source(f"192.0.2.{number}"))

    [event], [record] = suspicions(core), core.audited
    assert (
        AuditAction.CREDENTIAL_STUFFING_SUSPECTED,
        "many_accounts",
        AuditResult.FAILURE,
        f"event:{event.id}",
    ) == (record.action, record.reason, record.result, record.target)
    assert (event.id, event.occurred_at) == (record.id, record.occurred_at)
    assert {None} == {record.user_id, record.actor_id, record.via_session_id, record.detail}


async def test_a_person_who_forgot_their_password_is_no_suspicion(core: InMemoryCore) -> None:
    for _ in range(3):
        await fail(core)
        await fail(core, Email("john.doe@example.com"))
        async with core.attempts.guard(Username("jane.doe"), HERE):
            pass

    assert [] == suspicions(core)


async def test_a_report_that_cannot_be_stored_changes_no_answer(
    core: InMemoryCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> Callable[[], None]:
        raise Unavailable

    monkeypatch.setattr(core.attempts, "_unit_of_work", down)
    for number in range(5):
        await fail(core, Username(f"user-{number}"))

    assert [] == suspicions(core)


async def test_without_a_policy_there_is_no_limit() -> None:
    core = in_memory_core(Options(attempts=None))
    for _ in range(200):
        await fail(core)

    assert not await is_limited(core)
