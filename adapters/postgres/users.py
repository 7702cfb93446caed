"""Accounts and their credentials."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, case, func, literal_column, select, update
from sqlalchemy.dialects import postgresql

from adapters.postgres.statement import Statement
from adapters.postgres.tables import password_credentials, users
from adapters.postgres.transaction import Transaction
from auth_core.credentials import Account, CredentialRepository
from auth_core.kernel import ConcurrentUpdate, Email, Secret, UserId, Username, UsernameTaken
from auth_core.users import User, UserRepository, UserStatus

USER_COLUMNS = (
    users.c.id,
    users.c.organization_id,
    users.c.username,
    users.c.email,
    users.c.email_verified,
    users.c.display_name,
    users.c.status,
    users.c.roles,
    users.c.is_dev_user,
    users.c.created_at,
    users.c.updated_at,
    users.c.last_login_at,
    users.c.version,
    users.c.epoch,
    users.c.delete_after,
)
USER_WIDTH = len(USER_COLUMNS)

_FIRST = UUID(int=0)
_STATUS = {status.value: status for status in UserStatus}

# A row that is taken twice over violates whichever index is older, and a restore makes them anew in
# another order. So the user name is asked first; the address raises.
_ADD = Statement(
    postgresql.insert(users)
    .on_conflict_do_nothing(constraint="uq_users_username")
    .returning(users.c.id)
)
_GET = Statement(select(*USER_COLUMNS).where(users.c.id == bindparam("user_id")))
_FIND_USERNAME = Statement(select(*USER_COLUMNS).where(users.c.username == bindparam("name")))
_FIND_EMAIL = Statement(select(*USER_COLUMNS).where(users.c.email == bindparam("name")))
_PAGE = Statement(
    select(*USER_COLUMNS)
    .where(users.c.id > bindparam("after"))
    .order_by(users.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_PROFILE = (
    "organization_id",
    "username",
    "email",
    "email_verified",
    "display_name",
    "status",
    "roles",
    "is_dev_user",
    "updated_at",
    "version",
    "delete_after",
)
_UPDATE = Statement(
    update(users)
    .where(users.c.id == bindparam("user_id"), users.c.version == bindparam("stored_version"))
    .values({name: bindparam(name) for name in _PROFILE})
    .returning(users.c.id)
)
# In another epoch the new value is NULL, which the column refuses: that undoes the whole sign-in,
# although it is a single statement whose answer nobody waits for.
_RECORD_LOGIN = Statement(
    update(users)
    .where(users.c.id == bindparam("user_id"))
    .values(
        last_login_at=bindparam("last_login_at"),
        epoch=case((users.c.epoch == bindparam("known_epoch"), users.c.epoch)),
    )
)
_BEGIN_EPOCH = Statement(
    update(users)
    .where(users.c.id == bindparam("user_id"))
    .values(epoch=users.c.epoch + literal_column("1"))
)
_ACCOUNTS = select(*USER_COLUMNS, password_credentials.c.password_hash).select_from(
    users.outerjoin(password_credentials)
)
_ACCOUNT_USERNAME = Statement(_ACCOUNTS.where(users.c.username == bindparam("name")))
_ACCOUNT_EMAIL = Statement(_ACCOUNTS.where(users.c.email == bindparam("name")))
_NEW_PASSWORD = postgresql.insert(password_credentials).values(
    user_id=bindparam("user_id"),
    password_hash=bindparam("password_hash"),
    updated_at=func.now(),
)
_SET_PASSWORD = Statement(
    _NEW_PASSWORD.on_conflict_do_update(
        constraint=password_credentials.primary_key,
        set_={
            "password_hash": _NEW_PASSWORD.excluded.password_hash,
            "updated_at": _NEW_PASSWORD.excluded.updated_at,
        },
    )
)


def user_from(values: Sequence[Any]) -> User:
    """The user in the values of `USER_COLUMNS`. They were valid when they were stored."""
    return User(
        id=values[0],
        organization_id=values[1],
        username=Username(values[2]),
        email=Email(values[3]),
        email_verified=values[4],
        display_name=values[5],
        status=_STATUS[values[6]],
        roles=tuple(values[7]),
        is_dev_user=values[8],
        created_at=values[9],
        updated_at=values[10],
        last_login_at=values[11],
        version=values[12],
        epoch=values[13],
        delete_after=values[14],
    )


class PostgresUserRepository:
    """Accounts in the table ``users``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, user: User) -> None:
        added = await self._transaction.row(
            _ADD,
            id=user.id,
            created_at=user.created_at,
            last_login_at=user.last_login_at,
            epoch=user.epoch,
            **_profile(user),
        )
        if added is None:
            raise UsernameTaken

    async def get(self, user_id: UserId) -> User | None:
        row = await self._transaction.row(_GET, user_id=user_id)
        return None if row is None else user_from(row)

    async def find(self, name: Username | Email) -> User | None:
        statement = _FIND_EMAIL if isinstance(name, Email) else _FIND_USERNAME
        row = await self._transaction.row(statement, name=name.value)
        return None if row is None else user_from(row)

    async def page(self, *, after: UserId | None = None, limit: int = 100) -> list[User]:
        rows = await self._transaction.rows(_PAGE, after=after or _FIRST, limit=limit)
        return [user_from(row) for row in rows]

    async def update(self, user: User) -> None:
        row = await self._transaction.row(
            _UPDATE, user_id=user.id, stored_version=user.version - 1, **_profile(user)
        )
        if row is None:
            raise ConcurrentUpdate

    async def record_login(self, user_id: UserId, at: datetime, *, epoch: int) -> None:
        await self._transaction.defer(
            _RECORD_LOGIN, user_id=user_id, last_login_at=at, known_epoch=epoch
        )

    async def begin_epoch(self, user_id: UserId) -> None:
        await self._transaction.defer(_BEGIN_EPOCH, user_id=user_id)


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
        )

    async def set_password(self, user_id: UserId, password_hash: Secret[str]) -> None:
        await self._transaction.defer(
            _SET_PASSWORD, user_id=user_id, password_hash=password_hash.reveal()
        )


def _profile(user: User) -> dict[str, object]:
    """All that `UserRepository.update` stores."""
    return {
        "organization_id": user.organization_id,
        "username": user.username.value,
        "email": user.email.value,
        "email_verified": user.email_verified,
        "display_name": user.display_name,
        "status": user.status.value,
        "roles": user.roles,
        "is_dev_user": user.is_dev_user,
        "updated_at": user.updated_at,
        "version": user.version,
        "delete_after": user.delete_after,
    }


if TYPE_CHECKING:
    _: type[UserRepository] = PostgresUserRepository
    __: type[CredentialRepository] = PostgresCredentialRepository
