"""The trail of a person who was erased is still whole, and tells nothing of them."""

import asyncio
import time
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from app.container import Container
from app.main import create_app
from app.observability import configure_logging
from app.settings import load_settings
from auth_core.kernel import OrganizationId
from auth_core.testing.contracts.audit_trail import new_record, report_on
from auth_core.users import Registration

_PATIENCE_SECONDS = 60
_SEALED = "SELECT count(*) FROM audit_records WHERE organization_id = $1 AND position IS NOT NULL"


async def _seal(container: Container, database: asyncpg.Connection, tenant: UUID) -> None:
    """Until it is done: a worker of another test may have the turn."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not await database.fetchval(_SEALED, tenant):
        await container.core.audit.sealing.run()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.mark.sec("SEC-71", "SEC-66")
async def test_an_erasure_empties_sealed_records_and_breaks_no_chain(
    environ: dict[str, str], database: asyncpg.Connection
) -> None:
    settings = load_settings(environ | {"AUTH_EMBEDDED_WORKER": "false"})
    container = Container(settings, configure_logging("info", "json", write=lambda _: None))
    canary, tenant = f"canary-detail-{uuid4().hex}", OrganizationId(uuid4())
    async with create_app(container).lifespan():
        core = container.core
        registration = Registration.parse(username=f"erased-{uuid4().hex[:12]}")
        user = await core.accounts.create(registration, roles=("user",))
        record = new_record(user_id=user.id, organization_id=tenant)
        async with container.unit_of_work() as uow:
            await uow.audit.append(msgspec.structs.replace(record, detail=canary))
            await uow.commit()
        await _seal(container, database, tenant)
        written = "SELECT row_to_json(audit_records)::text FROM audit_records WHERE id = $1"
        assert canary in await database.fetchval(written, record.id)

        await core.personal_data.erase(user.id)

        report = await report_on(core.audit, tenant)
        assert (1, []) == (report.records, list(report.findings))
        left = "SELECT detail, detail_salt FROM audit_records WHERE user_id = $1"
        assert {(None, None)} == {tuple(row) for row in await database.fetch(left, user.id)}
        assert canary not in await database.fetchval(written, record.id)
