"""Sealed signing keys."""

from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg
import msgspec
from sqlalchemy import DateTime, Text, bindparam, delete, func, select, text, update
from sqlalchemy.dialects import postgresql

from adapters.postgres.statement import Statement
from adapters.postgres.tables import departed_keys, signing_keys
from adapters.postgres.transaction import Transaction
from auth_core.keys import Departure, KeyRepository, KeyStatus, KeyUse, SealedKey

# Any number will do, as long as all nodes that share a database agree on it.
_LOCK = Statement(select(func.pg_advisory_xact_lock(text("7165048422"))), writes=True)
_ALL = Statement(select(signing_keys).order_by(signing_keys.c.created_at, signing_keys.c.kid))
# Waits for a racing insert of the same id or the same active use, and gives way if that commits.
_ADD = Statement(
    postgresql.insert(signing_keys).on_conflict_do_nothing().returning(signing_keys.c.kid)
)
_UPDATE = Statement(
    update(signing_keys)
    .where(signing_keys.c.kid == bindparam("of_kid"))
    .values(
        {
            name: bindparam(f"new_{name}", type_=signing_keys.c[name].type)
            for name in (
                *("status", "sealed_private_jwk"),
                *("activates_at", "activated_at", "retired_at"),
            )
        }
    )
)
_gone = (
    delete(signing_keys)
    .where(signing_keys.c.kid == bindparam("of_kid"))
    .returning(signing_keys.c.kid, signing_keys.c.use)
    .cte("gone")
)
_departed = postgresql.insert(departed_keys).from_select(
    ["kid", "use", "reason", "departed_at"],
    select(
        _gone.c.kid,
        _gone.c.use,
        bindparam("departure", type_=Text()),
        bindparam("at", type_=DateTime(timezone=True)),
    ),
)
_REMOVE = Statement(
    _departed.on_conflict_do_update(
        index_elements=[departed_keys.c.kid],
        set_={
            "reason": _departed.excluded.reason,
            "departed_at": _departed.excluded.departed_at,
        },
    )
)
_DEPARTURE = Statement(
    select(departed_keys.c.reason).where(departed_keys.c.kid == bindparam("of_kid"))
)


class PostgresKeyRepository:
    """Keys in the table ``signing_keys``, ids of gone ones in ``departed_keys``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def lock(self) -> None:
        await self._transaction.row(_LOCK)

    async def all(self) -> list[SealedKey]:
        return [_key_from(row) for row in await self._transaction.rows(_ALL)]

    async def add(self, key: SealedKey) -> bool:
        public = key.public_jwk
        row = await self._transaction.row(
            _ADD,
            kid=key.kid,
            use=key.use.value,
            algorithm=key.algorithm,
            status=key.status.value,
            created_at=key.created_at,
            sealed_private_jwk=key.sealed_private_jwk,
            public_jwk=None if public is None else msgspec.json.encode(public).decode(),
            activates_at=key.activates_at,
            activated_at=key.activated_at,
            retired_at=key.retired_at,
        )
        return row is not None

    async def update(self, key: SealedKey) -> None:
        await self._transaction.write(
            _UPDATE,
            of_kid=key.kid,
            new_status=key.status.value,
            new_sealed_private_jwk=key.sealed_private_jwk,
            new_activates_at=key.activates_at,
            new_activated_at=key.activated_at,
            new_retired_at=key.retired_at,
        )

    async def remove(self, kid: str, departure: Departure, at: datetime) -> None:
        await self._transaction.write(_REMOVE, of_kid=kid, departure=departure.value, at=at)

    async def departure(self, kid: str) -> Departure | None:
        row = await self._transaction.row(_DEPARTURE, of_kid=kid)
        return None if row is None else Departure(row["reason"])


def _key_from(row: asyncpg.Record) -> SealedKey:
    public = row["public_jwk"]
    return SealedKey(
        kid=row["kid"],
        use=KeyUse(row["use"]),
        algorithm=row["algorithm"],
        status=KeyStatus(row["status"]),
        created_at=row["created_at"],
        sealed_private_jwk=row["sealed_private_jwk"],
        public_jwk=None if public is None else msgspec.json.decode(public, type=dict[str, str]),
        activates_at=row["activates_at"],
        activated_at=row["activated_at"],
        retired_at=row["retired_at"],
    )


if TYPE_CHECKING:
    _: type[KeyRepository] = PostgresKeyRepository
