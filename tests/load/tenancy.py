"""Organizations with their members, as many as a deployment may come to have.

`COPY` through asyncpg, as in `population`. Everybody belongs to two organizations, so that there is
one to switch to, and has one session, which acts in the first.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from auth_core.kernel import SessionId, UserId, uuid7
from tests.load.population import SESSION_COLUMNS, USER_COLUMNS, Crowded, user_row

_SESSION_LIFE = timedelta(days=30)
_DRAWN = 60_000
_ORGANIZATION_COLUMNS = ("id", "name", "slug", "settings", "created_at", "updated_at", "version")
_MEMBERSHIP_COLUMNS = ("organization_id", "user_id", "role", "created_at", "updated_at")
_TABLES = "users, organizations, memberships, sessions"


@dataclass(frozen=True)
class Tenancy:
    """How many organizations, each with so many members; half as many people as memberships."""

    organizations: int
    members: int = 100
    seed: int = 20_261_125

    @property
    def people(self) -> int:
        """How many there are."""
        return self.organizations * self.members // 2

    @property
    def rows(self) -> int:
        """What tells the two sides of a comparison apart."""
        return self.organizations

    def __str__(self) -> str:
        return f"{self.organizations:,} organizations of {self.members} members"


@dataclass(frozen=True)
class Belonging(Crowded):
    """Somebody's live session, and the two organizations that they belong to."""

    organizations: tuple[UUID, UUID]


async def load_tenants(
    connection: asyncpg.Connection, tenancy: Tenancy, now: datetime
) -> list[Belonging]:
    """Fill the empty tables and ANALYZE them; the sessions of some people, drawn from all."""
    chance = random.Random(tenancy.seed)
    begin = now - _SESSION_LIFE / 2
    tenants = list(_ids(chance, tenancy.organizations, begin, now))
    users = list(_ids(chance, tenancy.people, begin, now))
    pairs = _dealt(chance, tenants, tenancy.members // 2)
    sessions = [
        Belonging(SessionId(each), UserId(user), _moment(each), pair)
        for each, user, pair in zip(
            _ids(chance, tenancy.people, begin, now), users, pairs, strict=True
        )
    ]
    copies = (
        ("users", USER_COLUMNS, (user_row(number, each) for number, each in enumerate(users))),
        ("organizations", _ORGANIZATION_COLUMNS, map(_organization, tenants)),
        ("memberships", _MEMBERSHIP_COLUMNS, _memberships(sessions)),
        ("sessions", (*SESSION_COLUMNS, "organization_id", "scopes"), _rows(sessions, now)),
    )
    for table, columns, records in copies:
        await connection.copy_records_to_table(table, records=records, columns=columns, timeout=600)
    await connection.execute(f"VACUUM (ANALYZE) {_TABLES}", timeout=600)
    return chance.sample(sessions, min(len(sessions), _DRAWN))


def _dealt(chance: random.Random, tenants: list[UUID], seats: int) -> list[tuple[UUID, UUID]]:
    """Two different organizations for everybody, so that each has twice ``seats`` members.

    The second lies at a distance that goes with the seat: every place is taken exactly once.
    """
    distances = [chance.randrange(1, len(tenants)) for _ in range(seats)]
    return [
        (each, tenants[(number + distance) % len(tenants)])
        for number, each in enumerate(tenants)
        for distance in distances
    ]


def _ids(chance: random.Random, amount: int, begin: datetime, end: datetime) -> Iterator[UUID]:
    step = (end - begin) / max(amount, 1)
    for number in range(amount):
        at = begin + step * number
        yield uuid7(int(at.timestamp() * 1000), chance.randbytes(10))


def _moment(uuid: UUID) -> datetime:
    return datetime.fromtimestamp((uuid.int >> 80) / 1000, UTC)


def _organization(organization_id: UUID) -> tuple[object, ...]:
    at = _moment(organization_id)
    return organization_id, "One of Many", f"o-{organization_id.hex[8:]}", "{}", at, at, 1


def _memberships(sessions: list[Belonging]) -> Iterator[tuple[object, ...]]:
    for each in sessions:
        for organization_id in each.organizations:
            yield organization_id, each.user_id, "member", each.created_at, each.created_at


def _rows(sessions: list[Belonging], now: datetime) -> Iterator[tuple[object, ...]]:
    end = now + _SESSION_LIFE / 2
    for each in sessions:
        yield (
            *(each.session_id, each.user_id, each.created_at, end, end, each.created_at),
            *("Firefox on Linux", None, None, each.organizations[0], ["personal", "team"]),
        )
