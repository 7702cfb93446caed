"""The audit trail, for those who may read it: that of the platform, and that of an organization."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from app.access import Place, requires
from app.api.answers import Timestamp, timestamp
from app.api.examples import AUDIT_TRAIL
from app.api.paging import DEFAULT_LIMIT, Cursor, Limit, after, cursor_of, page_of, page_size
from app.api.responses import answer, errors
from app.limits import LIMIT_READ
from app.security import BY_BEARER
from auth_core.access import Permission
from auth_core.audit import AuditQuery, AuditResult, AuditService, TrailEntry
from auth_core.kernel import EventId, FieldProblem, InvalidInput, OrganizationId, UserId


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


_Action = Annotated[
    str | None, QueryParameter(description="What was done, such as `session.created`.")
]
_Result = Annotated[
    str | None,
    QueryParameter(description="How it ended.", schema_extra={"enum": [*AuditResult]}),
]
_User = Annotated[UUID | None, QueryParameter(description="Whom it was done to.")]
_Actor = Annotated[UUID | None, QueryParameter(description="Who did it.")]
_MOMENT = {"format": "date-time"}
_Since = Annotated[
    str | None,
    QueryParameter(description="From this moment on, in ISO 8601.", schema_extra=_MOMENT),
]
_Until = Annotated[
    str | None,
    QueryParameter(description="Up to this moment, without it.", schema_extra=_MOMENT),
]

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
        action: _Action = None,
        result: _Result = None,
        user: _User = None,
        actor: _Actor = None,
        since: _Since = None,
        until: _Until = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
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
            before=after(cursor, EventId),
            limit=limit,
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
        action: _Action = None,
        result: _Result = None,
        user: _User = None,
        actor: _Actor = None,
        since: _Since = None,
        until: _Until = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
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
            before=after(cursor, EventId),
            limit=limit,
        )
        return await _page(audit, query)


async def _page(audit: AuditService, query: AuditQuery) -> AuthAuditTrail:
    size = page_size(query.limit)
    shown, last = page_of(
        await audit.search(msgspec.structs.replace(query, limit=size)), query.limit
    )
    return AuthAuditTrail(
        items=[AuthAuditRecord.of(entry) for entry in shown],
        next_cursor=cursor_of(None if last is None else last.id),
    )


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


def _problem(name: str, message: str) -> FieldProblem:
    return FieldProblem(field=name, type="invalid", message=message, source="query")
