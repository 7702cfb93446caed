"""The audit trail, for those who may read it: that of the platform, and that of an organization."""

import base64
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from app.access import Place, requires
from app.api.answers import Timestamp, timestamp
from app.api.examples import AUDIT_TRAIL
from app.api.responses import answer, errors
from app.limits import LIMIT_READ
from app.security import BY_BEARER
from auth_core.access import Permission
from auth_core.audit import AuditQuery, AuditService, TrailEntry
from auth_core.kernel import FieldProblem, InvalidInput, OrganizationId, UserId

DEFAULT_LIMIT, MAX_LIMIT = 50, 100


class AuthAuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record. It has a ``position`` in its chain, and a ``hash``, once it is sealed."""

    id: UUID
    occurred_at: Timestamp
    action: str
    result: str
    reason: str
    user_id: UUID | None
    actor_id: UUID | None
    session_id: UUID | None
    via_session_id: UUID | None
    organization_id: UUID | None
    target: str | None
    detail: str | None
    position: int | None
    hash: str | None

    @classmethod
    def of(cls, entry: TrailEntry) -> Self:
        """What is told of it."""
        told = {name: getattr(entry, name) for name in cls.__struct_fields__}
        return cls(
            **told
            | {
                "occurred_at": timestamp(entry.occurred_at),
                "hash": None if entry.hash is None else entry.hash.hex(),
            }
        )


class AuthAuditTrail(msgspec.Struct, frozen=True, kw_only=True):
    """A page of records, the newest first."""

    items: list[AuthAuditRecord]
    next_cursor: str | None


_TRAIL: dict[int, Any] = {
    200: answer(AuthAuditTrail, AUDIT_TRAIL),
    **errors(400, 401, 403, 422, 503),
}


class AuditController(Controller):
    """The trail of everything."""

    path = "/api/v1/audit"
    tags = ("Administration",)
    opt = requires(Permission.AUDIT_READ) | LIMIT_READ
    security = BY_BEARER

    @get(responses=_TRAIL, summary="Read the audit trail")
    async def read(
        self,
        audit: NamedDependency[AuditService],
        *,
        action: FromQuery[str | None] = None,
        result: FromQuery[str | None] = None,
        user: FromQuery[UUID | None] = None,
        actor: FromQuery[UUID | None] = None,
        since: FromQuery[str | None] = None,
        until: FromQuery[str | None] = None,
        limit: FromQuery[int] = DEFAULT_LIMIT,
        cursor: FromQuery[str | None] = None,
    ) -> AuthAuditTrail:
        """Read the records of the platform and of all organizations, the newest first.

        `since` (included) and `until` (not included) are moments in ISO 8601 with an offset.
        """
        query = AuditQuery(
            action=action,
            result=result,
            user_id=None if user is None else UserId(user),
            actor_id=None if actor is None else UserId(actor),
            since=_moment("since", since),
            until=_moment("until", until),
            before=_before(cursor),
            limit=_checked(limit),
        )
        return await _page(audit, query)


class OrganizationAuditController(Controller):
    """The trail of one organization."""

    path = "/api/v1/organizations/{organization_id:uuid}/audit"
    tags = ("Administration",)
    opt = requires(Permission.AUDIT_READ, of=Place.ORGANIZATION) | LIMIT_READ
    security = BY_BEARER

    @get(
        responses={**_TRAIL, **errors(404)},
        summary="Read the audit trail of an organization",
    )
    async def read(
        self,
        organization_id: FromPath[UUID],
        audit: NamedDependency[AuditService],
        *,
        action: FromQuery[str | None] = None,
        result: FromQuery[str | None] = None,
        user: FromQuery[UUID | None] = None,
        actor: FromQuery[UUID | None] = None,
        since: FromQuery[str | None] = None,
        until: FromQuery[str | None] = None,
        limit: FromQuery[int] = DEFAULT_LIMIT,
        cursor: FromQuery[str | None] = None,
    ) -> AuthAuditTrail:
        """Read the records of one organization, the newest first, with the filters of `/audit`."""
        query = AuditQuery(
            organization_id=OrganizationId(organization_id),
            action=action,
            result=result,
            user_id=None if user is None else UserId(user),
            actor_id=None if actor is None else UserId(actor),
            since=_moment("since", since),
            until=_moment("until", until),
            before=_before(cursor),
            limit=_checked(limit),
        )
        return await _page(audit, query)


async def _page(audit: AuditService, query: AuditQuery) -> AuthAuditTrail:
    # one more than asked for says whether there is another page
    found = await audit.search(msgspec.structs.replace(query, limit=query.limit + 1))
    shown = found[: query.limit]
    return AuthAuditTrail(
        items=[AuthAuditRecord.of(entry) for entry in shown],
        next_cursor=_cursor(shown[-1].id) if len(found) > query.limit else None,
    )


def _checked(limit: int) -> int:
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(_problem("limit", f"from 1 to {MAX_LIMIT}"))
    return limit


def _moment(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(_problem(name, "a moment in ISO 8601")) from error
    if moment.tzinfo is None:
        raise InvalidInput(_problem(name, "a moment in ISO 8601 with its offset"))
    return moment


def _cursor(record_id: UUID) -> str:
    return base64.urlsafe_b64encode(record_id.bytes).rstrip(b"=").decode()


def _before(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
    except ValueError as error:
        raise InvalidInput(_problem("cursor", "not a cursor of this list")) from error


def _problem(name: str, message: str) -> FieldProblem:
    return FieldProblem(field=name, type="invalid", message=message, source="query")
