"""Sealed signing keys."""

from typing import TYPE_CHECKING

import asyncpg
import msgspec
from sqlalchemy import select
from sqlalchemy.dialects import postgresql

from adapters.postgres.statement import Statement
from adapters.postgres.tables import ACTIVE_KEY, signing_keys
from adapters.postgres.transaction import Transaction
from auth_core.keys import KeyRepository, KeyStatus, KeyUse, SealedKey

_ALL = Statement(select(signing_keys).order_by(signing_keys.c.created_at, signing_keys.c.kid))
# Waits for a racing insert of the same use, and gives way if that one commits.
_ADD_ACTIVE = Statement(
    postgresql.insert(signing_keys)
    .on_conflict_do_nothing(index_elements=[signing_keys.c.use], index_where=ACTIVE_KEY)
    .returning(signing_keys.c.kid)
)


class PostgresKeyRepository:
    """Keys in the table ``signing_keys``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def all(self) -> list[SealedKey]:
        return [_key_from(row) for row in await self._transaction.rows(_ALL)]

    async def add_active(self, key: SealedKey) -> bool:
        public = key.public_jwk
        row = await self._transaction.row(
            _ADD_ACTIVE,
            kid=key.kid,
            use=key.use.value,
            algorithm=key.algorithm,
            status=key.status.value,
            created_at=key.created_at,
            sealed_private_jwk=key.sealed_private_jwk,
            public_jwk=None if public is None else msgspec.json.encode(public).decode(),
        )
        return row is not None


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
    )


if TYPE_CHECKING:
    _: type[KeyRepository] = PostgresKeyRepository
