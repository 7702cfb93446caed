"""The roles that organizations make."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Integer,
    Text,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.statement import Statement
from adapters.postgres.tables import invitations, memberships, roles, team_memberships
from adapters.postgres.transaction import Transaction
from auth_core.kernel import ConcurrentUpdate, OrganizationId, RoleId, UserId
from auth_core.roles import CustomRole, RoleRepository

_FIRST = UUID(int=0)
_ROLE = tuple(roles.c)
_HERE = roles.c.organization_id == bindparam("in_organization")
_THIS = roles.c.id == bindparam("role_id")
_CHANGING = ("permissions", "description", "updated_at", "version")

_ADD = Statement(insert(roles))
_GET = Statement(select(*_ROLE).where(_HERE, _THIS))
_FIND = Statement(select(*_ROLE).where(_HERE, roles.c.name == bindparam("name")))
_PAGE = Statement(
    select(*_ROLE)
    .where(_HERE, roles.c.id > bindparam("after"))
    .order_by(roles.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_COUNT = Statement(select(func.count()).select_from(roles).where(_HERE))
_UPDATE = Statement(
    update(roles)
    .where(_HERE, _THIS, roles.c.version == bindparam("stored_version"))
    .values({name: bindparam(name) for name in _CHANGING})
    .returning(roles.c.id)
)
_REMOVE = Statement(delete(roles).where(_HERE, _THIS).returning(roles.c.id))
_PERMITTED = Statement(
    select(roles.c.name, roles.c.permissions).where(
        _HERE, roles.c.name == func.any(bindparam("names", type_=ARRAY(Text)))
    )
)
_HOLDERS = Statement(
    union(
        *(
            select(held.c.user_id).where(
                held.c.organization_id == bindparam("in_organization"),
                held.c.role == bindparam("name"),
            )
            for held in (memberships, team_memberships)
        )
    )
)
_AWAITED = Statement(
    select(
        exists(
            select(invitations.c.id).where(
                invitations.c.organization_id == bindparam("in_organization"),
                invitations.c.role == bindparam("name"),
                invitations.c.accepted_at.is_(None),
                invitations.c.revoked_at.is_(None),
                invitations.c.expires_at > bindparam("now", type_=DateTime(timezone=True)),
            )
        )
    )
)


class PostgresRoleRepository:
    """Roles in the table ``roles``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, role: CustomRole) -> None:
        await self._transaction.defer(
            _ADD,
            id=role.id,
            organization_id=role.organization_id,
            name=role.name,
            description=role.description,
            permissions=role.permissions,
            created_at=role.created_at,
            updated_at=role.updated_at,
            version=role.version,
        )

    async def get(self, organization_id: OrganizationId, role_id: RoleId) -> CustomRole | None:
        row = await self._transaction.row(_GET, in_organization=organization_id, role_id=role_id)
        return None if row is None else _role_from(row)

    async def find(self, organization_id: OrganizationId, name: str) -> CustomRole | None:
        row = await self._transaction.row(_FIND, in_organization=organization_id, name=name)
        return None if row is None else _role_from(row)

    async def page(
        self, organization_id: OrganizationId, *, after: RoleId | None = None, limit: int = 100
    ) -> list[CustomRole]:
        rows = await self._transaction.rows(
            _PAGE, in_organization=organization_id, after=after or _FIRST, limit=limit
        )
        return [_role_from(row) for row in rows]

    async def count(self, organization_id: OrganizationId) -> int:
        row = await self._transaction.row(_COUNT, in_organization=organization_id)
        return 0 if row is None else int(row[0])

    async def update(self, role: CustomRole) -> None:
        row = await self._transaction.row(
            _UPDATE,
            in_organization=role.organization_id,
            role_id=role.id,
            stored_version=role.version - 1,
            **{name: getattr(role, name) for name in _CHANGING},
        )
        if row is None:
            raise ConcurrentUpdate

    async def remove(self, organization_id: OrganizationId, role_id: RoleId) -> bool:
        row = await self._transaction.row(_REMOVE, in_organization=organization_id, role_id=role_id)
        return row is not None

    async def permitted(
        self, organization_id: OrganizationId, names: Collection[str]
    ) -> Mapping[str, tuple[str, ...]]:
        rows = await self._transaction.rows(
            _PERMITTED, in_organization=organization_id, names=list(names)
        )
        return {row[0]: tuple(row[1]) for row in rows}

    async def holders(self, organization_id: OrganizationId, name: str) -> list[UserId]:
        rows = await self._transaction.rows(_HOLDERS, in_organization=organization_id, name=name)
        return sorted(row[0] for row in rows)

    async def is_awaited(self, organization_id: OrganizationId, name: str, now: datetime) -> bool:
        row = await self._transaction.row(
            _AWAITED, in_organization=organization_id, name=name, now=now
        )
        return row is not None and bool(row[0])


def _role_from(values: Sequence[Any]) -> CustomRole:
    """The role in the values of `_ROLE`."""
    return CustomRole(
        id=values[0],
        organization_id=values[1],
        name=values[2],
        description=values[3],
        permissions=tuple(values[4]),
        created_at=values[5],
        updated_at=values[6],
        version=values[7],
    )


if TYPE_CHECKING:
    _: type[RoleRepository] = PostgresRoleRepository
