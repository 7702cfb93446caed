"""Passwords of accounts, and whole accounts on the move."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from adapters.postgres.decoy import NOBODYS_ID, with_decoy
from adapters.postgres.loading import load
from adapters.postgres.statement import Statement
from adapters.postgres.tables import password_credentials, users
from adapters.postgres.transaction import Transaction
from adapters.postgres.user_row import USER_COLUMNS, USER_WIDTH, user_from
from auth_core.credentials import Account, Collision, CredentialRepository
from auth_core.kernel import Email, Secret, UserId, Username

_FIRST = UUID(int=0)
_ZERO: ColumnElement[Any] = literal_column("0")
_NULL: ColumnElement[Any] = literal_column("NULL")
_TRUE: ColumnElement[Any] = literal_column("true")
_FALSE: ColumnElement[Any] = literal_column("false")
_MOMENT = DateTime(timezone=True)

_passwords = password_credentials.c
_PASSWORD_COLUMNS = (
    _passwords.password_hash,
    _passwords.consecutive_failures,
    _passwords.last_failed_at,
    _passwords.disabled_at,
    _passwords.must_change,
)
_ACCOUNTS = select(*USER_COLUMNS, *_PASSWORD_COLUMNS).select_from(
    users.outerjoin(password_credentials)
)
_ACCOUNT_COLUMNS = (*USER_COLUMNS, *_PASSWORD_COLUMNS)
_ACCOUNT_USERNAME = with_decoy(
    _ACCOUNTS.where(users.c.username == bindparam("name")), _ACCOUNT_COLUMNS
)
_ACCOUNT_EMAIL = with_decoy(_ACCOUNTS.where(users.c.email == bindparam("name")), _ACCOUNT_COLUMNS)
_PORTABLE = Statement(
    _ACCOUNTS.where(users.c.id > bindparam("after"))
    .order_by(users.c.id)
    .limit(bindparam("limit", type_=Integer))
)

_RESET = {
    "consecutive_failures": _ZERO,
    "last_failed_at": _NULL,
    "disabled_at": _NULL,
    "must_change": _FALSE,
}
_NEW_PASSWORD = postgresql.insert(password_credentials).values(
    user_id=bindparam("user_id"),
    password_hash=bindparam("password_hash"),
    updated_at=func.now(),
    **_RESET,
)
_SET_PASSWORD = Statement(
    _NEW_PASSWORD.on_conflict_do_update(
        constraint=password_credentials.primary_key,
        set_={
            "password_hash": _NEW_PASSWORD.excluded.password_hash,
            "updated_at": _NEW_PASSWORD.excluded.updated_at,
            **_RESET,
        },
    )
)
_OF_USER = update(password_credentials).where(_passwords.user_id == bindparam("of_user"))
# Whoever has changed or disabled the password since it was read wins: then this changes nothing.
_VERIFIED = Statement(
    _OF_USER.where(
        _passwords.password_hash == bindparam("seen"), _passwords.disabled_at.is_(None)
    ).values(
        password_hash=func.coalesce(bindparam("upgraded", type_=Text), _passwords.password_hash),
        consecutive_failures=_ZERO,
        last_failed_at=_NULL,
    )
)
_failures = _passwords.consecutive_failures + literal_column("1")
_FAILED = Statement(
    _OF_USER.values(
        consecutive_failures=_failures,
        last_failed_at=bindparam("at", type_=_MOMENT),
        disabled_at=func.coalesce(
            _passwords.disabled_at,
            case(
                (
                    _failures >= bindparam("limit", type_=Integer),
                    bindparam("disabled_from", type_=_MOMENT),
                )
            ),
        ),
    ).returning(_passwords.consecutive_failures)
)
_UNLOCK = Statement(
    _OF_USER.where(
        or_(_passwords.consecutive_failures > _ZERO, _passwords.disabled_at.is_not(None))
    )
    .values(consecutive_failures=_ZERO, last_failed_at=_NULL, disabled_at=_NULL)
    .returning(_passwords.user_id)
)
_REQUIRE_CHANGE = Statement(_OF_USER.values(must_change=_TRUE).returning(_passwords.user_id))


class PostgresCredentialRepository:
    """Passwords in the table ``password_credentials``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def account(self, name: Username | Email) -> Account | None:
        statement = _ACCOUNT_EMAIL if isinstance(name, Email) else _ACCOUNT_USERNAME
        row = await self._transaction.row(statement, name=name.value)
        if row is None:  # not even the decoy
            return None
        account = _account(row)
        return account if row[-1] else None

    async def set_password(self, user_id: UserId, password_hash: Secret[str]) -> None:
        await self._transaction.defer(
            _SET_PASSWORD, user_id=user_id, password_hash=password_hash.reveal()
        )

    async def verified(
        self, user_id: UserId, *, seen: Secret[str], upgraded: Secret[str] | None
    ) -> None:
        await self._transaction.defer(
            _VERIFIED,
            of_user=user_id,
            seen=seen.reveal(),
            upgraded=None if upgraded is None else upgraded.reveal(),
        )

    async def record_failure(self, user_id: UserId | None, at: datetime, *, limit: int) -> int:
        row = await self._transaction.row(
            _FAILED, of_user=user_id or NOBODYS_ID, at=at, disabled_from=at, limit=limit
        )
        return 0 if row is None else int(row[0])

    async def unlock(self, user_id: UserId) -> bool:
        return await self._transaction.row(_UNLOCK, of_user=user_id) is not None

    async def require_change(self, user_id: UserId) -> bool:
        return await self._transaction.row(_REQUIRE_CHANGE, of_user=user_id) is not None

    async def load(self, accounts: Sequence[Account]) -> list[Collision]:
        return await load(self._transaction, accounts)

    async def portable(self, *, after: UserId | None, limit: int) -> list[Account]:
        rows = await self._transaction.rows(_PORTABLE, after=after or _FIRST, limit=limit)
        return [_account(row) for row in rows]


def _account(row: Sequence[Any]) -> Account:
    password_hash, failures, last_failed_at, disabled_at, must_change = row[
        USER_WIDTH : USER_WIDTH + len(_PASSWORD_COLUMNS)
    ]
    user = user_from(row)
    if password_hash is None:
        return Account(user=user, password_hash=None)
    return Account(
        user=user,
        password_hash=Secret(password_hash),
        consecutive_failures=failures,
        last_failed_at=last_failed_at,
        disabled_at=disabled_at,
        must_change=must_change,
    )


if TYPE_CHECKING:
    _: type[CredentialRepository] = PostgresCredentialRepository
