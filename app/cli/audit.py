"""`fm-auth audit verify|export`."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO
from uuid import UUID

import click

from app.cli.work import with_core

if TYPE_CHECKING:
    from auth_core.audit import AuditQuery, ChainReport, Finding
    from auth_core.core import Core

PAGE = 1000

_ORGANIZATION = click.option(
    "--organization", type=click.UUID, metavar="ID", help="Only the trail of this organization."
)
_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])


@click.group()
def audit() -> None:
    """Verify and export the audit trail."""


@audit.command()
@_ORGANIZATION
def verify(organization: UUID | None) -> None:
    """Read every chain from end to end and name what was tampered with.

    One line for each chain: records, trimmed records, position and hash of its head. Keep the heads
    elsewhere: with them you notice that an older state of the whole database was put back. The exit
    code is 1 when anything was found.
    """
    faults = 0

    async def run(core: "Core") -> None:
        nonlocal faults
        async for report in core.audit.verification.verify(organization):
            faults += len(report.findings)
            _tell(report)

    with_core(run)
    if faults:
        sys.exit(1)


@audit.command()
@_ORGANIZATION
@click.option("--action", help="Such as user:roles_changed.")
@click.option("--result", type=click.Choice(["success", "failure", "refused"]))
@click.option("--user", type=click.UUID, metavar="ID", help="Whom it is about.")
@click.option("--actor", type=click.UUID, metavar="ID", help="Who did it.")
@click.option("--since", type=_MOMENT, help="Not before this moment (UTC unless it says more).")
@click.option("--until", type=_MOMENT, help="Before this moment.")
def export(
    organization: UUID | None,
    action: str | None,
    result: str | None,
    user: UUID | None,
    actor: UUID | None,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Write the records to standard output, the newest first, one JSON object on each line.

    Each line has all that its hash covers: docs/guides/audit.md says how to compute it.
    """

    async def run(core: "Core") -> None:
        from auth_core.audit import AuditQuery  # noqa: PLC0415 - slow to import
        from auth_core.kernel import OrganizationId, UserId  # noqa: PLC0415

        query = AuditQuery(
            organization_id=None if organization is None else OrganizationId(organization),
            action=action,
            result=result,
            user_id=None if user is None else UserId(user),
            actor_id=None if actor is None else UserId(actor),
            since=_aware(since),
            until=_aware(until),
            limit=PAGE,
        )
        await _write(core, query, sys.stdout)

    with_core(run)


async def _write(core: "Core", query: "AuditQuery", out: TextIO) -> None:
    import msgspec  # noqa: PLC0415 - slow to import

    from auth_core.audit import exported  # noqa: PLC0415

    while page := await core.audit.search(query):
        out.writelines(msgspec.json.encode(exported(entry)).decode() + "\n" for entry in page)
        query = msgspec.structs.replace(query, before=page[-1].id)
    out.flush()


def _tell(report: "ChainReport") -> None:
    click.echo(
        f"{_name(report.chain)}  {report.records} records  {report.trimmed} trimmed  "
        f"head {report.head.position} {report.head.hash.hex()}  "
        f"{'TAMPERED' if report.findings else 'ok'}"
    )
    for finding in report.findings:
        click.echo(f"  {finding.fault}{_place(finding)}")


def _place(finding: "Finding") -> str:
    place = "" if finding.position is None else f"  position {finding.position}"
    if finding.until is not None and finding.until != finding.position:
        place += f" to {finding.until}"
    return place if finding.record_id is None else f"{place}  record {finding.record_id}"


def _name(chain: UUID) -> str:
    return f"organization {chain}" if chain.int else "platform"


def _aware(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
