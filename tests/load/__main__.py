"""`make bench`, or `python -m tests.load --help`."""

import argparse
import signal
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from types import FrameType
from typing import NoReturn

from tests.load.bench import Place, servers
from tests.load.checking import checking
from tests.load.client import BenchError
from tests.load.deciding import deciding
from tests.load.machine import processor
from tests.load.relaying import relaying
from tests.load.report import (
    TOLD_HEAD,
    Findings,
    checking_lines,
    deciding_lines,
    relaying_lines,
    start_lines,
    table,
    told_line,
    verdicts,
    verifying_lines,
)
from tests.load.session import session
from tests.load.startup import startup
from tests.load.telling import telling
from tests.load.verifying import verifying

NAMES = (
    "get",
    "get-redis",
    "post",
    "post-insert",
    "me",
    "check",
    "login",
    "register",
    "password-login",
    "password-register",
    "refresh",
    "refresh-es256",
    "introspect",
    "logout",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. A figure out of bounds is no error; 1 if something did not run."""
    options = _options(arguments)
    if sys.platform != "linux":
        _say(["the benchmark needs Linux: it pins processes and reads their clocks"])
        return 1
    signal.signal(signal.SIGTERM, _end)
    found = Findings()
    try:
        with servers() as place:
            _say(_introduction(place, options))
            _without_load(place, options, found)
            _under_load(place, options, found)
    except BenchError as error:
        _say([f"the benchmark failed: {error}"])
        return 1
    except KeyboardInterrupt:
        _say(["", "stopped"])
        return 130
    _say(["", *verdicts(found)])
    return 0


def _without_load(place: Place, options: argparse.Namespace, found: Findings) -> None:
    """What is measured by itself, or one request at a time."""
    if "start" in options.only:
        found.startup = startup(place, options.starts)
        _say(["", *start_lines(found.startup)])
    if "verify" in options.only:
        found.verifying = verifying(place)
        _say(["", *verifying_lines(found.verifying)])
    if "decide" in options.only:
        found.deciding = deciding(place)
        _say(["", *deciding_lines(found.deciding)])
    if "policy" in options.only:
        found.checking = checking(place)
        _say(["", *checking_lines(found.checking)])
    if "relay" in options.only:
        found.relaying = relaying(place)
        _say(["", *relaying_lines(found.relaying)])
    if "tell" in options.only:
        _say(["", TOLD_HEAD])
        for told in telling(place, options.samples):
            found.told.append(told)
            _say([told_line(told)])


def _under_load(place: Place, options: argparse.Namespace, found: Findings) -> None:
    """What many requests at once cost."""
    wanted = [name for name in NAMES if name in options.only]
    if wanted:
        with session(place, connections=options.connections) as under_way:
            under_way.measure(wanted, options.rounds, options.requests, found)
            _say(["", *table(under_way.chosen(wanted), found)])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parts = (*NAMES, "start", "verify", "decide", "policy", "relay", "tell")
    parser = argparse.ArgumentParser("python -m tests.load", description=__doc__)
    parser.add_argument("--requests", type=int, default=1500, help="per round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="per scenario (%(default)s)")
    parser.add_argument("--connections", type=int, default=32, help="at once (%(default)s)")
    parser.add_argument("--starts", type=int, default=5, help="start-ups (%(default)s)")
    parser.add_argument("--samples", type=int, default=2000, help="of each kind (%(default)s)")
    parser.add_argument(
        "--only", nargs="+", choices=parts, default=parts, metavar="NAME", help=", ".join(parts)
    )
    parser.add_argument("--quick", action="store_true", help="a rough look: 400 requests, twice")
    options = parser.parse_args(arguments)
    if options.quick:
        options.requests, options.rounds, options.starts = 400, 2, 1
        options.samples = 200
    return options


def _introduction(place: Place, options: argparse.Namespace) -> Iterable[str]:
    packages = ("litestar", "granian", "uvloop", "msgspec", "asyncpg", "redis", "joserfc")
    cores = place.cores
    yield f"{processor()}, Python {sys.version.split()[0]}, " + ", ".join(
        f"{package} {version(package)}" for package in packages
    )
    yield (
        f"service on core {cores.service}, servers and load generator on core {cores.rest}; "
        f"{options.connections} connections, {options.rounds} rounds of {options.requests}, medians"
    )
    if cores.shared:
        yield "only one core may be used: service and load disturb each other"


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _say(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
