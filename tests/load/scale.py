"""`make bench-scale`: whether a request costs more among a million users and sessions than among a
few, and among ten thousand organizations than among ten.

Two databases on one server, a service for each, rounds in turn. Requests go to users and sessions
drawn from all of them, seldom twice to the same one, so that no handful of rows is hot.
"""

import argparse
import asyncio
import signal
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import asyncpg

from adapters.system import SystemClock
from tests.load.bench import Generator, Place, helper, own_database, servers
from tests.load.client import BenchError
from tests.load.counting import Counter, Counts
from tests.load.crowd import Crowd, Issuer
from tests.load.machine import processor
from tests.load.population import Population, load
from tests.load.report import verdict
from tests.load.rounds import Round, one_round
from tests.load.scenarios import Scenario
from tests.load.service import OUR_COMMAND, Started, serving
from tests.load.tenancy import Tenancy, load_tenants
from tests.load.tenants import Tenants

F = TypeVar("F", Population, Tenancy)
T = TypeVar("T")

RATIO = 1.3
_FEW = Population(users=6_000, sessions=6_000)
_FEW_TENANTS = Tenancy(organizations=10)
_MOST_REQUESTS = 1_700
"""Per round: a session of the few is asked about once in a round, and there are warm-ups."""
_MOST_OF_TENANTS = 400
"""The same of the few organizations, which have 500 people."""
_HEAD = (
    f"{'scenario':<22}{'rows':>10}{'CPU ms':>8}{'p50 ms':>8}{'p99 ms':>8}"
    f"{'(lowest-highest)':>18}{'SQL':>6}{'Redis':>7}"
)


@dataclass(frozen=True)
class Side:
    """A database, the service on it, and its scenarios."""

    filled: Population | Tenancy
    place: Place
    service: Started
    scenarios: Sequence[Scenario]


@dataclass(frozen=True)
class Measured:
    """One scenario on one side."""

    rounds: Sequence[Round]
    counts: Counts

    def median(self, name: str) -> float:
        """Over all rounds."""
        return statistics.median(getattr(each, name) for each in self.rounds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. A figure out of bounds is no error; 1 if something did not run."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with servers() as place:
            for only in ("users", "organizations"):
                if options.only in {None, only}:
                    _compare(place, only, options)
    except BenchError as error:
        _say([f"the benchmark failed: {error}"])
        return 1
    except KeyboardInterrupt:
        _say(["", "stopped"])
        return 130
    return 0


def _compare(place: Place, what: str, options: argparse.Namespace) -> None:
    few: Population | Tenancy = _FEW
    many: Population | Tenancy = Population(options.users, options.sessions, ended_every=20)
    requests = min(options.requests, _MOST_REQUESTS)
    if what == "organizations":
        few, many = _FEW_TENANTS, Tenancy(options.organizations)
        requests = min(requests, _MOST_OF_TENANTS)
    with _sides(place, options, few, many) as (generator, sides):
        _say([*_introduction(options, requests), _HEAD])
        measured = _measure(generator, sides, options.rounds, requests)
    _say([*_report(sides, measured), ""])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.load.scale", description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000, help="%(default)s")
    parser.add_argument("--sessions", type=int, default=1_000_000, help="%(default)s")
    parser.add_argument("--organizations", type=int, default=10_000, help="%(default)s")
    parser.add_argument("--only", choices=("users", "organizations"), help="(both)")
    parser.add_argument("--scenarios", nargs="+", metavar="NAME", help="like check (all)")
    parser.add_argument("--requests", type=int, default=1500, help="per round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="per scenario (%(default)s)")
    parser.add_argument("--connections", type=int, default=8, help="at once (%(default)s)")
    return parser.parse_args(arguments)


def _introduction(options: argparse.Namespace, requests: int) -> Iterable[str]:
    yield (
        f"{processor()}; {options.connections} connections, {options.rounds} rounds of"
        f" {requests}, medians"
    )


@contextmanager
def _sides(
    place: Place, options: argparse.Namespace, *filled: Population | Tenancy
) -> Iterator[tuple[Generator, list[Side]]]:
    """Two databases, and a service on each."""
    with ExitStack() as stack:
        generator = Generator(stack.enter_context(helper(place.cores.rest)), options.connections)
        sides = []
        for each, name in zip(filled, ("few", "many"), strict=True):
            own = own_database(place, f"{name}_{type(each).__name__.lower()}")
            ask = _filled(own, each, generator)
            service = stack.enter_context(
                serving(
                    OUR_COMMAND,
                    own.environ,
                    core=place.cores.service,
                    health="/health",
                    log=place.service_log,
                )
            )
            scenarios = [
                one
                for one in ask(service.port)
                if not options.scenarios or one.name in options.scenarios
            ]
            sides.append(Side(each, own, service, scenarios))
        yield generator, sides


def _filled(
    place: Place, filled: Population | Tenancy, generator: Generator
) -> Callable[[int], Sequence[Scenario]]:
    """Load it; what makes the scenarios of the service at a port."""
    if isinstance(filled, Population):
        crowded = _loaded(place, filled, load)
        return lambda port: Crowd(
            generator, port, filled, crowded, Issuer(place.environ), place.redis
        ).scenarios()
    members = _loaded(place, filled, load_tenants)
    return lambda port: Tenants(generator, port, members, Issuer(place.environ)).scenarios()


def _loaded(
    place: Place, filled: F, fill: Callable[[asyncpg.Connection, F, datetime], Awaitable[list[T]]]
) -> list[T]:
    began = time.perf_counter()

    async def run() -> tuple[list[T], int]:
        connection = await asyncpg.connect(place.database_url)
        # what a load gives up is safety against a power failure in its middle
        await connection.execute("SET synchronous_commit = off")
        drawn = await fill(connection, filled, SystemClock().now())
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
        await connection.execute("CHECKPOINT", timeout=600)
        await connection.close()
        return drawn, size

    drawn, size = asyncio.run(run())
    seconds = time.perf_counter() - began
    _say([f"{filled} loaded in {seconds:.0f} s, {size / 1_000_000:.0f} MB"])
    return drawn


def _measure(
    generator: Generator, sides: Sequence[Side], rounds: int, requests: int
) -> dict[tuple[int, str], Measured]:
    timed: defaultdict[tuple[int, str], list[Round]] = defaultdict(list)
    for number in range(rounds + 1):
        amount = requests if number else requests // 4  # the first is thrown away
        for which in range(len(sides[0].scenarios)):
            # who goes first alternates, or one side would always follow the other's garbage
            for index in (0, 1) if number % 2 else (1, 0):
                side = sides[index]
                scenario = side.scenarios[which]
                done = one_round(scenario, side.service, generator, side.place.redis, amount)
                if number:
                    timed[index, scenario.name].append(done)
    return {
        (index, name): Measured(done, _counts(generator, sides[index], name))
        for (index, name), done in timed.items()
    }


def _counts(generator: Generator, side: Side, name: str) -> Counts:
    (scenario,) = (each for each in side.scenarios if each.name == name)
    return Counter(side.place, generator).count(scenario, side.service)


def _report(sides: Sequence[Side], measured: dict[tuple[int, str], Measured]) -> Iterator[str]:
    for scenario in sides[0].scenarios:
        for index, side in enumerate(sides):
            found = measured[index, scenario.name]
            p99s = [each.p99_ms for each in found.rounds]
            spread = f"({min(p99s):.1f}-{max(p99s):.1f})"
            yield (
                f"{scenario.title:<22}{side.filled.rows:>10,}{found.median('cpu_ms'):>8.3f}"
                f"{found.median('p50_ms'):>8.1f}{found.median('p99_ms'):>8.1f}{spread:>18}"
                f"{found.counts.statements:>6.1f}{found.counts.redis_trips:>7.2f}"
            )
    yield ""
    for scenario in sides[0].scenarios:
        few, many = measured[0, scenario.name], measured[1, scenario.name]
        for label, name in (("p99", "p99_ms"), ("CPU", "cpu_ms")):
            ratio = many.median(name) / few.median(name)
            yield verdict(f"{scenario.title}: {label}, many / few", ratio, RATIO, "x")


def _say(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
