"""Whoever changes the trail behind the service's back is found, and the row is named."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, Uuid

from adapters.postgres import Database, PostgresUnitOfWork, migrate
from adapters.postgres.tables import audit_records
from adapters.postgres.url import dsn
from auth_core.audit import AuditAction, AuditService, ChainReport, Fault
from auth_core.kernel import OrganizationId, Secret, UserId
from auth_core.testing import ManualClock, SeededEntropy
from auth_core.testing.audit import trail_service
from auth_core.testing.contracts.audit_trail import append, chain_of, new_record, report_on
from auth_core.testing.contracts.making import fresh_id, now
from tests.integration.postgres.conftest import VAULT, MakeDatabase

pytestmark = pytest.mark.sec("SEC-66")

UnitsOfWork = Callable[[], PostgresUnitOfWork]
RECORDS = 6
VICTIM = 3
COLUMNS = list(audit_records.columns)


@pytest.fixture(scope="module")
async def own_url(make_database: MakeDatabase) -> Secret[str]:
    url = await make_database()
    await asyncio.to_thread(migrate, url)
    return url


@pytest.fixture(scope="module")
async def own_database(own_url: Secret[str]) -> AsyncIterator[Database]:
    database = Database(own_url, pool_size=3, max_overflow=0)
    yield database
    await database.close()


@pytest.fixture
def unit_of_work(own_database: Database) -> UnitsOfWork:
    return lambda: PostgresUnitOfWork(own_database, VAULT)


@pytest.fixture
async def intruder(own_url: Secret[str]) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who owns the tables, and whom no trigger stops."""
    connection = await asyncpg.connect(dsn(own_url))
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(now())


@pytest.fixture
def audit(unit_of_work: UnitsOfWork, clock: ManualClock) -> AuditService:
    entropy = SeededEntropy(secrets.token_hex(8))
    return trail_service(unit_of_work, clock, entropy, keep=timedelta(days=90))


@pytest.fixture
async def tenant(unit_of_work: UnitsOfWork, audit: AuditService) -> OrganizationId:
    """A tenant with a whole chain."""
    tenant = OrganizationId(fresh_id())
    for _ in range(RECORDS):
        await append(unit_of_work, new_record(organization_id=tenant))
    await audit.sealing.run()
    report = await report_on(audit, tenant)
    assert (RECORDS, []) == (report.records, list(report.findings))
    return tenant


async def _at(intruder: asyncpg.Connection, tenant: UUID, position: int) -> UUID:
    query = "SELECT id FROM audit_records WHERE chain = $1 AND position = $2"
    found: UUID = await intruder.fetchval(query, tenant, position)
    return found


def _other(column: Column[Any]) -> object:
    if isinstance(column.type, Uuid):
        return uuid4()
    if isinstance(column.type, DateTime):
        return now() - timedelta(days=1)
    if isinstance(column.type, BigInteger):
        return 1_000_000_000
    return b"other" if isinstance(column.type, LargeBinary) else "other"


def _named(report: ChainReport) -> set[object]:
    return {finding.record_id for finding in report.findings} | {
        position
        for finding in report.findings
        if finding.position is not None
        for position in range(finding.position, min(finding.until or finding.position, 99) + 1)
    }


@pytest.mark.parametrize("to_null", [False, True], ids=["other", "null"])
@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
async def test_a_change_of_any_column_is_found_and_the_row_is_named(
    audit: AuditService,
    intruder: asyncpg.Connection,
    tenant: OrganizationId,
    column: Column[Any],
    to_null: bool,  # noqa: FBT001
) -> None:
    victim = await _at(intruder, tenant, VICTIM)
    value = None if to_null else _other(column)
    change = f"UPDATE audit_records SET {column.name} = $2 WHERE id = $1"
    try:
        await intruder.execute(change, victim, value)
    except asyncpg.IntegrityConstraintViolationError:
        assert to_null  # the table itself refuses a row that is half sealed, or says too little
        return

    report = await report_on(audit, tenant)

    assert _named(report) & {victim, VICTIM}


async def test_a_row_that_is_removed_is_named_by_its_place(
    audit: AuditService, intruder: asyncpg.Connection, tenant: OrganizationId
) -> None:
    for position in (1, VICTIM, RECORDS):  # the first and the last one, too
        delete = "DELETE FROM audit_records WHERE chain = $1 AND position = $2"
        await intruder.execute(delete, tenant, position)
        assert position in _named(await report_on(audit, tenant))

    report = await report_on(audit, tenant)
    found = [(finding.fault, finding.position) for finding in report.findings]
    assert [(Fault.MISSING, position) for position in (1, VICTIM, RECORDS)] == found


async def test_rows_that_change_places_are_named(
    audit: AuditService, intruder: asyncpg.Connection, tenant: OrganizationId
) -> None:
    one, other = await _at(intruder, tenant, 2), await _at(intruder, tenant, 5)
    move = "UPDATE audit_records SET position = $2 WHERE id = $1"
    for row, position in ((one, 0), (other, 2), (one, 5)):
        await intruder.execute(move, row, position)

    assert {one, other} <= _named(await report_on(audit, tenant))


async def test_a_row_that_is_put_in_is_named(
    audit: AuditService, intruder: asyncpg.Connection, tenant: OrganizationId
) -> None:
    forged = uuid4()
    await intruder.execute(
        "INSERT INTO audit_records (id, occurred_at, action, reason, organization_id, chain,"
        " position, previous_hash, hash) VALUES ($1, now(), 'a', 'b', $2, $2, $3, 'x', 'y')",
        *(forged, tenant, RECORDS + 1),
    )

    assert forged in _named(await report_on(audit, tenant))


async def test_a_rewritten_row_with_a_right_hash_is_named_by_the_next(
    audit: AuditService,
    unit_of_work: UnitsOfWork,
    intruder: asyncpg.Connection,
    tenant: OrganizationId,
) -> None:
    import msgspec

    from auth_core.audit.chain import hash_of

    entry = (await chain_of(unit_of_work, tenant))[VICTIM - 1]
    forged = hash_of(msgspec.structs.replace(entry, reason="forged"))
    change = "UPDATE audit_records SET reason = 'forged', hash = $2 WHERE id = $1"
    await intruder.execute(change, entry.id, forged)

    assert entry.id in _named(await report_on(audit, tenant))


@pytest.mark.parametrize("column", ["sealed_head", "position"])
async def test_a_forged_head_is_found(
    audit: AuditService, intruder: asyncpg.Connection, tenant: OrganizationId, column: str
) -> None:
    value: object = b"forged" if column == "sealed_head" else RECORDS - 1
    change = f"UPDATE audit_chains SET {column} = $2 WHERE chain = $1"
    await intruder.execute(change, tenant, value)

    report = await report_on(audit, tenant)

    assert [Fault.HEAD_FORGED] == [finding.fault for finding in report.findings]


async def test_nothing_is_vouched_for_behind_a_forged_head(
    audit: AuditService,
    unit_of_work: UnitsOfWork,
    intruder: asyncpg.Connection,
    tenant: OrganizationId,
) -> None:
    await intruder.execute("DELETE FROM audit_chains WHERE chain = $1", tenant)
    other = OrganizationId(fresh_id())
    await append(unit_of_work, new_record(organization_id=tenant))
    await append(unit_of_work, new_record(organization_id=other))

    await audit.sealing.run()

    assert tenant in audit.sealing.broken
    assert RECORDS == len(await chain_of(unit_of_work, tenant))
    assert 1 == len(await chain_of(unit_of_work, other))
    assert [Fault.HEAD_FORGED] == [each.fault for each in (await report_on(audit, tenant)).findings]


async def test_a_chain_that_is_gone_as_a_whole_is_missed(
    audit: AuditService, intruder: asyncpg.Connection, tenant: OrganizationId
) -> None:
    await audit.sealing.run()
    await intruder.execute("DELETE FROM audit_records WHERE chain = $1", tenant)
    await intruder.execute("DELETE FROM audit_chains WHERE chain = $1", tenant)

    faults = {
        finding.fault
        async for report in audit.verification.verify()
        for finding in report.findings
        if finding.chain == tenant
    }

    assert {Fault.CHAIN_MISSING} == faults


async def test_a_head_of_another_master_key_or_another_chain_counts_for_nothing(
    audit: AuditService,
    unit_of_work: UnitsOfWork,
    intruder: asyncpg.Connection,
    tenant: OrganizationId,
) -> None:
    entropy = SeededEntropy(secrets.token_hex(8))
    stranger = trail_service(unit_of_work, ManualClock(now()), entropy, master_key=b"another")
    assert [Fault.HEAD_FORGED] == [
        each.fault for each in (await report_on(stranger, tenant)).findings
    ]
    other = OrganizationId(fresh_id())
    for _ in range(RECORDS):
        await append(unit_of_work, new_record(organization_id=other))
    await audit.sealing.run()
    await intruder.execute(
        "UPDATE audit_chains SET sealed_head ="
        " (SELECT sealed_head FROM audit_chains WHERE chain = $2) WHERE chain = $1",
        *(tenant, other),
    )

    assert [Fault.HEAD_FORGED] == [each.fault for each in (await report_on(audit, tenant)).findings]


async def test_a_checkpoint_that_is_forged_or_reaches_too_far_is_found(
    audit: AuditService,
    unit_of_work: UnitsOfWork,
    intruder: asyncpg.Connection,
    tenant: OrganizationId,
    clock: ManualClock,
) -> None:
    await intruder.execute(
        "UPDATE audit_chains SET trimmed_position = 2, sealed_checkpoint = sealed_head"
        " WHERE chain = $1",
        tenant,
    )
    await intruder.execute("DELETE FROM audit_records WHERE chain = $1 AND position <= 2", tenant)
    found = (await report_on(audit, tenant)).findings
    assert Fault.CHECKPOINT_FORGED in {finding.fault for finding in found}
    clock.advance(timedelta(days=100))
    await audit.trimming.run()
    assert RECORDS - 2 == len(await chain_of(unit_of_work, tenant))  # and nothing hides it


async def test_more_gone_than_the_checkpoint_says_is_found(
    audit: AuditService,
    unit_of_work: UnitsOfWork,
    intruder: asyncpg.Connection,
    clock: ManualClock,
) -> None:
    tenant, old = OrganizationId(fresh_id()), now() - timedelta(days=100)
    for at in (old, old, now(), now(), now()):
        await append(unit_of_work, new_record(organization_id=tenant, occurred_at=at))
        await audit.sealing.run()
    await audit.trimming.run()
    assert [] == (await report_on(audit, tenant)).findings

    await intruder.execute("DELETE FROM audit_records WHERE chain = $1 AND position = 3", tenant)

    found = [(each.fault, each.position) for each in (await report_on(audit, tenant)).findings]
    assert [(Fault.MISSING, 3)] == found


@pytest.mark.sec("SEC-71")
async def test_an_erased_detail_breaks_nothing_and_any_other_emptied_one_is_named(
    audit: AuditService,
    unit_of_work: UnitsOfWork,
    intruder: asyncpg.Connection,
    tenant: OrganizationId,
) -> None:
    chain = await chain_of(unit_of_work, tenant)
    erased = chain[VICTIM - 1]
    empty = "UPDATE audit_records SET detail = NULL, detail_salt = NULL WHERE id = $1"
    await intruder.execute(empty, erased.id)
    found = [(each.fault, each.record_id) for each in (await report_on(audit, tenant)).findings]
    assert [(Fault.DETAIL_CHANGED, erased.id)] == found

    erasure = new_record(
        organization_id=None, action=AuditAction.USER_ERASED, user_id=UserId(erased.user_id)
    )
    await append(unit_of_work, erasure)
    assert [] == (await report_on(audit, tenant)).findings


@pytest.fixture
async def service(own_url: Secret[str]) -> AsyncIterator[asyncpg.Connection]:
    """Somebody whom the trigger stops."""
    connection = await asyncpg.connect(dsn(own_url))
    yield connection
    await connection.close()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
async def test_no_statement_changes_a_sealed_row(
    service: asyncpg.Connection, tenant: OrganizationId, column: Column[Any]
) -> None:
    change = f"UPDATE audit_records SET {column.name} = $2 WHERE chain = $1 AND position = 3"
    with pytest.raises(asyncpg.RestrictViolationError):
        await service.execute(change, tenant, _other(column))


async def test_no_statement_removes_a_row_or_changes_an_unsealed_one(
    service: asyncpg.Connection, unit_of_work: UnitsOfWork, tenant: OrganizationId
) -> None:
    later = new_record(organization_id=tenant)
    await append(unit_of_work, later)
    for statement in (
        "DELETE FROM audit_records WHERE organization_id = $1",
        "DELETE FROM audit_records WHERE organization_id = $1 AND position IS NULL",
        "UPDATE audit_records SET action = 'x' WHERE organization_id = $1 AND position IS NULL",
        "UPDATE audit_records SET detail = 'x' WHERE organization_id = $1 AND position IS NULL",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await service.execute(statement, tenant)
    with pytest.raises(asyncpg.RestrictViolationError):
        await service.execute("TRUNCATE audit_records")
