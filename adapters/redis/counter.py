"""Running the scripts that count limits over links that also serve sessions."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

import structlog

from adapters.redis.connection import SharedConnection
from adapters.redis.link import Link
from adapters.redis.trouble import LinkLost, Refused, describe

IN_FLIGHT_LIMIT: Final = 2_000  # far below what makes a link give up: sessions are read over it

_log = structlog.get_logger(__name__)


class Call(NamedTuple):
    """A command whose keys have this hash tag."""

    tag: str
    command: bytes


class Counter(Protocol):
    """Runs scripts where their keys are, and knows when the server does not take them."""

    @property
    def in_use(self) -> bool:
        """Whether the next call will most likely be answered."""

    async def run(self, calls: Sequence[Call]) -> list[object] | None:
        """The answers; None when not all were given."""

    def send(self, calls: Sequence[Call]) -> None:
        """Run them some time, if that is possible."""


class SharedCounter:
    """A `Counter` on one server: what is run together leaves in one batch."""

    def __init__(self, connection: SharedConnection) -> None:
        self._connection = connection
        self._refused_on: int | None = None
        self._in_flight = 0

    @property
    def in_use(self) -> bool:
        """See `Counter.in_use`."""
        link = self._connection.link
        return link is not None and link.serial != self._refused_on

    async def run(self, calls: Sequence[Call]) -> list[object] | None:
        """See `Counter.run`."""
        link = self._connection.link
        if link is None or self._in_flight + len(calls) > IN_FLIGHT_LIMIT:
            return None
        self._in_flight += len(calls)
        try:
            answers = await asyncio.gather(*[link.send(call.command) for call in calls])
        except LinkLost:
            return None
        except Refused as refused:
            self._tell(link, refused)
            return None
        finally:
            self._in_flight -= len(calls)
        self._refused_on = None
        return answers

    def send(self, calls: Sequence[Call]) -> None:
        """See `Counter.send`."""
        link = self._connection.link
        if link is None:
            return
        with suppress(LinkLost):
            for call in calls:
                link.send(call.command)

    def _tell(self, link: Link, refused: Refused) -> None:
        if self._refused_on != link.serial:
            self._refused_on = link.serial
            tell_local(refused)


def tell_local(refused: Refused) -> None:
    """Log that a server takes no scripts of ours."""
    _log.warning(
        "limits_local",
        reason=describe(refused),
        effect="every process counts by itself, more strictly, until Redis takes it again",
    )
