"""Endpoints in the table ``webhook_endpoints``."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Integer,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.statement import Statement
from adapters.postgres.transaction import Transaction
from adapters.postgres.webhook_row import endpoint_from, scope_of
from adapters.postgres.webhook_tables import webhook_deliveries, webhook_endpoints
from auth_core.kernel import OrganizationId
from auth_core.webhooks import (
    EndpointId,
    EndpointRepository,
    Listener,
    WebhookEndpoint,
)

_FIRST = UUID(int=0)
_c, _d = webhook_endpoints.c, webhook_deliveries.c
_NOW = bindparam("now", type_=DateTime(timezone=True))
_IDS = bindparam("ids", type_=ARRAY(Uuid))
_OF_ID = _c.id == bindparam("of_id")
# index scans for either kind of scope; IS NOT DISTINCT FROM has none
_IN_SCOPE = or_(
    _c.organization_id == bindparam("scope", type_=Uuid),
    (bindparam("scope", type_=Uuid).is_(None)) & _c.organization_id.is_(None),
)
_DECIDED = (
    *("url", "event_types", "description", "sealed_secret", "sealed_previous_secret"),
    *("previous_expires_at", "disabled", "enabled_since", "updated_at"),
)

_LOCK_SCOPE = Statement(
    select(
        func.pg_advisory_xact_lock(
            func.hashtextextended(bindparam("scope_name", type_=Text), literal_column("0"))
        )
    ),
    writes=True,
)
_COUNT = Statement(
    select(func.count().label("count")).select_from(webhook_endpoints).where(_IN_SCOPE)
)
_ADD = Statement(
    insert(webhook_endpoints).values(
        {
            name: bindparam(name, type_=_c[name].type)
            for name in ("id", "organization_id", "created_at", *_DECIDED)
        }
    )
)
_get = select(webhook_endpoints).where(_OF_ID, _IN_SCOPE)
_GET = Statement(_get)
_GET_LOCKED = Statement(_get.with_for_update(), writes=True)
_after = _c.id > bindparam("after")
_LIMIT = bindparam("limit", type_=Integer)
_PAGE = Statement(select(webhook_endpoints).where(_IN_SCOPE, _after).order_by(_c.id).limit(_LIMIT))
_ALL = Statement(select(webhook_endpoints).where(_after).order_by(_c.id).limit(_LIMIT))
_UPDATE = Statement(
    update(webhook_endpoints)
    .where(_OF_ID)
    .values({name: bindparam(name, type_=_c[name].type) for name in _DECIDED})
)
_REMOVE = Statement(delete(webhook_endpoints).where(_OF_ID))
_LISTENERS = Statement(
    select(_c.id, _c.organization_id, _c.event_types, _c.enabled_since).where(
        _c.disabled.is_(None),
        or_(_c.organization_id.is_(None), _c.organization_id == func.any(_IDS)),
    )
)
_WAKE = Statement(
    update(webhook_endpoints)
    .where(_OF_ID)
    .values(
        consecutive_failures=literal_column("0"),
        failing_since=null(),
        paused_until=null(),
        due_at=_NOW,
    )
)
_firsts = (
    select(_d.id)
    .where(
        _d.endpoint_id == bindparam("of_id", type_=Uuid),
        _d.delivered_at.is_(None),
        _d.dead_at.is_(None),
    )
    .distinct(_d.subject)
    .order_by(_d.subject, _d.position)
)
_HEADS_DUE = Statement(
    update(webhook_deliveries).where(_d.id.in_(_firsts)).values(next_attempt_at=_NOW)
)


class PostgresEndpoints:
    """Endpoints of one transaction."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, endpoint: WebhookEndpoint, *, most: int) -> bool:
        scope = endpoint.organization_id
        await self._transaction.row(_LOCK_SCOPE, scope_name=f"webhooks of {scope}")
        counted = await self._transaction.row(_COUNT, scope=scope)
        if counted is not None and counted["count"] >= most:
            return False
        await self._transaction.write(
            _ADD,
            id=endpoint.id,
            organization_id=scope,
            created_at=endpoint.created_at,
            **_decided(endpoint),
        )
        return True

    async def get(
        self, scope: OrganizationId | None, endpoint_id: EndpointId, *, lock: bool = False
    ) -> WebhookEndpoint | None:
        statement = _GET_LOCKED if lock else _GET
        row = await self._transaction.row(statement, of_id=endpoint_id, scope=scope)
        return None if row is None else endpoint_from(row)

    async def page(
        self, scope: OrganizationId | None, *, after: EndpointId | None = None, limit: int = 100
    ) -> list[WebhookEndpoint]:
        rows = await self._transaction.rows(_PAGE, scope=scope, after=after or _FIRST, limit=limit)
        return [endpoint_from(row) for row in rows]

    async def update(self, endpoint: WebhookEndpoint) -> None:
        await self._transaction.write(_UPDATE, of_id=endpoint.id, **_decided(endpoint))

    async def remove(self, endpoint_id: EndpointId) -> None:
        await self._transaction.write(_REMOVE, of_id=endpoint_id)

    async def all(
        self, *, after: EndpointId | None = None, limit: int = 100
    ) -> list[WebhookEndpoint]:
        rows = await self._transaction.rows(_ALL, after=after or _FIRST, limit=limit)
        return [endpoint_from(row) for row in rows]

    async def listeners(self, organizations: Collection[OrganizationId]) -> list[Listener]:
        rows = await self._transaction.rows(_LISTENERS, ids=list(organizations))
        return [
            Listener(
                EndpointId(row["id"]),
                scope_of(row),
                tuple(row["event_types"]),
                row["enabled_since"],
            )
            for row in rows
        ]

    async def wake(self, endpoint_id: EndpointId, now: datetime) -> None:
        await self._transaction.write(_WAKE, of_id=endpoint_id, now=now)
        await self._transaction.write(_HEADS_DUE, of_id=endpoint_id, now=now)


def _decided(endpoint: WebhookEndpoint) -> dict[str, object]:
    return {name: getattr(endpoint, name) for name in _DECIDED} | {
        "event_types": list(endpoint.event_types),
        "disabled": None if endpoint.disabled is None else endpoint.disabled.value,
    }


if TYPE_CHECKING:
    _: type[EndpointRepository] = PostgresEndpoints
