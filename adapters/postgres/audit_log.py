"""The audit trail from its other end: sealing, reading and trimming ``audit_records``."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Text,
    Uuid,
    bindparam,
    column,
    delete,
    exists,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import TypeEngine

from adapters.postgres.audit_tables import audit_chains, audit_records
from adapters.postgres.statement import Statement
from adapters.postgres.transaction import Transaction
from auth_core.audit import (
    PLATFORM_CHAIN,
    AuditAction,
    AuditLog,
    AuditQuery,
    ChainState,
    TrailEntry,
)
from auth_core.kernel import UserId

_FIELDS = TrailEntry.__struct_fields__
_COLUMNS = [audit_records.c[name] for name in _FIELDS]
_CHAINS = bindparam("chains", type_=ARRAY(Uuid))
_UNSEALED_RECORD = audit_records.c.position.is_(None)
_own_chain = func.coalesce(
    audit_records.c.organization_id, literal_column(f"'{PLATFORM_CHAIN}'::uuid")
)

# In order, so that it is the index of what waits that is asked.
_WAITING = Statement(
    select(audit_records.c.id)
    .where(_UNSEALED_RECORD)
    .order_by(audit_records.c.id)
    .limit(bindparam("limit", type_=Integer))
)
# Any number will do, as long as all nodes that share a database agree on it.
_LOCK = text("7165048431")
_TURN = Statement(select(func.pg_try_advisory_xact_lock(_LOCK)), writes=True)
_NEXT_TURN = Statement(select(func.pg_advisory_xact_lock(_LOCK)), writes=True)
_UNSEALED = Statement(
    select(*_COLUMNS)
    .where(_UNSEALED_RECORD, _own_chain != func.all(bindparam("without", type_=ARRAY(Uuid))))
    .order_by(audit_records.c.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True),
    writes=True,
)
_STATES = Statement(select(audit_chains).where(audit_chains.c.chain == func.any(_CHAINS)))
_asked = func.unnest(_CHAINS).table_valued(column("chain", Uuid), name="asked").render_derived()
_BEGUN = Statement(
    select(_asked.c.chain).where(
        exists(select(audit_records.c.id).where(audit_records.c.chain == _asked.c.chain))
    )
)
_PLACES: dict[str, TypeEngine[Any]] = {
    "id": Uuid(),
    "chain": Uuid(),
    "position": BigInteger(),
    "previous_hash": LargeBinary(),
    "hash": LargeBinary(),
    "detail_digest": LargeBinary(),
    "detail_salt": Text(),
}
_placed = (
    func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _PLACES.items()))
    .table_valued(*(column(name, kind) for name, kind in _PLACES.items()), name="placed")
    .render_derived()
)
_SEAL = Statement(
    update(audit_records)
    .where(audit_records.c.id == _placed.c.id, _UNSEALED_RECORD)
    .values({name: _placed.c[name] for name in _PLACES if name != "id"})
)
_HEADS: dict[str, TypeEngine[Any]] = {
    "chain": Uuid(),
    "position": BigInteger(),
    "sealed_head": LargeBinary(),
}
_heads = (
    func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in _HEADS.items()))
    .table_valued(*(column(name, kind) for name, kind in _HEADS.items()), name="heads")
    .render_derived()
)
_new_heads = insert(audit_chains).from_select(list(_HEADS), select(*_heads.c))
_KEEP_HEADS = Statement(
    _new_heads.on_conflict_do_update(
        index_elements=[audit_chains.c.chain],
        set_={
            "position": _new_heads.excluded.position,
            "sealed_head": _new_heads.excluded.sealed_head,
        },
    )
)
_of_all = select(audit_records.c.chain).where(audit_records.c.chain.is_not(None))
_KNOWN = Statement(select(audit_chains.c.chain).union(_of_all))
_SEALED = Statement(
    select(*_COLUMNS)
    .where(
        audit_records.c.chain == bindparam("of_chain", type_=Uuid),
        audit_records.c.position > bindparam("after", type_=BigInteger),
    )
    .order_by(audit_records.c.position)
    .limit(bindparam("limit", type_=Integer))
)
_ERASED = Statement(
    select(audit_records.c.user_id)
    .where(
        audit_records.c.user_id == func.any(bindparam("users", type_=ARRAY(Uuid))),
        audit_records.c.action == bindparam("erasure", type_=Text),
    )
    .distinct()
)
_STARTED = Statement(
    select(audit_records.c.target)
    .where(
        audit_records.c.chain == bindparam("platform", type_=Uuid),
        audit_records.c.action == bindparam("started", type_=Text),
    )
    .distinct()
)
_KEEP_STATE = Statement(
    update(audit_chains)
    .where(audit_chains.c.chain == bindparam("of_chain", type_=Uuid))
    .values(
        {
            name: bindparam(f"new_{name}", type_=audit_chains.c[name].type)
            for name in ("position", "sealed_head", "trimmed_position", "sealed_checkpoint")
        }
    )
)
_TRIM = Statement(
    delete(audit_records)
    .where(
        audit_records.c.chain == bindparam("of_chain", type_=Uuid),
        audit_records.c.position <= bindparam("upto", type_=BigInteger),
    )
    .returning(audit_records.c.id)
)


class PostgresAuditLog:
    """Sealed by one UPDATE for each batch; one row in ``audit_chains`` for each chain."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def waiting(self) -> bool:
        return await self._transaction.row(_WAITING, limit=1) is not None

    async def turn(self, *, wait: bool = False) -> bool:
        if wait:
            await self._transaction.row(_NEXT_TURN)
            return True
        row = await self._transaction.row(_TURN)
        return row is not None and bool(row[0])

    async def unsealed(self, limit: int, *, without: Collection[UUID] = ()) -> list[TrailEntry]:
        rows = await self._transaction.rows(_UNSEALED, limit=limit, without=list(without))
        return [_entry(row) for row in rows]

    async def states(self, chains: Collection[UUID]) -> Mapping[UUID, ChainState]:
        rows = await self._transaction.rows(_STATES, chains=list(chains))
        return {row["chain"]: ChainState(**dict(row)) for row in rows}

    async def begun(self, chains: Collection[UUID]) -> set[UUID]:
        return {row[0] for row in await self._transaction.rows(_BEGUN, chains=list(chains))}

    async def seal(self, entries: Sequence[TrailEntry], states: Sequence[ChainState]) -> None:
        places = {name: [getattr(entry, name) for entry in entries] for name in _PLACES}
        await self._transaction.write(_SEAL, **places)
        heads = {name: [getattr(state, name) for state in states] for name in _HEADS}
        await self._transaction.write(_KEEP_HEADS, **heads)

    async def chains(self) -> list[UUID]:
        return [row[0] for row in await self._transaction.rows(_KNOWN)]

    async def sealed(self, chain: UUID, *, after: int, limit: int) -> list[TrailEntry]:
        rows = await self._transaction.rows(_SEALED, of_chain=chain, after=after, limit=limit)
        return [_entry(row) for row in rows]

    async def erased(self, user_ids: Collection[UserId | UUID]) -> set[UUID]:
        erasure = AuditAction.USER_ERASED.value
        rows = await self._transaction.rows(_ERASED, users=list(user_ids), erasure=erasure)
        return {row[0] for row in rows}

    async def started(self) -> set[UUID]:
        started = AuditAction.AUDIT_CHAIN_STARTED.value
        rows = await self._transaction.rows(_STARTED, platform=PLATFORM_CHAIN, started=started)
        return {found for row in rows if (found := _organization(row[0])) is not None}

    async def keep_state(self, state: ChainState) -> None:
        await self._transaction.write(
            _KEEP_STATE,
            of_chain=state.chain,
            new_position=state.position,
            new_sealed_head=state.sealed_head,
            new_trimmed_position=state.trimmed_position,
            new_sealed_checkpoint=state.sealed_checkpoint,
        )

    async def trim(self, chain: UUID, upto: int) -> int:
        return len(await self._transaction.rows(_TRIM, of_chain=chain, upto=upto))

    async def search(self, query: AuditQuery) -> list[TrailEntry]:
        statement, values = searching(query)
        rows = await self._transaction.rows(statement, **values)
        return [_entry(row) for row in rows]


_EQUAL = ("organization_id", "action", "result", "user_id", "actor_id")


def searching(query: AuditQuery) -> tuple[Statement, dict[str, object]]:
    """The statement for the conditions that are set, and its parameters."""
    names = (*_EQUAL, "since", "until", "before")
    values = {name: getattr(query, name) for name in names if getattr(query, name) is not None}
    return _searching(tuple(values)), {**values, "limit": query.limit}


@lru_cache(maxsize=256)
def _searching(names: tuple[str, ...]) -> Statement:
    conditions: dict[str, ColumnElement[bool]] = {
        name: audit_records.c[name] == bindparam(name, type_=audit_records.c[name].type)
        for name in _EQUAL
    }
    moment = audit_records.c.occurred_at
    conditions |= {
        "since": moment >= bindparam("since", type_=moment.type),
        "until": moment < bindparam("until", type_=moment.type),
        "before": audit_records.c.id < bindparam("before", type_=Uuid),
    }
    found: Select[tuple[object, ...]] = (
        select(*_COLUMNS)
        .where(*(conditions[name] for name in names))
        .order_by(audit_records.c.id.desc())
        .limit(bindparam("limit", type_=Integer))
    )
    return Statement(found)


def _entry(row: asyncpg.Record) -> TrailEntry:
    return TrailEntry(**{name: row[name] for name in _FIELDS})


def _organization(target: str | None) -> UUID | None:
    try:
        return UUID((target or "").removeprefix("organization:"))
    except ValueError:
        return None


if TYPE_CHECKING:
    _: type[AuditLog] = PostgresAuditLog
