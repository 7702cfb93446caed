"""Deliveries in the table ``webhook_deliveries``, each endpoint a queue of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    DateTime,
    Integer,
    Text,
    Uuid,
    bindparam,
    column,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.types import TypeEngine

from adapters.postgres.statement import Statement
from adapters.postgres.transaction import Transaction
from adapters.postgres.webhook_row import delivery_from, endpoint_from
from adapters.postgres.webhook_tables import webhook_deliveries, webhook_endpoints
from auth_core.webhooks import (
    Delivery,
    DeliveryId,
    DeliveryQueue,
    EndpointId,
    Health,
    NewDelivery,
    Verdict,
    WebhookEndpoint,
)

_encode_log = msgspec.json.Encoder().encode

_NEWEST = UUID(int=2**128 - 1)
_MOMENT = DateTime(timezone=True)
_e, _d = webhook_endpoints.c, webhook_deliveries.c
_NOW, _UNTIL = bindparam("now", type_=_MOMENT), bindparam("until", type_=_MOMENT)
_LIMIT = bindparam("limit", type_=Integer)
_ENDPOINTS = bindparam("endpoints", type_=ARRAY(Uuid))
_OF_ID = _d.id == bindparam("of_id")
_OF_ENDPOINT = _d.endpoint_id == bindparam("of_endpoint", type_=Uuid)
_IS_OPEN = (_d.delivered_at.is_(None), _d.dead_at.is_(None))
_IS_OVER = or_(_d.delivered_at.is_not(None), _d.dead_at.is_not(None))

_LOCK_ENDPOINTS = Statement(
    select(_e.id).where(_e.id == func.any(_ENDPOINTS)).order_by(_e.id).with_for_update(),
    writes=True,
)
_COLUMNS: dict[str, TypeEngine[Any]] = {
    "id": Uuid(),
    "endpoint_id": Uuid(),
    "event_id": Uuid(),
    "event_type": Text(),
    "subject": Text(),
    "body": Text(),
    "queued_at": _MOMENT,
}
_new = (
    func.unnest(*(bindparam(f"all_{name}", type_=ARRAY(kind)) for name, kind in _COLUMNS.items()))
    .table_valued(
        *(column(name, kind) for name, kind in _COLUMNS.items()),
        with_ordinality="number",
        name="new",
    )
    .render_derived()
)
_ENQUEUE = Statement(
    insert(webhook_deliveries)
    .from_select(
        list(_COLUMNS), select(*(_new.c[name] for name in _COLUMNS)).order_by(_new.c.number)
    )
    .on_conflict_do_nothing()
    .returning(_d.id)
)
_firsts = (
    select(_d.id)
    .where(
        _d.endpoint_id == func.any(_ENDPOINTS),
        _d.subject == func.any(bindparam("subjects", type_=ARRAY(Text))),
        *_IS_OPEN,
    )
    .distinct(_d.endpoint_id, _d.subject)
    .order_by(_d.endpoint_id, _d.subject, _d.position)
)
_PROMOTE = Statement(
    update(webhook_deliveries)
    .where(_d.id.in_(_firsts), _d.next_attempt_at.is_(None))
    .values(next_attempt_at=_NOW)
    .returning(_d.endpoint_id)
)
_soon = func.greatest(_NOW, _e.paused_until)
_HURRY = Statement(
    update(webhook_endpoints)
    .where(_e.id == func.any(_ENDPOINTS), or_(_e.due_at.is_(None), _e.due_at > _soon))
    .values(due_at=_soon)
)
_due = (
    select(_e.id)
    .where(
        _e.disabled.is_(None),
        _e.due_at <= _NOW,
        or_(_e.leased_until.is_(None), _e.leased_until <= _NOW),
    )
    .order_by(_e.due_at)
    .limit(literal_column("1"))
)
_ANY_DUE = Statement(_due)
# a CTE, so that it runs once whatever the plan
_free = _due.with_for_update(skip_locked=True).cte("free")
_LEASE = Statement(
    update(webhook_endpoints)
    .where(_e.id == _free.c.id)
    .values(leased_until=_UNTIL)
    .returning(*webhook_endpoints.c)
)
_before = webhook_deliveries.alias("before")
_waits = (
    select(literal_column("1"))
    .where(
        _before.c.endpoint_id == _d.endpoint_id,
        _before.c.subject == _d.subject,
        _before.c.delivered_at.is_(None),
        _before.c.dead_at.is_(None),
        _before.c.position < _d.position,
    )
    .exists()
)
_heads = (
    select(_d.id)
    .where(_OF_ENDPOINT, _d.next_attempt_at <= _NOW, *_IS_OPEN, ~_waits)
    .order_by(_d.position)
    .limit(_LIMIT)
    .cte("heads")
)
_TAKE = Statement(
    update(webhook_deliveries)
    .where(_d.id == _heads.c.id)
    .values(next_attempt_at=_UNTIL, attempts=_d.attempts + literal_column("1"))
    .returning(*webhook_deliveries.c)
)
_GIVE_BACK = Statement(
    update(webhook_endpoints)
    .where(_e.id == bindparam("of_endpoint"), _e.leased_until == _UNTIL)
    .values(
        leased_until=null(),
        consecutive_failures=bindparam("failures", type_=Integer),
        failing_since=bindparam("since", type_=_MOMENT),
        paused_until=bindparam("paused", type_=_MOMENT),
    )
    .returning(_e.id)
)
_JUDGE = Statement(
    update(webhook_deliveries)
    .where(_OF_ID, _d.attempts == bindparam("of_attempt", type_=Integer), *_IS_OPEN)
    .values(
        log=bindparam("new_log", type_=JSONB),
        next_attempt_at=bindparam("again_at", type_=_MOMENT),
        delivered_at=bindparam("delivered", type_=_MOMENT),
        dead_at=bindparam("dead", type_=_MOMENT),
    )
)
_earliest = (
    select(func.min(_d.next_attempt_at))
    .where(_d.endpoint_id == _e.id, _d.next_attempt_at.is_not(None), *_IS_OPEN)
    .scalar_subquery()
)
# GREATEST passes over NULL, and with nothing to send there is nothing to look for
_LOOK_AGAIN = Statement(
    update(webhook_endpoints)
    .where(_e.id == bindparam("of_endpoint"))
    .values(
        due_at=_earliest
        + func.greatest(_e.paused_until - _earliest, literal_column("interval '0'"))
    )
)
_FIND = Statement(select(webhook_deliveries).where(_OF_ID, _OF_ENDPOINT))
_page = (
    select(webhook_deliveries)
    .where(_OF_ENDPOINT, _d.id < bindparam("before"))
    .order_by(_d.id.desc())
    .limit(_LIMIT)
)
_PAGE = Statement(_page)
_PAGE_OF_DEAD = Statement(_page.where(_d.dead_at.is_not(None)))
_AGAIN = Statement(
    update(webhook_deliveries)
    .where(_OF_ID, _OF_ENDPOINT, _IS_OVER)
    .values(queued_at=_NOW, next_attempt_at=_NOW, delivered_at=null(), dead_at=null())
    .returning(_d.id)
)
_WAITING = Statement(select(func.count(_d.endpoint_id)).where(*_IS_OPEN))
# By the primary key: an id begins with the time of its making (RFC 9562 §5.7).
_over = (
    select(_d.id)
    .where(
        _d.id < bindparam("before_id"),
        or_(_IS_OVER, _d.endpoint_id.in_(select(_e.id).where(_e.disabled.is_not(None)))),
    )
    .order_by(_d.id)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True, of=webhook_deliveries)
)
_SWEEP = Statement(delete(webhook_deliveries).where(_d.id.in_(_over)).returning(_d.id))


class PostgresDeliveries:
    """Deliveries of one transaction. Whoever changes a queue holds the row of its endpoint."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def enqueue(self, deliveries: Sequence[NewDelivery]) -> int:
        transaction = self._transaction
        wanted = list({each.endpoint_id for each in deliveries})
        locked = await transaction.rows(_LOCK_ENDPOINTS, endpoints=wanted)
        there = {row["id"] for row in locked}
        new = [each for each in deliveries if each.endpoint_id in there]
        if not new:
            return 0
        queued = await transaction.rows(_ENQUEUE, **_arrays(new))
        if queued:
            subjects = list({each.message.subject for each in new})
            await self._promote(list(there), subjects, new[0].queued_at)
        return len(queued)

    async def lease(self, now: datetime, until: datetime) -> WebhookEndpoint | None:
        # most of the time there is nothing, and to know that needs no transaction
        if await self._transaction.row(_ANY_DUE, now=now) is None:
            return None
        row = await self._transaction.row(_LEASE, now=now, until=until)
        return None if row is None else endpoint_from(row)

    async def take(
        self, endpoint: WebhookEndpoint, now: datetime, until: datetime, limit: int
    ) -> list[Delivery]:
        rows = await self._transaction.rows(
            _TAKE, of_endpoint=endpoint.id, now=now, until=until, limit=limit
        )
        return [delivery_from(row) for row in sorted(rows, key=lambda row: row["position"])]

    async def settle(
        self,
        endpoint: WebhookEndpoint,
        verdicts: Sequence[Verdict],
        health: Health,
        now: datetime,
    ) -> bool:
        transaction = self._transaction
        await transaction.rows(_LOCK_ENDPOINTS, endpoints=[endpoint.id])
        standing = await transaction.row(
            _GIVE_BACK,
            of_endpoint=endpoint.id,
            until=endpoint.leased_until,
            failures=health.consecutive_failures,
            since=health.failing_since,
            paused=health.paused_until,
        )
        for verdict in verdicts:
            await transaction.write(
                _JUDGE,
                of_id=verdict.delivery.id,
                of_attempt=verdict.delivery.attempts,
                new_log=_encode_log(verdict.log).decode(),
                again_at=verdict.again_at,
                delivered=now if verdict.over and verdict.delivered else None,
                dead=now if verdict.over and not verdict.delivered else None,
            )
        subjects = [verdict.delivery.subject for verdict in verdicts if verdict.over]
        if subjects:
            await transaction.rows(_PROMOTE, endpoints=[endpoint.id], subjects=subjects, now=now)
        await transaction.write(_LOOK_AGAIN, of_endpoint=endpoint.id)
        return standing is not None

    async def find(self, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery | None:
        row = await self._transaction.row(_FIND, of_id=delivery_id, of_endpoint=endpoint_id)
        return None if row is None else delivery_from(row)

    async def page(
        self,
        endpoint_id: EndpointId,
        *,
        dead: bool = False,
        before: DeliveryId | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        rows = await self._transaction.rows(
            _PAGE_OF_DEAD if dead else _PAGE,
            of_endpoint=endpoint_id,
            before=before or _NEWEST,
            limit=limit,
        )
        return [delivery_from(row) for row in rows]

    async def again(self, endpoint_id: EndpointId, delivery_id: DeliveryId, now: datetime) -> bool:
        transaction = self._transaction
        await transaction.rows(_LOCK_ENDPOINTS, endpoints=[endpoint_id])
        row = await transaction.row(_AGAIN, of_id=delivery_id, of_endpoint=endpoint_id, now=now)
        if row is None:
            return False
        await transaction.write(_HURRY, endpoints=[endpoint_id], now=now)
        return True

    async def waiting(self) -> int:
        row = await self._transaction.row(_WAITING)
        return 0 if row is None else row[0]

    async def sweep(self, before: datetime, limit: int) -> int:
        before_id = UUID(int=int(before.timestamp() * 1000) << 80)
        return len(await self._transaction.rows(_SWEEP, before_id=before_id, limit=limit))

    async def _promote(
        self, endpoints: list[EndpointId], subjects: list[str], now: datetime
    ) -> None:
        promoted = await self._transaction.rows(
            _PROMOTE, endpoints=endpoints, subjects=subjects, now=now
        )
        if promoted:
            due = list({row["endpoint_id"] for row in promoted})
            await self._transaction.write(_HURRY, endpoints=due, now=now)


def _arrays(deliveries: Sequence[NewDelivery]) -> dict[str, list[Any]]:
    return {
        "all_id": [each.id for each in deliveries],
        "all_endpoint_id": [each.endpoint_id for each in deliveries],
        "all_event_id": [each.message.id for each in deliveries],
        "all_event_type": [each.message.type for each in deliveries],
        "all_subject": [each.message.subject for each in deliveries],
        "all_body": [each.message.body for each in deliveries],
        "all_queued_at": [each.queued_at for each in deliveries],
    }


if TYPE_CHECKING:
    _: type[DeliveryQueue] = PostgresDeliveries
