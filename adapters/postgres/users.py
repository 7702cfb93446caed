"""Accounts."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Integer, bindparam, case, literal_column, select, update
from sqlalchemy.dialects import postgresql

from adapters.postgres.decoy import with_decoy
from adapters.postgres.statement import Statement
from adapters.postgres.tables import users
from adapters.postgres.transaction import Transaction
from adapters.postgres.user_row import USER_COLUMNS, encode_json, user_from
from adapters.postgres.user_search import (
    HOLD_ADMINISTRATORS,
    OTHER_ADMINISTRATOR,
    counting,
    searching,
)
from auth_core.kernel import (
    ConcurrentUpdate,
    Email,
    EmailTaken,
    OrganizationId,
    UserId,
    Username,
    UsernameTaken,
)
from auth_core.users import User, UserQuery, UserRepository

_FIRST = UUID(int=0)
# Which of two taken names an error tells depends on the order of the indexes and, in a race, on
# chance. So nothing is raised, and who has the user name is asked afterwards.
_ADD = Statement(postgresql.insert(users).on_conflict_do_nothing().returning(users.c.id))
_GET = Statement(select(*USER_COLUMNS).where(users.c.id == bindparam("user_id")))
_FIND_USERNAME = with_decoy(
    select(*USER_COLUMNS).where(users.c.username == bindparam("name")), USER_COLUMNS
)
_FIND_EMAIL = with_decoy(
    select(*USER_COLUMNS).where(users.c.email == bindparam("name")), USER_COLUMNS
)
_PAGE = Statement(
    select(*USER_COLUMNS)
    .where(users.c.id > bindparam("after"))
    .order_by(users.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_PROFILE = (
    "username",
    "email",
    "email_verified",
    "display_name",
    "status",
    "roles",
    "is_dev_user",
    "updated_at",
    "version",
    "locale",
    "time_zone",
    "picture_url",
    "claims",
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
# Whoever holds the account may be waiting for what this transaction holds: so it does not wait.
_REMEMBER_ORGANIZATION = Statement(
    update(users)
    .where(
        users.c.id
        == select(users.c.id)
        .where(users.c.id == bindparam("user_id"))
        .with_for_update(skip_locked=True, key_share=True)
        .scalar_subquery()
    )
    .values(organization_id=bindparam("organization_id"))
)
_BEGIN_EPOCH = Statement(
    update(users)
    .where(users.c.id == bindparam("user_id"))
    .values(epoch=users.c.epoch + literal_column("1"))
)


def user_values(user: User) -> dict[str, object]:
    """The values of `USER_COLUMNS`, by their names."""
    return {
        "id": user.id,
        "created_at": user.created_at,
        "organization_id": user.organization_id,
        "last_login_at": user.last_login_at,
        "epoch": user.epoch,
        **_profile(user),
    }


class PostgresUserRepository:
    """Accounts in the table ``users``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, user: User) -> None:
        added = await self._transaction.row(_ADD, **user_values(user))
        if added is None:
            raise UsernameTaken if await self.find(user.username) else EmailTaken

    async def get(self, user_id: UserId) -> User | None:
        row = await self._transaction.row(_GET, user_id=user_id)
        return None if row is None else user_from(row)

    async def find(self, name: Username | Email) -> User | None:
        statement = _FIND_EMAIL if isinstance(name, Email) else _FIND_USERNAME
        row = await self._transaction.row(statement, name=name.value)
        if row is None:  # not even the decoy
            return None
        user = user_from(row)
        return user if row[-1] else None

    async def page(self, *, after: UserId | None = None, limit: int = 100) -> list[User]:
        rows = await self._transaction.rows(_PAGE, after=after or _FIRST, limit=limit)
        return [user_from(row) for row in rows]

    async def search(
        self, query: UserQuery, *, after: UserId | None = None, limit: int = 100
    ) -> list[User]:
        statement, values = searching(query)
        rows = await self._transaction.rows(statement, after=after or _FIRST, limit=limit, **values)
        return [user_from(row) for row in rows]

    async def count(self, query: UserQuery) -> int:
        statement, values = counting(query)
        row = await self._transaction.row(statement, **values)
        return 0 if row is None else int(row[0])

    async def hold_administrators(self, but: UserId) -> bool:
        await self._transaction.row(HOLD_ADMINISTRATORS)
        # a statement of its own: its snapshot is of after the wait
        row = await self._transaction.row(OTHER_ADMINISTRATOR, but=but)
        return row is not None and bool(row[0])

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

    async def remember_organization(
        self, user_id: UserId, organization_id: OrganizationId | None
    ) -> None:
        await self._transaction.defer(
            _REMEMBER_ORGANIZATION, user_id=user_id, organization_id=organization_id
        )

    async def begin_epoch(self, user_id: UserId) -> None:
        await self._transaction.defer(_BEGIN_EPOCH, user_id=user_id)


def _profile(user: User) -> dict[str, object]:
    """All that `UserRepository.update` stores."""
    return {
        "username": user.username.value,
        "email": user.email.value,
        "email_verified": user.email_verified,
        "display_name": user.display_name,
        "status": user.status.value,
        "roles": user.roles,
        "is_dev_user": user.is_dev_user,
        "updated_at": user.updated_at,
        "version": user.version,
        "locale": user.locale,
        "time_zone": user.time_zone,
        "picture_url": user.picture_url,
        "claims": encode_json(user.claims).decode() if user.claims else None,
        "delete_after": user.delete_after,
    }


if TYPE_CHECKING:
    _: type[UserRepository] = PostgresUserRepository
