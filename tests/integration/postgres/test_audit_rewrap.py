"""After a change of the master key the trail is vouched for under the new one alone."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import msgspec
import pytest

from adapters.crypto.envelope import EnvelopeSealer
from adapters.postgres import Database, PostgresUnitOfWork
from auth_core.audit import AuditService, Fault
from auth_core.audit.ports import AuditLogUnitOfWork
from auth_core.kernel import Clock, Entropy, Ids, OrganizationId, Secret
from auth_core.testing import DeterministicIds, ManualClock, SeededEntropy
from auth_core.testing.contracts.audit_trail import append, new_record, report_on
from auth_core.testing.contracts.making import fresh_id, now
from tests.integration.postgres.conftest import VAULT, MakeDatabase
from tests.service_role import migrate

OLD, NEW = Secret(b"o" * 32), Secret(b"n" * 32)


class _Ports(msgspec.Struct, frozen=True):
    unit_of_work: Callable[[], AuditLogUnitOfWork]
    sealer: EnvelopeSealer
    clock: Clock
    ids: Ids
    entropy: Entropy


@pytest.fixture
async def own_database(make_database: MakeDatabase) -> AsyncIterator[Database]:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    database = Database(url, pool_size=3, max_overflow=0)
    yield database
    await database.close()


async def _faults(audit: AuditService, tenant: OrganizationId) -> set[Fault]:
    return {finding.fault for finding in (await report_on(audit, tenant)).findings}


@pytest.mark.sec("SEC-46", "SEC-66")
async def test_rewrap_renews_heads_and_checkpoints_and_the_old_key_is_not_needed_any_more(
    own_database: Database,
) -> None:
    clock, entropy = ManualClock(now()), SeededEntropy(secrets.token_hex(8))
    ids, tenant = DeterministicIds(clock, entropy), OrganizationId(fresh_id())

    def unit_of_work() -> PostgresUnitOfWork:
        return PostgresUnitOfWork(own_database, VAULT)

    def under(sealer: EnvelopeSealer) -> AuditService:
        ports = _Ports(unit_of_work, sealer, clock, ids, entropy)
        return AuditService(ports, keep=timedelta(days=90))

    old, new = under(EnvelopeSealer(OLD)), under(EnvelopeSealer(NEW))
    both = under(EnvelopeSealer(NEW, previous=OLD))
    for age in (timedelta(days=100), timedelta()):  # the first is trimmed: there is a checkpoint
        record = new_record(organization_id=tenant)
        at = record.occurred_at - age
        await append(unit_of_work, msgspec.structs.replace(record, occurred_at=at))
    await old.sealing.run()
    await old.trimming.run()
    before = await report_on(old, tenant)
    assert (1, []) == (before.trimmed, list(before.findings))
    assert {Fault.HEAD_FORGED, Fault.CHECKPOINT_FORGED} <= await _faults(new, tenant)

    assert 0 == await new.trimming.rewrap()  # what it cannot read it does not vouch for
    assert 2 == await both.trimming.rewrap()  # the tenant's and the platform's
    assert 0 == await both.trimming.rewrap()

    assert before == await report_on(new, tenant)
    assert {Fault.HEAD_FORGED, Fault.CHECKPOINT_FORGED} <= await _faults(old, tenant)
    await append(unit_of_work, new_record(organization_id=tenant))
    await new.sealing.run()
    assert set() == await _faults(new, tenant)


@pytest.mark.sec("SEC-46", "SEC-66")
async def test_a_rewrap_waits_for_who_seals_and_passes_over_no_chain(
    own_database: Database,
) -> None:
    clock, entropy = ManualClock(now()), SeededEntropy(secrets.token_hex(8))
    ids, tenant = DeterministicIds(clock, entropy), OrganizationId(fresh_id())

    def unit_of_work() -> PostgresUnitOfWork:
        return PostgresUnitOfWork(own_database, VAULT)

    def under(sealer: EnvelopeSealer) -> AuditService:
        return AuditService(_Ports(unit_of_work, sealer, clock, ids, entropy), keep=None)

    await append(unit_of_work, new_record(organization_id=tenant))
    await under(EnvelopeSealer(OLD)).sealing.run()

    async with unit_of_work() as sealing:
        assert await sealing.audit_log.turn()
        both = under(EnvelopeSealer(NEW, previous=OLD))
        rewrapping = asyncio.create_task(both.trimming.rewrap())
        done, _ = await asyncio.wait([rewrapping], timeout=0.2)
        assert not done

    assert 2 == await rewrapping  # the tenant's and the platform's
    assert set() == await _faults(under(EnvelopeSealer(NEW)), tenant)
