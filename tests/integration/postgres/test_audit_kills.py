"""Sealing that is killed at any moment leaves whole chains, and nothing is sealed twice."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import migrations
from adapters.postgres import PostgresUnitOfWork
from auth_core.kernel import OrganizationId, Secret
from auth_core.testing import ManualClock, SeededEntropy
from auth_core.testing.audit import trail_service
from auth_core.testing.contracts.audit_trail import append, chain_of, new_record, report_on
from auth_core.testing.contracts.making import fresh_id, now

RECORDS, ROUNDS = 90, 3
ROOT = Path(migrations.__file__).parent.parent
_SEALS = """
import asyncio, os, secrets, sys
from adapters.postgres import Database, PostgresUnitOfWork
from auth_core.kernel import Secret
from auth_core.testing import ManualClock, SeededEntropy
from auth_core.testing.audit import trail_service
from auth_core.testing.contracts.making import now

async def main():
    database = Database(Secret(os.environ["OF_TEST"]), pool_size=1, max_overflow=0)
    clock, entropy = ManualClock(now()), SeededEntropy(secrets.token_hex(8))
    audit = trail_service(lambda: PostgresUnitOfWork(database), clock, entropy)
    while True:
        if await audit.sealing._batch(1):
            print(flush=True)

asyncio.run(main())
"""


@pytest.mark.sec("SEC-66")
async def test_two_sealers_that_are_killed_again_and_again_leave_a_whole_chain(
    unit_of_work: Callable[[], PostgresUnitOfWork], postgres_url: Secret[str]
) -> None:
    tenant = OrganizationId(fresh_id())
    for _ in range(ROUNDS):
        for _ in range(RECORDS // ROUNDS):
            await append(unit_of_work, new_record(organization_id=tenant))
        sealers = [await _sealer(postgres_url) for _ in range(2)]
        sealing = [asyncio.create_task(sealer.stdout.readline()) for sealer in sealers]
        await asyncio.wait(sealing, return_when=asyncio.FIRST_COMPLETED)
        for sealer in sealers:  # in the middle of the batches that follow
            sealer.kill()
            await sealer.wait()
        await asyncio.gather(*sealing)

    entropy = SeededEntropy(secrets.token_hex(8))
    audit = trail_service(unit_of_work, ManualClock(now()), entropy)
    while len(await chain_of(unit_of_work, tenant)) < RECORDS:
        await audit.sealing.run()
    report = await report_on(audit, tenant)
    assert (RECORDS, []) == (report.records, list(report.findings))


async def _sealer(url: Secret[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _SEALS),
        cwd=ROOT,
        env=os.environ | {"OF_TEST": url.reveal()},
        stdout=asyncio.subprocess.PIPE,
    )
