"""What the trail says of signing keys (SEC-66)."""

from datetime import timedelta

import pytest

from auth_core.audit import AuditAction, AuditResult
from auth_core.core import Core
from auth_core.kernel import KeyNotFound, Unavailable
from auth_core.keys import KeyRotated, KeyUse
from auth_core.keys.rotation import SETTLING
from auth_core.testing import InMemoryCore, in_memory_core

LEAD = timedelta(minutes=5) + SETTLING


@pytest.fixture
async def core() -> InMemoryCore:
    core = in_memory_core()
    await core.keys.ring()
    return core


def trail(core: InMemoryCore) -> list[tuple[AuditAction, str, str | None]]:
    for record in core.audited:
        assert AuditResult.SUCCESS is record.result
        assert {None} == {record.user_id, record.organization_id, record.actor_id, record.detail}
    return [(record.action, record.reason, record.target) for record in core.audited]


async def kid(core: Core) -> str:
    return (await core.keys.ring()).active(KeyUse.ACCESS).kid


@pytest.mark.sec("SEC-66")
async def test_a_rotation_is_recorded_when_the_key_begins_to_sign(core: InMemoryCore) -> None:
    published = await core.keys.rotate(KeyUse.ACCESS)
    assert [] == trail(core)
    core.clock.advance(LEAD)
    await core.keys.tend()

    assert [(AuditAction.KEY_ROTATED, "planned", f"key:{published.kid}")] == trail(core)
    assert core.clock.now() == core.audited[0].occurred_at


@pytest.mark.sec("SEC-66")
async def test_a_revocation_is_recorded_with_the_key_that_replaces_it(core: InMemoryCore) -> None:
    old = await kid(core)
    await core.keys.revoke(old)

    assert [
        (AuditAction.KEY_REVOKED, "requested", f"key:{old}"),
        (AuditAction.KEY_ROTATED, "revoked", f"key:{await kid(core)}"),
    ] == trail(core)


async def test_a_key_that_did_not_sign_is_revoked_alone_and_an_unknown_one_not_at_all(
    core: InMemoryCore,
) -> None:
    published = await core.keys.rotate(KeyUse.REFRESH)
    await core.keys.revoke(published.kid)
    with pytest.raises(KeyNotFound):
        await core.keys.revoke("unknown")

    assert [(AuditAction.KEY_REVOKED, "requested", f"key:{published.kid}")] == trail(core)


async def test_a_key_whose_time_is_over_leaves_without_a_record(core: InMemoryCore) -> None:
    await core.keys.rotate(KeyUse.ACCESS)
    core.clock.advance(LEAD)
    await core.keys.tend()
    before = trail(core)
    core.clock.advance(core.options.access_lifetime + SETTLING)
    await core.keys.tend()

    assert 1 == len(core.store.departures)
    assert before == trail(core)


@pytest.mark.sec("SEC-66")
async def test_a_key_that_is_not_revoked_after_all_leaves_no_record_and_no_event(
    core: InMemoryCore,
) -> None:
    old = await kid(core)

    def fail(name: str) -> None:
        if name == "commit":
            raise Unavailable

    core.store.on_statement = fail
    with pytest.raises(Unavailable):
        await core.keys.revoke(old)
    core.store.on_statement = None

    assert old == await kid(core.another_worker())
    assert [] == trail(core)
    assert [] == [event for event in core.published if isinstance(event, KeyRotated)]
