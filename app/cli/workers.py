"""The worker processes of `fm-auth serve`: started, replaced, stopped. Slow to import: granian.

A worker that ends by itself is replaced. SIGHUP replaces all, one after another: the next one is
ready before the one in its place is told to leave. SIGTERM and SIGINT stop all, twice hurries.
"""

import gc
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from typing import Any, Final

import structlog
from granian import Granian
from granian._granian import ListenerSpec, SocketHolder

from app import start_report
from app.cli.connections import bound
from app.cli.supervision import NO_FORK
from app.start_report import EXIT_MISCONFIGURED
from app.stopping import HURRY, LEAVE, listens_on

START_SECONDS: Final = 60.0
"""How long a worker that replaces another may take to become ready."""
LONGEST_PAUSE: Final = 30.0
"""Between attempts to replace workers that end; the first is made at once."""
STEADY_SECONDS: Final = 30.0
"""After so long without such an end the next one is a first one again."""
_PACKAGE: Final = "fm-auth-service"
_HURRIED_SECONDS: Final = 4.0
_LOOK_SECONDS: Final = 0.1

_log = structlog.get_logger(__name__)


class Workers(Granian):  # type: ignore[misc, valid-type]  # made at runtime
    """granian, with a loop of our own above its workers."""

    patience: float = 25.0
    """Seconds from a signal until a worker that has not ended is killed."""

    _spawn: Callable[[int], Any]
    _told_to_replace = False
    _signals = 0

    def _init_shared_socket(self) -> None:
        # One for each worker, so that the kernel spreads connections over them, and kept open here:
        # those that wait for a worker that ends are then taken by the next one, not reset.
        specs = [ListenerSpec(self.bind_addr, self.bind_port, self.backlog)] * self.workers
        self._listeners = [socket.socket(fileno=spec.build().get_fd()) for spec in specs]
        for listener in self._listeners:
            bound(listener)
        self._shd: Any = None
        self._sso = None
        self._version = version(_PACKAGE)
        self._ready: set[int] = set()
        self._has_started = False
        self._revivals, self._next_revival = 0, 0.0
        self._leaving: list[Any] = []

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:
        listener = self._listeners[idx]
        self._shd = SocketHolder(listener.fileno(), False, self.backlog)  # type: ignore[call-arg]
        others = [each.fileno() for each in self._listeners if each is not listener]
        load = partial(_load, listener.fileno(), others, self._version, callback_loader)
        return super()._spawn_worker(idx, target, load)

    def _drop_shared_socket(self) -> None:
        # from now on who connects to a worker that takes no more is told so at once
        for listener in self._listeners:
            listener.close()

    def signal_handler_interrupt(self, *arguments: Any) -> None:
        self._signals += 1
        super().signal_handler_interrupt(*arguments)

    def signal_handler_reload(self, *_: Any) -> None:
        self._told_to_replace = True
        self.main_loop_interrupt.set()

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        self._spawn = partial(
            self._spawn_worker, target=spawn_target, callback_loader=target_loader
        )
        while self._goes_on():
            if self._told_to_replace:
                self._told_to_replace = False
                self._replace_all()
            self.main_loop_interrupt.wait(_LOOK_SECONDS)
            self.main_loop_interrupt.clear()

    def _goes_on(self) -> bool:
        """See to workers that have ended; whether to go on.

        Not when one ends during the first start, nor when none is left and none becomes ready.
        """
        if self.interrupt_signal:
            return False
        self._ready |= start_report.heard_ready()
        self._has_started |= all(worker.inner.pid in self._ready for worker in self.wrks)
        ended = [worker for worker in self.wrks if not worker.is_alive()]
        if not ended:
            return True
        never_ready = [worker.idx for worker in ended if worker.inner.pid not in self._ready]
        if never_ready and (len(ended) == len(self.wrks) or not self._has_started):
            self.interrupt_children = never_ready
            return False
        self._revive(ended)
        return True

    def _revive(self, ended: list[Any]) -> None:
        now = time.monotonic()
        if now < self._next_revival:
            return
        if now > self._next_revival + STEADY_SECONDS:
            self._revivals = 0
        self._next_revival = now + min(2.0**self._revivals, LONGEST_PAUSE)
        self._revivals += 1
        for worker in ended:
            _log.error(
                "worker_ended",
                worker=worker.idx + 1,
                exit_code=worker.inner.exitcode,
                effect="the requests that it was at have failed; another one takes its place",
                **({"reason": reason} if (reason := start_report.heard()) else {}),
            )
            self._ready.discard(worker.inner.pid)
            self.wrks[worker.idx] = self._started(worker.idx)

    def _started(self, idx: int) -> Any:
        worker = self._spawn(idx)
        with NO_FORK:
            gc.disable()  # importing makes much and leaves little garbage
            worker.start()
            gc.enable()
        return worker

    def _replace_all(self) -> None:
        """Replace one after another; at the first that does not become ready all others stay."""
        _log.info("workers_replacing", workers=self.workers)
        for idx in range(self.workers):
            newcomer = self._started(idx)
            if not self._becomes_ready(newcomer):
                self._give_up(newcomer)
                return
            before, self.wrks[idx] = self.wrks[idx], newcomer
            self._dismiss(before, LEAVE)
            if not self._ends(before):
                return
        _log.info("workers_replaced", workers=self.workers)

    def _give_up(self, newcomer: Any) -> None:
        if self.interrupt_signal:
            self._dismiss(newcomer, signal.SIGTERM)
            return
        self._dismiss(newcomer, signal.SIGKILL)
        _log.error(
            "worker_not_replaced",
            worker=newcomer.idx + 1,
            effect="the workers that are there go on",
            reason=start_report.heard() or "the new one did not become ready",
        )

    def _becomes_ready(self, worker: Any) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while worker.inner.pid not in self._ready:
            if not self._goes_on() or not worker.is_alive() or time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def _ends(self, worker: Any) -> bool:
        """See the end of a worker that leaves; False when the service stops meanwhile."""
        deadline = time.monotonic() + self.patience
        while worker.is_alive():
            if not self._goes_on():
                return False
            if time.monotonic() > deadline:
                self._kill(worker)
            time.sleep(_LOOK_SECONDS)
        self._leaving.remove(worker)
        return True

    def _dismiss(self, worker: Any, number: signal.Signals) -> None:
        worker.interrupt_by_parent = True  # so that its end is no news
        self._leaving.append(worker)
        self._ready.discard(worker.inner.pid)
        _tell(worker, number)

    def _stop_workers(self) -> None:
        """Stop all, and kill those that do not end in time."""
        workers = [*self.wrks, *self._leaving]
        for worker in workers:
            worker.interrupt_by_parent = True
        deadline = time.monotonic() + self.patience
        while alive := [worker for worker in workers if worker.is_alive()]:
            if self._signals > 1:
                deadline = min(deadline, time.monotonic() + _HURRIED_SECONDS)
            for worker in alive:
                # again and again: one that has only just been forked may have missed it
                _tell(worker, signal.SIGTERM)
                if self._signals > 1:
                    _tell(worker, HURRY)
                if time.monotonic() > deadline:
                    self._kill(worker)
            alive[0].join(_LOOK_SECONDS)
        self.wrks.clear()

    def _kill(self, worker: Any) -> None:
        _log.warning(
            "worker_killed",
            worker=worker.idx + 1,
            effect="it did not end in time; what it had not committed is undone",
        )
        worker.kill()
        worker.join()

    def shutdown(self, exit_code: int = 0) -> None:
        refused = any(worker.inner.exitcode == EXIT_MISCONFIGURED for worker in self.wrks)
        if self.interrupt_signal:
            self.interrupt_children.clear()  # those that ended have been replaced since
        elif refused:
            exit_code = EXIT_MISCONFIGURED
        super().shutdown(exit_code)


def _tell(worker: Any, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(worker.inner.pid, number)


def _load(listener: int, others: list[int], expected: str, load: Callable[[], Any]) -> Any:
    """In a new worker: forget what only its supervisor needs, then make the application."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # until it serves there is nothing to finish
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for descriptor in others:
        os.close(descriptor)
    listens_on(listener)
    if (
        found := version(_PACKAGE)
    ) != expected:  # half of the code would be the one, half the other
        start_report.tell(f"version {found} is installed, and {expected} is running: restart it")
        os._exit(EXIT_MISCONFIGURED)
    return load()
