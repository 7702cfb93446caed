"""Links and codes that travel by mail."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql

from adapters.postgres.statement import Statement
from adapters.postgres.tables import one_time_secrets
from adapters.postgres.transaction import Transaction
from auth_core.credentials import (
    MAX_ATTEMPTS,
    OneTimeSecret,
    OneTimeSecretId,
    OneTimeSecretRepository,
    Purpose,
)
from auth_core.kernel import Email, UserId

_columns = one_time_secrets.c
_ROW = tuple(_columns)
_NOW = bindparam("now", type_=DateTime(timezone=True))
_PURPOSE = {purpose.value: purpose for purpose in Purpose}


def _live() -> tuple[ColumnElement[bool], ...]:
    """Looked at once more by whoever waited for the row, so that of racing callers one gets it."""
    return (
        _columns.purpose == bindparam("of_purpose"),
        _columns.digest == bindparam("of_digest"),
        _columns.consumed_at.is_(None),
        _columns.expires_at > _NOW,
        _columns.attempts < literal_column(str(MAX_ATTEMPTS)),
    )


_issued = postgresql.insert(one_time_secrets)
_ISSUE = Statement(
    _issued.on_conflict_do_update(
        index_elements=[_columns.purpose, _columns.subject],
        set_={
            column.name: _issued.excluded[column.name]
            for column in _ROW
            if column.name not in {"purpose", "subject"}
        },
    )
)
_FIND = Statement(select(*_ROW).where(*_live()))
# A redemption holds one secret of an account and then voids all; two that each hold one would wait
# for each other. Secrets come before the account's own row, for everybody, and this before secrets.
_HOLD = Statement(
    select(
        func.pg_advisory_xact_lock(
            func.hashtextextended(cast(bindparam("of_user_id", type_=Uuid), Text), text("4"))
        )
    ),
    writes=True,
)
_REDEEM = Statement(
    update(one_time_secrets)
    .where(*_live(), _columns.code_digest.is_(None))
    .values(consumed_at=_NOW)
    .returning(*_ROW)
)
_TRY_CODE = Statement(
    update(one_time_secrets)
    .where(*_live(), _columns.code_digest.is_not(None))
    .values(
        attempts=_columns.attempts + literal_column("1"),
        consumed_at=case(
            (_columns.code_digest == bindparam("typed_digest", type_=LargeBinary), _NOW)
        ),
    )
    .returning(*_ROW)
)
_VOID = Statement(
    update(one_time_secrets)
    .where(
        _columns.user_id == bindparam("of_user_id"),
        _columns.purpose == func.any(bindparam("purposes", type_=postgresql.ARRAY(Text))),
        _columns.consumed_at.is_(None),
    )
    .values(consumed_at=_NOW)
)
_over = (
    select(_columns.id)
    .where(_columns.expires_at < bindparam("before"))
    .order_by(_columns.expires_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_SWEEP = Statement(delete(one_time_secrets).where(_columns.id.in_(_over)).returning(_columns.id))


class PostgresOneTimeSecretRepository:
    """One-time secrets in the table ``one_time_secrets``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def issue(self, secret: OneTimeSecret) -> None:
        await self._transaction.defer(
            _ISSUE,
            id=secret.id,
            purpose=secret.purpose.value,
            subject=secret.subject,
            digest=secret.digest,
            code_digest=secret.code_digest,
            email=secret.email.value,
            user_id=secret.user_id,
            sealed_payload=secret.sealed_payload,
            attempts=secret.attempts,
            created_at=secret.created_at,
            expires_at=secret.expires_at,
            consumed_at=secret.consumed_at,
        )

    async def find(self, purpose: Purpose, digest: bytes, now: datetime) -> OneTimeSecret | None:
        row = await self._transaction.row(
            _FIND, of_purpose=purpose.value, of_digest=digest, now=now
        )
        return None if row is None else _secret_from(row)

    async def redeem(self, purpose: Purpose, digest: bytes, now: datetime) -> OneTimeSecret | None:
        found = await self.find(purpose, digest, now)
        if found is None:
            return None
        if found.user_id is not None:
            await self._transaction.row(_HOLD, of_user_id=found.user_id)
        row = await self._transaction.row(
            _REDEEM, of_purpose=purpose.value, of_digest=digest, now=now
        )
        return None if row is None else _secret_from(row)

    async def try_code(
        self, purpose: Purpose, digest: bytes, code_digest: bytes, now: datetime
    ) -> OneTimeSecret | None:
        row = await self._transaction.row(
            _TRY_CODE,
            of_purpose=purpose.value,
            of_digest=digest,
            typed_digest=code_digest,
            now=now,
        )
        return None if row is None else _secret_from(row)

    async def void(self, user_id: UserId, purposes: Collection[Purpose], now: datetime) -> None:
        # at once, and not deferred: secrets come before the account
        await self._transaction.row(_HOLD, of_user_id=user_id)
        await self._transaction.write(
            _VOID,
            of_user_id=user_id,
            purposes=sorted(purpose.value for purpose in purposes),
            now=now,
        )

    async def sweep(self, before: datetime, limit: int) -> int:
        return len(await self._transaction.rows(_SWEEP, before=before, limit=limit))


def _secret_from(row: asyncpg.Record) -> OneTimeSecret:
    return OneTimeSecret(
        id=OneTimeSecretId(row["id"]),
        purpose=_PURPOSE[row["purpose"]],
        subject=row["subject"],
        digest=row["digest"],
        code_digest=row["code_digest"],
        email=Email(row["email"]),
        user_id=row["user_id"],
        sealed_payload=row["sealed_payload"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        consumed_at=row["consumed_at"],
    )


if TYPE_CHECKING:
    _: type[OneTimeSecretRepository] = PostgresOneTimeSecretRepository
