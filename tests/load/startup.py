"""How long a worker takes to be ready, and what it weighs, beside a process that only imports."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.load.bench import Place
from tests.load.client import BenchError
from tests.load.machine import cpu_seconds, on_core, rss_bytes
from tests.load.service import OUR_COMMAND, serving

_IMPORTS = "litestar, advanced_alchemy, asyncpg, redis, joserfc, structlog"
_FLOOR = f"import {_IMPORTS}\nprint(flush=True)\ninput()"
_MEGABYTE = 1_000_000
_IDLE = 1.0


@dataclass(frozen=True)
class Start:
    """One process, or one service, from its spawn until it is ready."""

    seconds: float
    cpu_seconds: float
    rss_mb: float
    seconds_to_worker: float = 0.0


@dataclass(frozen=True)
class Startup:
    """Medians."""

    floor: Start
    ours: Start
    help_seconds: float


def startup(place: Place, repeats: int) -> Startup:
    """Measure the three in turn, all on the service's core.

    Meant to run before there is any data: a start reads back all sessions that ended lately.
    """
    _service(place)  # the first start makes the keys
    floors, ours, helps = [], [], []
    for _ in range(repeats):
        floors.append(_imports(place))
        ours.append(_service(place))
        helps.append(_help(place))
    return Startup(_median(floors), _median(ours), statistics.median(helps))


def _imports(place: Place) -> Start:
    with on_core(place.cores.service):
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", _FLOOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != b"\n":
            raise BenchError(f"cannot import {_IMPORTS}")
        seconds = time.perf_counter() - began
        cpu = cpu_seconds(process.pid)
        rss = rss_bytes(process.pid) / _MEGABYTE
        process.stdin.write(b"\n")
        process.stdin.close()
    return Start(seconds, cpu, rss)


def _service(place: Place) -> Start:
    with serving(
        OUR_COMMAND,
        place.environ,
        core=place.cores.service,
        health="/health",
        log=place.service_log,
    ) as started:
        cpu = cpu_seconds(started.worker) + cpu_seconds(started.supervisor)
        time.sleep(_IDLE)
        rss = rss_bytes(started.worker) / _MEGABYTE
        return Start(started.seconds_to_ready, cpu, rss, started.seconds_to_worker)


def _help(place: Place) -> float:
    with on_core(place.cores.service):
        began = time.perf_counter()
        subprocess.run([OUR_COMMAND[0], "--help"], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


def _median(starts: list[Start]) -> Start:
    def of(value: Callable[[Start], float]) -> float:
        return statistics.median(value(start) for start in starts)

    return Start(
        seconds=of(lambda start: start.seconds),
        cpu_seconds=of(lambda start: start.cpu_seconds),
        rss_mb=of(lambda start: start.rss_mb),
        seconds_to_worker=of(lambda start: start.seconds_to_worker),
    )
