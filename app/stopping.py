"""How a worker stops: it serves on for a while, tells its clients to leave, then finishes.

What it is told, by its supervisor or by whoever signals all processes at once, as a terminal and
systemd do, may come any number of times:

SIGTERM, SIGINT  stop: readiness goes down first
LEAVE            another worker has taken over: the same, but the service stays ready
HURRY            whatever was begun, do not wait any longer

The supervisor loads this module before it forks: nothing of Litestar's is imported here.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog
from granian._granian import WorkerSignal

LEAVE: Final = signal.SIGUSR1
HURRY: Final = signal.SIGUSR2

CLOSING_SECONDS: Final = 4.0
"""Of the whole time: for what runs beside the requests, after the last of them."""
LEAST_LEAVE_SECONDS: Final = 2.0
"""How long a replaced worker serves on at least, so that clients with a connection hear of it."""
_LAST_CALL_SECONDS: Final = 0.5
"""For the requests of who has connected already, once no more connections are taken."""
HURRIED_SECONDS: Final = 1.0
"""What requests get that are under way when somebody hurries."""
_EXIT_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)
_listener: int | None = None


def listens_on(descriptor: int) -> None:
    """In a new worker: the socket whose connections it takes."""
    global _listener  # noqa: PLW0603 - a forked worker has nothing else from its supervisor
    _listener = descriptor


class Stopping:
    """The stop of one worker. Nothing is done for a request until it begins."""

    def __init__(
        self,
        *,
        delay: float,
        timeout: float,
        announce: Callable[[bool], None],
        end_streams: Callable[[], None],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        """``delay`` and ``timeout`` in seconds, both from the signal on.

        ``announce`` learns that it has begun, and whether the service stays ready; ``close``
        releases what the worker holds, and is not called when the server comes to it by itself.
        """
        self._delay = delay
        self._timeout = timeout
        self._announce = announce
        self._end_streams = end_streams
        self._close = close
        self._signal = WorkerSignal()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._begun = self._finishing = False
        self._cutting: asyncio.Task[None] | None = None

    def listen(self, loop: asyncio.AbstractEventLoop) -> WorkerSignal:
        """What tells granian's worker to take no more connections, and to wait for its requests."""
        self._loop = loop
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.begin)
        loop.add_signal_handler(LEAVE, self.leave)
        loop.add_signal_handler(HURRY, self.hurry)
        return self._signal

    def begin(self) -> None:
        """Stop, because the service does."""
        self._start(self._delay, stays_ready=False)

    def leave(self) -> None:
        """Stop, because another worker has taken over."""
        self._start(max(self._delay, LEAST_LEAVE_SECONDS), stays_ready=True)
        _turn_away()

    def hurry(self) -> None:
        """Stop waiting for load balancers, and soon for requests."""
        self._start(0, stays_ready=False)
        self._finish()
        self._later(HURRIED_SECONDS, self._cut)

    def over(self) -> None:
        """The last request is answered: nothing is left to be cut."""
        for timer in self._timers:
            timer.cancel()

    def _start(self, delay: float, *, stays_ready: bool) -> None:
        if self._begun:
            return
        self._begun = True
        self._announce(stays_ready)
        _log.info("worker_stopping", serves_on_seconds=delay, replaced=stays_ready)
        if delay:
            self._later(delay, self._finish)
        else:
            self._finish()
        self._later(self._timeout - CLOSING_SECONDS, self._cut)

    def _finish(self) -> None:
        if not self._finishing:
            self._finishing = True
            self._end_streams()  # granian would wait for them
            _turn_away()
            self._later(_LAST_CALL_SECONDS, self._signal.set)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        if self._loop is not None:
            self._timers.append(self._loop.call_later(seconds, call))

    def _cut(self) -> None:
        if self._loop is not None and self._cutting is None:
            self._cutting = self._loop.create_task(self._cut_off())

    async def _cut_off(self) -> None:
        """End this process, with whatever does not come to an end by itself."""
        with suppress(Exception):  # nothing keeps us here any longer
            async with asyncio.timeout(CLOSING_SECONDS - _EXIT_SECONDS):
                await self._close()
        requests = len(_requests())
        if requests:
            _log.warning(
                "requests_cut",
                requests=requests,
                effect="the time to stop was over; what they had not committed is undone",
            )
        else:
            _log.warning("connections_cut", effect="somebody did not finish asking in time")
        os._exit(0)  # granian would wait for all of them


def _turn_away() -> None:
    """Take no more connections: those that wait are for whoever else has the listening socket.

    granian cannot do only that. When it stops, it closes those that have not asked yet, too, of
    which some were made a moment before. So it goes on with a socket to which nobody comes.
    """
    if _listener is None:
        return
    ours, deaf = os.fstat(_listener).st_ino, socket.socket()
    with deaf:
        deaf.bind(("127.0.0.1", 0))  # a port that nobody is told
        deaf.listen(1)
        deaf.setblocking(False)
        for entry in [*Path("/dev/fd").iterdir()]:
            descriptor = int(entry.name)
            with suppress(OSError):
                if os.fstat(descriptor).st_ino == ours:
                    os.dup2(deaf.fileno(), descriptor, inheritable=False)


def _requests() -> list[asyncio.Task[Any]]:
    """The tasks in which granian runs requests; nobody counts them while they come and go."""
    return [
        task
        for task in asyncio.all_tasks()
        if getattr(task.get_coro(), "__qualname__", "").endswith(".future_watcher")
    ]
