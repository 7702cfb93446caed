"""Appends to the audit trail per second, with and without sealing beside them, and chained in the
request for comparison.

``DATABASE_URL=… python -m tests.load.audit_appends`` on a migrated database of its own.
"""

import asyncio
import os
import secrets
import sys
from contextlib import suppress
from time import perf_counter

import msgspec
from sqlalchemy import func, select, text

from adapters.postgres import Database, PostgresUnitOfWork
from adapters.postgres.statement import Statement
from adapters.system import SystemClock
from auth_core.kernel import OrganizationId, Secret
from auth_core.testing import SeededEntropy
from auth_core.testing.audit import trail_service
from auth_core.testing.contracts.audit_trail import new_record
from auth_core.testing.contracts.making import fresh_id

PARALLEL, SECONDS = 16, 4.0
_LOCK = Statement(select(func.pg_advisory_xact_lock(text("4711"))), writes=True)


async def _append(database: Database, tenants: list[OrganizationId], *, queue: bool) -> float:
    """Records per second by `PARALLEL` requests at once; ``queue`` makes them wait for a chain."""
    until, done = perf_counter() + SECONDS, 0

    async def request() -> None:
        nonlocal done
        while perf_counter() < until:
            tenant = tenants[done % len(tenants)]
            async with PostgresUnitOfWork(database) as uow:
                if queue:
                    await uow._entered.row(_LOCK)
                record = new_record(organization_id=tenant, id=fresh_id())
                await uow.audit.append(msgspec.structs.replace(record, detail=None))
                await uow.commit()
            done += 1

    await asyncio.gather(*(request() for _ in range(PARALLEL)))
    return done / SECONDS


async def main() -> None:
    """Print one line for each way."""
    database = Database(Secret(os.environ["DATABASE_URL"]), pool_size=PARALLEL + 1, max_overflow=0)
    entropy = SeededEntropy(secrets.token_hex(8))
    audit = trail_service(lambda: PostgresUnitOfWork(database), SystemClock(), entropy)

    async def seal() -> None:
        while True:
            await audit.sealing.run()
            await asyncio.sleep(0.8)

    for number in (1, 1000):
        tenants = [OrganizationId(fresh_id()) for _ in range(number)]
        plain = await _append(database, tenants, queue=False)
        began = perf_counter()
        backlog = await audit.sealing.run()
        rate = backlog / (perf_counter() - began)
        sealing = asyncio.create_task(seal())
        chained = await _append(database, tenants, queue=False)
        sealing.cancel()
        with suppress(asyncio.CancelledError):
            await sealing
        queued = await _append(database, tenants, queue=True) if number == 1 else 0.0
        sys.stdout.write(
            f"{number} tenants: {plain:.0f}/s unsealed, {chained:.0f}/s sealed beside, "
            f"{queued:.0f}/s with one lock for each request; sealing {rate:.0f}/s\n"
        )
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
