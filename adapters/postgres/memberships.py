"""Who belongs to which organization."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    Integer,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)

from adapters.postgres.organizations import ORGANIZATION_COLUMNS, organization_from
from adapters.postgres.statement import Statement
from adapters.postgres.tables import memberships, organizations, users
from adapters.postgres.transaction import Transaction
from auth_core.kernel import OrganizationId, UserId
from auth_core.organizations import (
    OWNER,
    Belonging,
    Member,
    Membership,
    MembershipRepository,
)

_FIRST = UUID(int=0)
_columns = memberships.c
_ROW = (
    _columns.organization_id,
    _columns.user_id,
    _columns.role,
    _columns.created_at,
    _columns.updated_at,
)
_WIDTH = len(_ROW)
_HERE = _columns.organization_id == bindparam("in_organization")
_THEIRS = _columns.user_id == bindparam("of_user")
_OWNS = _columns.role == literal_column(f"'{OWNER}'")

_ADD = Statement(
    insert(memberships).values({column.name: bindparam(column.name) for column in _ROW})
)
_GET = Statement(select(*_ROW).where(_HERE, _THEIRS))
_PAGE = Statement(
    select(*_ROW, users.c.username, users.c.email, users.c.display_name)
    .join(users, users.c.id == _columns.user_id)
    .where(_HERE, _columns.user_id > bindparam("after"))
    .order_by(_columns.user_id)
    .limit(bindparam("limit", type_=Integer))
)
_COUNT = Statement(select(func.count()).select_from(memberships).where(_HERE))
_CHANGE_ROLE = Statement(
    update(memberships)
    .where(_HERE, _THEIRS)
    .values(role=bindparam("role"), updated_at=bindparam("updated_at"))
    .returning(*_ROW)
)
_REMOVE = Statement(delete(memberships).where(_HERE, _THEIRS).returning(*_ROW))
_OWNS_AND_CAN = (
    _OWNS,
    users.c.id == _columns.user_id,
    users.c.status == literal_column("'active'"),
    users.c.delete_after.is_(None),
)
_OTHER_OWNER = Statement(
    select(
        exists(
            select(_columns.user_id).where(
                _HERE, _columns.user_id != bindparam("of_user"), *_OWNS_AND_CAN
            )
        )
    )
)
_HOLD_ACCOUNT = Statement(
    select(users.c.id)
    .where(
        users.c.id == bindparam("of_user"),
        users.c.status == literal_column("'active'"),
        users.c.delete_after.is_(None),
    )
    .with_for_update(read=True),
    writes=True,
)
_BELONGINGS = Statement(
    select(*_ROW, *ORGANIZATION_COLUMNS)
    .join(organizations, organizations.c.id == _columns.organization_id)
    .where(_THEIRS, _columns.organization_id > bindparam("after"))
    .order_by(_columns.organization_id)
    .limit(bindparam("limit", type_=Integer))
)
_owned = (
    select(organizations.c.id)
    .join(memberships, _columns.organization_id == organizations.c.id)
    .where(_THEIRS, _OWNS, organizations.c.delete_after.is_(None))
)
_HOLD_OWNED = Statement(
    _owned.order_by(organizations.c.id).with_for_update(key_share=True, of=organizations),
    writes=True,
)
_others = memberships.alias("others")
_SOLE = Statement(
    _owned.where(
        ~exists(
            select(_others.c.user_id)
            .join(users, users.c.id == _others.c.user_id)
            .where(
                _others.c.organization_id == organizations.c.id,
                _others.c.role == literal_column(f"'{OWNER}'"),
                _others.c.user_id != bindparam("of_user"),
                users.c.status == literal_column("'active'"),
                users.c.delete_after.is_(None),
            )
        )
    )
    .order_by(organizations.c.id)
    .limit(literal_column("1"))
)


class PostgresMembershipRepository:
    """Memberships in the table ``memberships``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, membership: Membership) -> None:
        await self._transaction.defer(
            _ADD,
            organization_id=membership.organization_id,
            user_id=membership.user_id,
            role=membership.role,
            created_at=membership.created_at,
            updated_at=membership.updated_at,
        )

    async def get(self, organization_id: OrganizationId, user_id: UserId) -> Membership | None:
        row = await self._transaction.row(_GET, in_organization=organization_id, of_user=user_id)
        return _membership_or_none(row)

    async def page(
        self, organization_id: OrganizationId, *, after: UserId | None = None, limit: int = 100
    ) -> list[Member]:
        rows = await self._transaction.rows(
            _PAGE, in_organization=organization_id, after=after or _FIRST, limit=limit
        )
        return [
            Member(
                membership=_membership_from(row), username=row[5], email=row[6], display_name=row[7]
            )
            for row in rows
        ]

    async def count(self, organization_id: OrganizationId) -> int:
        row = await self._transaction.row(_COUNT, in_organization=organization_id)
        return 0 if row is None else int(row[0])

    async def change_role(
        self, organization_id: OrganizationId, user_id: UserId, role: str, at: datetime
    ) -> Membership | None:
        row = await self._transaction.row(
            _CHANGE_ROLE, in_organization=organization_id, of_user=user_id, role=role, updated_at=at
        )
        return _membership_or_none(row)

    async def remove(self, organization_id: OrganizationId, user_id: UserId) -> Membership | None:
        row = await self._transaction.row(_REMOVE, in_organization=organization_id, of_user=user_id)
        return _membership_or_none(row)

    async def has_owner_besides(self, organization_id: OrganizationId, user_id: UserId) -> bool:
        row = await self._transaction.row(
            _OTHER_OWNER, in_organization=organization_id, of_user=user_id
        )
        return row is not None and bool(row[0])

    async def hold_account(self, user_id: UserId) -> bool:
        return await self._transaction.row(_HOLD_ACCOUNT, of_user=user_id) is not None

    async def belongings(
        self, user_id: UserId, *, after: OrganizationId | None = None, limit: int = 100
    ) -> list[Belonging]:
        rows = await self._transaction.rows(
            _BELONGINGS, of_user=user_id, after=after or _FIRST, limit=limit
        )
        return [
            Belonging(
                membership=_membership_from(row),
                organization=organization_from(tuple(row)[_WIDTH:]),
            )
            for row in rows
        ]

    async def hold_sole_ownership(self, user_id: UserId) -> OrganizationId | None:
        await self._transaction.rows(_HOLD_OWNED, of_user=user_id)
        # a statement of its own: its snapshot is of after the wait
        row = await self._transaction.row(_SOLE, of_user=user_id)
        return None if row is None else row[0]


def _membership_or_none(values: Sequence[Any] | None) -> Membership | None:
    return None if values is None else _membership_from(values)


def _membership_from(values: Sequence[Any]) -> Membership:
    """The membership in the values of `_ROW`."""
    return Membership(
        organization_id=values[0],
        user_id=values[1],
        role=values[2],
        created_at=values[3],
        updated_at=values[4],
    )


if TYPE_CHECKING:
    _: type[MembershipRepository] = PostgresMembershipRepository
