"""What people were granted: their roles in organizations and teams, in one column."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Uuid,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    text,
    union,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from adapters.postgres.statement import Statement
from adapters.postgres.tables import (
    ABOUT_GRANTS,
    memberships,
    organizations,
    outbox,
    roles,
    team_memberships,
)
from adapters.postgres.transaction import Transaction
from auth_core.access import Grants
from auth_core.kernel import UserId
from auth_core.roles import GrantsChange, GrantsReader

_decode = msgspec.json.Decoder(Grants).decode


def _objects(order: ColumnElement[UUID], **members: ColumnElement[Any]) -> ColumnElement[str]:
    """The rows of a group as one JSON array of objects."""
    pairs = (
        part for name, value in members.items() for part in (literal_column(f"'{name}'"), value)
    )
    return func.jsonb_agg(aggregate_order_by(func.jsonb_build_object(*pairs), order))


def grants_column(user_id: ColumnElement[UUID]) -> ColumnElement[str]:
    """All that a person was granted, as `grants_from` reads it: one more column of a query."""
    team_roles = roles.alias("team_roles")
    in_teams = (
        select(
            _objects(
                team_memberships.c.team_id,
                team_id=team_memberships.c.team_id,
                role=team_memberships.c.role,
                permissions=func.to_jsonb(team_roles.c.permissions),
            )
        )
        .select_from(team_memberships)
        .outerjoin(team_roles, _is_held(team_roles, team_memberships))
        .where(
            team_memberships.c.user_id == memberships.c.user_id,
            team_memberships.c.organization_id == memberships.c.organization_id,
        )
        .scalar_subquery()
    )
    return (
        select(
            _objects(
                memberships.c.organization_id,
                organization_id=memberships.c.organization_id,
                name=organizations.c.name,
                role=memberships.c.role,
                permissions=func.to_jsonb(roles.c.permissions),
                teams=func.coalesce(in_teams, literal_column("'[]'::jsonb")),
                active=organizations.c.delete_after.is_(None),
            )
        )
        .select_from(memberships)
        .join(organizations, organizations.c.id == memberships.c.organization_id)
        .outerjoin(roles, _is_held(roles, memberships))
        .where(memberships.c.user_id == user_id)
        .scalar_subquery()
    )


def _is_held(role: FromClause, held: FromClause) -> ColumnElement[bool]:
    """The role that the organization made by the name that is held; none for a built-in one."""
    return and_(role.c.organization_id == held.c.organization_id, role.c.name == held.c.role)


def grants_from(value: str | None) -> Grants:
    """The grants in the value of `grants_column`."""
    return () if value is None else _decode(value)


# A person's grants are of all of their tenants.
_OF = Statement(select(grants_column(bindparam("of_user", type_=Uuid))), crosses_tenants=True)
# By the primary key: an id begins with the time of its making (RFC 9562 §5.7).
_RECENT: Final = (outbox.c.id >= bindparam("since_id", type_=Uuid), text(ABOUT_GRANTS))
_CHANGED_SINCE = Statement(
    union(
        select(outbox.c.id, outbox.c.user_id).where(*_RECENT, outbox.c.user_id.is_not(None)),
        select(outbox.c.id, memberships.c.user_id)
        .join(memberships, memberships.c.organization_id == outbox.c.organization_id)
        .where(*_RECENT, outbox.c.user_id.is_(None)),
    ),
    crosses_tenants=True,
)


class PostgresGrantsReader:
    """Grants in the tables of organizations; their changes in the outbox."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def of(self, user_id: UserId) -> Grants:
        row = await self._transaction.row(_OF, of_user=user_id)
        return grants_from(None if row is None else row[0])

    async def changed_since(self, since: datetime) -> Sequence[GrantsChange]:
        since_id = UUID(int=(since - _EPOCH) // timedelta(milliseconds=1) << 80)
        rows = await self._transaction.rows(_CHANGED_SINCE, since_id=since_id)
        return [GrantsChange(row[0], row[1]) for row in rows]


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


if TYPE_CHECKING:
    _: type[GrantsReader] = PostgresGrantsReader
