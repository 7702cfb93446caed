"""Credentials of accounts."""

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, literal_column, select, update
from sqlalchemy.dialects import postgresql

from adapters.postgres.statement import Statement
from adapters.postgres.tables import password_credentials, users
from adapters.postgres.transaction import Transaction
from adapters.postgres.user_row import USER_COLUMNS, USER_WIDTH, user_from
from auth_core.credentials import Account, CredentialRepository
from auth_core.kernel import Email, Secret, UserId, Username

_ACCOUNTS = select(
    *USER_COLUMNS, password_credentials.c.password_hash, password_credentials.c.must_change
).select_from(users.outerjoin(password_credentials))
_ACCOUNT_USERNAME = Statement(_ACCOUNTS.where(users.c.username == bindparam("name")))
_ACCOUNT_EMAIL = Statement(_ACCOUNTS.where(users.c.email == bindparam("name")))
_NEW_PASSWORD = postgresql.insert(password_credentials).values(
    user_id=bindparam("user_id"),
    password_hash=bindparam("password_hash"),
    updated_at=func.now(),
    must_change=literal_column("false"),
)
_SET_PASSWORD = Statement(
    _NEW_PASSWORD.on_conflict_do_update(
        constraint=password_credentials.primary_key,
        set_={
            "password_hash": _NEW_PASSWORD.excluded.password_hash,
            "updated_at": _NEW_PASSWORD.excluded.updated_at,
            "must_change": _NEW_PASSWORD.excluded.must_change,
        },
    )
)


_REQUIRE_CHANGE = Statement(
    update(password_credentials)
    .where(password_credentials.c.user_id == bindparam("of_user"))
    .values(must_change=literal_column("true"))
)


class PostgresCredentialRepository:
    """Password hashes in the table ``password_credentials``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def account(self, name: Username | Email) -> Account | None:
        statement = _ACCOUNT_EMAIL if isinstance(name, Email) else _ACCOUNT_USERNAME
        row = await self._transaction.row(statement, name=name.value)
        if row is None:
            return None
        password_hash = row[USER_WIDTH]
        return Account(
            user=user_from(row),
            password_hash=None if password_hash is None else Secret(password_hash),
            must_change=bool(row[USER_WIDTH + 1]),
        )

    async def set_password(self, user_id: UserId, password_hash: Secret[str]) -> None:
        await self._transaction.defer(
            _SET_PASSWORD, user_id=user_id, password_hash=password_hash.reveal()
        )

    async def require_change(self, user_id: UserId) -> None:
        await self._transaction.defer(_REQUIRE_CHANGE, of_user=user_id)


if TYPE_CHECKING:
    _: type[CredentialRepository] = PostgresCredentialRepository
