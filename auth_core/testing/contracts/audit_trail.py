"""The contract of the audit trail: records stand with their commit, then in a chain."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from auth_core.audit import (
    PLATFORM_CHAIN,
    AuditAction,
    AuditQuery,
    AuditRecord,
    AuditResult,
    AuditService,
    ChainReport,
    ChainState,
    Link,
    TrailEntry,
)
from auth_core.audit.chain import link_of, sealed
from auth_core.kernel import Conflict, EventId, OrganizationId, SessionId, UserId
from auth_core.testing.contracts.making import RACERS, UnitOfWorkFactory, fresh_id, now

_ALL = 10_000


def new_record(**changes: Any) -> AuditRecord:
    """A record of which every field says something, unless ``changes`` say otherwise."""
    at = now()
    record = AuditRecord(
        id=EventId(fresh_id(at)),
        occurred_at=at,
        action=AuditAction.MEMBERSHIP_ADDED,
        reason="requested",
        result=AuditResult.SUCCESS,
        user_id=UserId(fresh_id()),
        session_id=SessionId(fresh_id()),
        organization_id=OrganizationId(fresh_id()),
        actor_id=UserId(fresh_id()),
        via_session_id=SessionId(fresh_id()),
        target=f"team:{fresh_id()}",
        detail="member",
    )
    return msgspec.structs.replace(record, **changes)


async def append(unit_of_work: UnitOfWorkFactory, *records: AuditRecord) -> None:
    """In one commit."""
    async with unit_of_work() as uow:
        for record in records:
            await uow.audit.append(record)
        await uow.commit()


async def chain_of(unit_of_work: UnitOfWorkFactory, chain: UUID) -> list[TrailEntry]:
    """All sealed records of a chain."""
    async with unit_of_work().for_platform() as uow:
        return await uow.audit_log.sealed(chain, after=0, limit=_ALL)


async def report_on(audit: AuditService, chain: UUID) -> ChainReport:
    """What verifying one chain says."""
    (report,) = [each async for each in audit.verification.verify(chain)]
    return report


class AuditTrailContract:
    """Needs the fixtures ``unit_of_work`` and ``audit``, a service over the same store that keeps
    records for 90 days.

    Other tests may append and seal meanwhile: every test has an organization of its own.
    """

    async def test_one_at_a_time_has_the_turn_and_who_waits_is_next(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        async def wait_for_it() -> bool:
            async with unit_of_work() as waiting:
                return await waiting.audit_log.turn(wait=True)

        async with unit_of_work() as first:
            assert await first.audit_log.turn(wait=True)
            async with unit_of_work() as second:
                assert not await second.audit_log.turn()
            task = asyncio.create_task(wait_for_it())
            done, _ = await asyncio.wait([task], timeout=0.1)
            assert not done
        assert await task

    async def test_records_stand_with_their_commit_and_read_back_whole(
        self, unit_of_work: UnitOfWorkFactory, audit: AuditService
    ) -> None:
        tenant = OrganizationId(fresh_id())
        bare = AuditRecord(
            id=EventId(fresh_id()),
            occurred_at=now(),
            action=AuditAction.KEY_ROTATED,
            reason="planned",
            organization_id=tenant,
        )
        records = [new_record(organization_id=tenant), bare]
        records += [new_record(organization_id=tenant) for _ in range(5)]

        await append(unit_of_work, *records)

        found = await audit.search(AuditQuery(organization_id=tenant))
        assert sorted(map(TrailEntry.of, records), key=_id) == sorted(found, key=_id)

    @pytest.mark.sec("SEC-66")
    async def test_what_is_not_committed_leaves_no_record(
        self, unit_of_work: UnitOfWorkFactory, audit: AuditService
    ) -> None:
        tenant = OrganizationId(fresh_id())
        async with unit_of_work() as uow:
            await uow.audit.append(new_record(organization_id=tenant))

        await audit.sealing.run()

        assert [] == await audit.search(AuditQuery(organization_id=tenant))

    @pytest.mark.sec("SEC-66")
    async def test_sealed_records_stand_in_a_chain_of_their_tenant(
        self, unit_of_work: UnitOfWorkFactory, audit: AuditService
    ) -> None:
        one, other = OrganizationId(fresh_id()), OrganizationId(fresh_id())
        records = [new_record(organization_id=one) for _ in range(4)]
        await append(unit_of_work, *records[:2], new_record(organization_id=other))
        await audit.sealing.run()
        await append(unit_of_work, *records[2:])
        await audit.sealing.run()

        places = await chain_of(unit_of_work, one)
        assert [1, 2, 3, 4] == [entry.position for entry in places]
        assert {each.id for each in records} == {entry.id for entry in places}
        hashes = [bytes(32), *(link_of(entry).hash for entry in places)]
        assert hashes[:-1] == [entry.previous_hash for entry in places]
        report = await report_on(audit, one)
        assert (4, 0, Link(4, hashes[-1]), []) == _said(report)
        assert 1 == (await report_on(audit, other)).records

    async def test_a_chain_that_begins_is_told_in_that_of_the_platform(
        self, unit_of_work: UnitOfWorkFactory, audit: AuditService
    ) -> None:
        tenant = OrganizationId(fresh_id())
        await append(unit_of_work, new_record(organization_id=tenant))

        await audit.sealing.run()

        async with unit_of_work().for_platform() as uow:
            assert tenant in await uow.audit_log.started()
            assert {tenant, PLATFORM_CHAIN} <= set(await uow.audit_log.chains())
            assert {tenant} == await uow.audit_log.begun([tenant, fresh_id()])

    @pytest.mark.sec("SEC-66")
    async def test_racing_sealers_make_one_chain_without_a_gap(
        self, unit_of_work: UnitOfWorkFactory, audit: AuditService
    ) -> None:
        tenant = OrganizationId(fresh_id())

        async def work() -> None:
            for _ in range(4):
                await append(unit_of_work, new_record(organization_id=tenant))
                await audit.sealing.run(batch=3)

        await asyncio.gather(*(work() for _ in range(RACERS)))
        await _until_sealed(unit_of_work, audit, tenant, 4 * RACERS)

        places = await chain_of(unit_of_work, tenant)
        assert list(range(1, 4 * RACERS + 1)) == [entry.position for entry in places]
        assert [] == (await report_on(audit, tenant)).findings

    async def test_a_place_is_given_once(
        self, unit_of_work: UnitOfWorkFactory, audit: AuditService
    ) -> None:
        tenant = OrganizationId(fresh_id())
        await append(unit_of_work, new_record(organization_id=tenant))
        await _until_sealed(unit_of_work, audit, tenant, 1)
        later = new_record(organization_id=tenant)
        await append(unit_of_work, later)

        entry = sealed(TrailEntry.of(later), Link(), "salt")
        state = ChainState(chain=tenant, position=1, sealed_head=b"")
        async with unit_of_work().for_platform() as uow:
            with pytest.raises(Conflict):
                await uow.audit_log.seal([entry], [state])

    async def test_searching_by_every_condition(
        self, unit_of_work: UnitOfWorkFactory, audit: AuditService
    ) -> None:
        tenant, start = OrganizationId(fresh_id()), now()
        first, second, third = (
            new_record(organization_id=tenant, id=fresh_id(at), occurred_at=at)
            for at in (start + timedelta(minutes=number) for number in range(3))
        )
        second = msgspec.structs.replace(
            second, action=AuditAction.ACCESS_DENIED, result=AuditResult.REFUSED
        )
        await append(unit_of_work, first, second, third)

        async def found(**conditions: Any) -> Sequence[UUID]:
            query = AuditQuery(organization_id=tenant, **conditions)
            return [entry.id for entry in await audit.search(query)]

        newest = [third.id, second.id, first.id]
        assert newest == await found()
        assert newest[:2] == await found(limit=2)
        assert newest[2:] == await found(before=newest[1])
        assert [second.id] == await found(action="access:denied")
        assert [second.id] == await found(result="refused")
        assert [first.id] == await found(user_id=first.user_id)
        assert [third.id] == await found(actor_id=third.actor_id)
        assert [first.id] == await found(until=start + timedelta(minutes=1))
        assert newest[:2] == await found(since=start + timedelta(minutes=1))

    @pytest.mark.sec("SEC-66")
    async def test_a_trimmed_chain_still_verifies(
        self, unit_of_work: UnitOfWorkFactory, audit: AuditService
    ) -> None:
        tenant, long_ago = OrganizationId(fresh_id()), now() - timedelta(days=100)
        old = [new_record(organization_id=tenant, occurred_at=long_ago) for _ in range(5)]
        await append(unit_of_work, *old)
        await _until_sealed(unit_of_work, audit, tenant, 5)
        await append(unit_of_work, new_record(organization_id=tenant))
        await _until_sealed(unit_of_work, audit, tenant, 6)

        for _ in range(RACERS):  # another test may have the turn
            await audit.trimming.run(batch=2)

        report = await report_on(audit, tenant)
        assert (1, 5, []) == (report.records, report.trimmed, report.findings)
        await append(unit_of_work, new_record(organization_id=tenant))
        await _until_sealed(unit_of_work, audit, tenant, 2)
        assert [6, 7] == [entry.position for entry in await chain_of(unit_of_work, tenant)]
        assert [] == (await report_on(audit, tenant)).findings


async def _until_sealed(
    unit_of_work: UnitOfWorkFactory, audit: AuditService, tenant: UUID, number: int
) -> None:
    """Another test may have the turn."""
    while len(await chain_of(unit_of_work, tenant)) < number:
        await audit.sealing.run()


def _id(entry: TrailEntry) -> UUID:
    return entry.id


def _said(report: ChainReport) -> tuple[object, ...]:
    return report.records, report.trimmed, report.head, list(report.findings)
