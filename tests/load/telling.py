"""Whether the time of an answer tells who has an account (SEC-01, SEC-02), with the real hash.

One request at a time on a service that does nothing else. Each round asks once for every kind of
account, in random order and each for an account of its own, so that whatever else a machine does
falls on all kinds alike.
"""

import asyncio
import json
import random
import statistics
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from uuid import UUID

import asyncpg

from adapters.crypto import Argon2Hasher
from adapters.system import SystemClock
from auth_core.kernel import Secret, uuid7
from tests.load.asking import Asked, ask
from tests.load.bench import Place, helper, own_database
from tests.load.client import request
from tests.load.population import USER_COLUMNS
from tests.load.service import OUR_COMMAND, serving

_API = "/api/v1/auth"
_WARM = 40
_Z95 = 1.959964
_SETTINGS = {
    "ENVIRONMENT": "production",
    "REGISTRATION_MODE": "verified",
    "AUTH_EMAIL_SIGN_IN": "true",
    "RATE_LIMIT_ENABLED": "false",  # one address asks, thousands of times
    "AUTH_ARGON2_MEMORY_KIB": "19456",
    "AUTH_ARGON2_TIME_COST": "2",
}
_UNKNOWN = "nobody"
_STATUS = {"person": "active", "absent": "disabled"}
"""Accounts by the beginning of their names, which are all of one length."""


@dataclass(frozen=True)
class Flow:
    """A request that somebody sends for an account, and the kinds of account to tell apart."""

    name: str
    path: str
    status: int
    kinds: tuple[str, ...]
    with_password: bool = False
    with_name: bool = False


FLOWS = (
    Flow("login, refused", "login", 401, (_UNKNOWN, "person", "absent"), with_password=True),
    Flow("forgot password", "forgot-password", 202, (_UNKNOWN, "person")),
    Flow("sign-in link", "sign-in/link", 202, (_UNKNOWN, "person")),
    Flow("registration", "register", 202, (_UNKNOWN, "person"), True, True),
)


@dataclass(frozen=True)
class Auc:
    """How often one kind takes longer than another (Mann-Whitney), with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def distance(self) -> float:
        """The same, whichever of the two takes longer: 0.5 is no difference."""
        return max(self.value, 1 - self.value)


@dataclass(frozen=True)
class Told:
    """One kind of account beside one that nobody has: by the time at the client, and by the CPU
    time of the worker until then. Medians in milliseconds, nobody's first.
    """

    flow: str
    kind: str
    samples: int
    time: Auc
    cpu: Auc
    time_ms: tuple[float, float]
    cpu_ms: tuple[float, float]


def telling(place: Place, samples: int) -> Iterator[Told]:
    """Ask all flows, each ``samples`` times for every kind. Raises BenchError."""
    own = own_database(place, "telling", **_SETTINGS)
    asyncio.run(_move_in(own.database_url, samples + _WARM))
    core = place.cores.service
    with (
        serving(
            OUR_COMMAND, own.environ, core=core, health="/health", log=place.service_log
        ) as service,
        helper(place.cores.rest) as pool,
    ):
        for flow in FLOWS:
            asked = Asked(service.port, service.worker, flow.status, _rounds(flow, samples))
            yield from _compared(flow, samples, pool.submit(ask, asked).result())


def auc(one: Sequence[float], other: Sequence[float]) -> Auc:
    """How often ``other`` is above ``one``; the interval is that of DeLong et al. (1988)."""
    below, above = sorted(one), sorted(other)
    of_other = [_share_below(below, each) for each in other]
    of_one = [1 - _share_below(above, each) for each in one]
    value = statistics.fmean(of_other)
    error = sqrt(
        statistics.variance(of_other) / len(other) + statistics.variance(of_one) / len(one)
    )
    return Auc(value, value - _Z95 * error, value + _Z95 * error)


def _share_below(ordered: Sequence[float], value: float) -> float:
    return (bisect_left(ordered, value) + bisect_right(ordered, value)) / 2 / len(ordered)


def _compared(
    flow: Flow, samples: int, answers: Sequence[tuple[str, float, float]]
) -> Iterator[Told]:
    times: Mapping[str, list[float]] = defaultdict(list)
    cpu: Mapping[str, list[float]] = defaultdict(list)
    for kind, seconds, cpu_seconds in answers[_WARM * len(flow.kinds) :]:
        times[kind].append(seconds * 1000)
        cpu[kind].append(cpu_seconds * 1000)
    first, *others = flow.kinds
    for kind in others:
        yield Told(
            flow.name,
            kind,
            samples,
            auc(times[first], times[kind]),
            auc(cpu[first], cpu[kind]),
            (statistics.median(times[first]), statistics.median(times[kind])),
            (statistics.median(cpu[first]), statistics.median(cpu[kind])),
        )


def _rounds(flow: Flow, samples: int) -> list[tuple[str, bytes]]:
    chance = random.Random(flow.name)
    found: list[tuple[str, bytes]] = []
    for number in range(_WARM + samples):
        kinds = list(flow.kinds)
        chance.shuffle(kinds)
        found += [(kind, _request(flow, kind, number)) for kind in kinds]
    return found


def _request(flow: Flow, kind: str, number: int) -> bytes:
    body = {"email": _address(kind, number)}
    if flow.with_password:
        body["password"] = "nine lanterns over a harbour"
    if flow.with_name:
        body["username"] = f"newcomer.{kind}.{number:06}"
    return request("POST", f"{_API}/{flow.path}", body=json.dumps(body).encode())


def _address(kind: str, number: int) -> str:
    return f"{kind}.{number:06}@example.com"


async def _move_in(url: str, amount: int) -> None:
    """Accounts of every kind that is one, with a hash of the usual cost that nothing matches."""
    password_hash = (
        await Argon2Hasher(threads=1).hash(Secret(random.randbytes(16).hex()))
    ).reveal()
    now, chance = SystemClock().now(), random.Random(amount)
    users: list[tuple[object, ...]] = []
    credentials: list[tuple[UUID, str, datetime]] = []
    for kind, status in _STATUS.items():
        for number in range(amount):
            user_id = uuid7(int(now.timestamp() * 1000), chance.randbytes(10))
            name, address = f"{kind}.{number:06}", _address(kind, number)
            users.append(
                (user_id, name, address, True, "One of Many", status, ["user"], False, now, now, 1)
            )
            credentials.append((user_id, password_hash, now))
    connection = await asyncpg.connect(url)
    try:
        await connection.copy_records_to_table("users", records=users, columns=USER_COLUMNS)
        await connection.copy_records_to_table(
            "password_credentials",
            records=credentials,
            columns=("user_id", "password_hash", "updated_at"),
        )
        await connection.execute("VACUUM (ANALYZE) users, password_credentials")
    finally:
        await connection.close()
