"""Teams, and who is in them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql

from adapters.postgres.statement import Statement
from adapters.postgres.tables import team_memberships, teams, users
from adapters.postgres.transaction import Transaction
from auth_core.kernel import ConcurrentUpdate, OrganizationId, TeamId, UserId
from auth_core.organizations import Team, TeamMember, TeamMembership, TeamRepository

_FIRST = UUID(int=0)
_TEAM = tuple(teams.c)
_HERE = teams.c.organization_id == bindparam("in_organization")
_THIS = teams.c.id == bindparam("team")

_ADD = Statement(insert(teams))
_ORGANIZATION_OF = Statement(select(teams.c.organization_id).where(_THIS))
_GET = Statement(select(*_TEAM).where(_HERE, _THIS))
_PAGE = Statement(
    select(*_TEAM)
    .where(_HERE, teams.c.id > bindparam("after"))
    .order_by(teams.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_COUNT = Statement(select(func.count()).select_from(teams).where(_HERE))
_UPDATE = Statement(
    update(teams)
    .where(_HERE, _THIS, teams.c.version == bindparam("stored_version"))
    .values({name: bindparam(name) for name in ("name", "updated_at", "version")})
    .returning(teams.c.id)
)
_REMOVE = Statement(delete(teams).where(_HERE, _THIS).returning(teams.c.id))

_members = team_memberships.c
_MEMBER = (
    _members.organization_id,
    _members.team_id,
    _members.user_id,
    _members.role,
    _members.created_at,
)
_IN_TEAM = (
    _members.organization_id == bindparam("in_organization"),
    _members.team_id == bindparam("team"),
)
_THEIRS = _members.user_id == bindparam("of_user")
_GET_MEMBER = Statement(select(*_MEMBER).where(*_IN_TEAM, _THEIRS))
_put = postgresql.insert(team_memberships).values(
    {column.name: bindparam(column.name) for column in _MEMBER}
)
_PUT_MEMBER = Statement(
    _put.on_conflict_do_update(
        index_elements=[_members.organization_id, _members.team_id, _members.user_id],
        set_={"role": _put.excluded.role},
    )
)
_MEMBERS = Statement(
    select(*_MEMBER, users.c.username, users.c.display_name)
    .join(users, users.c.id == _members.user_id)
    .where(*_IN_TEAM, _members.user_id > bindparam("after"))
    .order_by(_members.user_id)
    .limit(bindparam("limit", type_=Integer))
)
_REMOVE_MEMBER = Statement(delete(team_memberships).where(*_IN_TEAM, _THEIRS).returning(*_MEMBER))
_MEMBERSHIPS_OF = Statement(
    select(*_MEMBER)
    .where(_members.organization_id == bindparam("in_organization"), _THEIRS)
    .order_by(_members.team_id)
)


class PostgresTeamRepository:
    """Teams in ``teams``, their members in ``team_memberships``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, team: Team) -> None:
        await self._transaction.defer(
            _ADD,
            id=team.id,
            organization_id=team.organization_id,
            name=team.name,
            created_at=team.created_at,
            updated_at=team.updated_at,
            version=team.version,
        )

    async def organization_of(self, team_id: TeamId) -> OrganizationId | None:
        row = await self._transaction.row(_ORGANIZATION_OF, team=team_id)
        return None if row is None else row[0]

    async def get(self, organization_id: OrganizationId, team_id: TeamId) -> Team | None:
        row = await self._transaction.row(_GET, in_organization=organization_id, team=team_id)
        return None if row is None else _team_from(row)

    async def page(
        self, organization_id: OrganizationId, *, after: TeamId | None = None, limit: int = 100
    ) -> list[Team]:
        rows = await self._transaction.rows(
            _PAGE, in_organization=organization_id, after=after or _FIRST, limit=limit
        )
        return [_team_from(row) for row in rows]

    async def count(self, organization_id: OrganizationId) -> int:
        row = await self._transaction.row(_COUNT, in_organization=organization_id)
        return 0 if row is None else int(row[0])

    async def update(self, team: Team) -> None:
        row = await self._transaction.row(
            _UPDATE,
            in_organization=team.organization_id,
            team=team.id,
            stored_version=team.version - 1,
            name=team.name,
            updated_at=team.updated_at,
            version=team.version,
        )
        if row is None:
            raise ConcurrentUpdate

    async def remove(self, organization_id: OrganizationId, team_id: TeamId) -> bool:
        removed = await self._transaction.row(
            _REMOVE, in_organization=organization_id, team=team_id
        )
        return removed is not None

    async def put_member(self, membership: TeamMembership) -> TeamMembership | None:
        before = await self._transaction.row(
            _GET_MEMBER,
            in_organization=membership.organization_id,
            team=membership.team_id,
            of_user=membership.user_id,
        )
        await self._transaction.write(
            _PUT_MEMBER,
            organization_id=membership.organization_id,
            team_id=membership.team_id,
            user_id=membership.user_id,
            role=membership.role,
            created_at=membership.created_at,
        )
        return None if before is None else _membership_from(before)

    async def members(
        self,
        organization_id: OrganizationId,
        team_id: TeamId,
        *,
        after: UserId | None = None,
        limit: int = 100,
    ) -> list[TeamMember]:
        rows = await self._transaction.rows(
            _MEMBERS,
            in_organization=organization_id,
            team=team_id,
            after=after or _FIRST,
            limit=limit,
        )
        return [
            TeamMember(membership=_membership_from(row), username=row[5], display_name=row[6])
            for row in rows
        ]

    async def remove_member(
        self, organization_id: OrganizationId, team_id: TeamId, user_id: UserId
    ) -> TeamMembership | None:
        row = await self._transaction.row(
            _REMOVE_MEMBER, in_organization=organization_id, team=team_id, of_user=user_id
        )
        return None if row is None else _membership_from(row)

    async def memberships_of(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> list[TeamMembership]:
        rows = await self._transaction.rows(
            _MEMBERSHIPS_OF, in_organization=organization_id, of_user=user_id
        )
        return [_membership_from(row) for row in rows]


def _team_from(values: Sequence[Any]) -> Team:
    """The team in the values of `_TEAM`."""
    return Team(
        id=values[0],
        organization_id=values[1],
        name=values[2],
        created_at=values[3],
        updated_at=values[4],
        version=values[5],
    )


def _membership_from(values: Sequence[Any]) -> TeamMembership:
    """The membership in the values of `_MEMBER`."""
    return TeamMembership(
        organization_id=values[0],
        team_id=values[1],
        user_id=values[2],
        role=values[3],
        created_at=values[4],
    )


if TYPE_CHECKING:
    _: type[TeamRepository] = PostgresTeamRepository
