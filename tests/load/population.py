"""A great many users and sessions, as a year would leave them behind.

`COPY` through asyncpg. The ids are UUIDv7 spread over the year, as the service would have made
them, so that the indexes grow in the order in which they would have grown.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from auth_core.kernel import SessionId, UserId, uuid7

_YEAR = timedelta(days=365)
_SESSION_LIFE = timedelta(days=30)
USER_COLUMNS = (
    "id",
    "username",
    "email",
    "email_verified",
    "display_name",
    "status",
    "roles",
    "is_dev_user",
    "created_at",
    "updated_at",
    "version",
)
SESSION_COLUMNS = (
    "id",
    "user_id",
    "created_at",
    "expires_at",
    "absolute_expires_at",
    "last_used_at",
    "user_agent",
    "ended_at",
    "end_reason",
)
_DRAWN = 60_000
_Row = tuple[object, ...]


@dataclass(frozen=True)
class Population:
    """How many rows. Every ``ended_every``th session is over, none if that is 0.

    A user is given ``sessions / users`` sessions, at random: some have none, some several.
    """

    users: int
    sessions: int
    ended_every: int = 0
    seed: int = 20_261_124

    @property
    def rows(self) -> int:
        """What tells the two sides of a comparison apart."""
        return self.users

    def __str__(self) -> str:
        return f"{self.users:,} users and {self.sessions:,} sessions"


@dataclass(frozen=True)
class Crowded:
    """A live session among the many."""

    session_id: SessionId
    user_id: UserId
    created_at: datetime


def username(number: int) -> str:
    """The name of the user with this number; names are never handed out in the order of ids."""
    return f"crowd.{number:08}"


async def load(
    connection: asyncpg.Connection, population: Population, now: datetime
) -> list[Crowded]:
    """Fill the empty tables and ANALYZE them; some live sessions, drawn at random from all."""
    drawn: list[Crowded] = []
    chance = random.Random(population.seed)
    ids = [_id(chance, moment) for moment in _moments(population.users, now - _YEAR, now)]
    await connection.copy_records_to_table(
        "users",
        records=(user_row(number, each) for number, each in enumerate(ids)),
        columns=USER_COLUMNS,
        timeout=600,
    )
    await connection.copy_records_to_table(
        "sessions",
        records=_sessions(ids, population, chance, now, drawn),
        columns=SESSION_COLUMNS,
        timeout=600,
    )
    await connection.execute("VACUUM (ANALYZE) users, sessions", timeout=600)
    chance.shuffle(drawn)
    return drawn


def _moments(amount: int, begin: datetime, end: datetime) -> Iterator[datetime]:
    step = (end - begin) / max(amount, 1)
    return (begin + step * number for number in range(amount))


def _id(chance: random.Random, moment: datetime) -> UUID:
    return uuid7(int(moment.timestamp() * 1000), chance.randbytes(10))


def user_row(number: int, user_id: UUID) -> _Row:
    """The values of `USER_COLUMNS`; ``number`` is that of the name."""
    name = username(number)
    created = _created(user_id)
    address = f"{name}@example.com"
    return (
        *(user_id, name, address, False, "One of Many", "active", ["user"], True),
        *(created, created, 1),
    )


def _sessions(
    ids: list[UUID],
    population: Population,
    chance: random.Random,
    now: datetime,
    drawn: list[Crowded],
) -> Iterator[_Row]:
    """Sessions that were begun within the longest life of one, so that most are live."""
    begin = now - _SESSION_LIFE
    for number, created in enumerate(_moments(population.sessions, begin, now)):
        over = population.ended_every and number % population.ended_every == 0
        session_id, user_id = _id(chance, created), chance.choice(ids)
        if not over and chance.randrange(population.sessions) < _DRAWN:
            drawn.append(Crowded(SessionId(session_id), UserId(user_id), created))
        yield (
            session_id,
            user_id,
            created,
            now + _SESSION_LIFE / 2,
            created + _SESSION_LIFE + _SESSION_LIFE,
            created,
            "Firefox on Linux",
            created if over else None,
            "logout" if over else None,
        )


def _created(user_id: UUID) -> datetime:
    return datetime.fromtimestamp((user_id.int >> 80) / 1000, UTC)
