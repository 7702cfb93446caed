"""The process above the workers. Slow to import: only `fm-auth serve` needs granian."""

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from granian import Granian
from granian.constants import Interfaces, Loops

from app import start_report
from app.cli.connections import granted
from app.observability import GRANIAN_LOG_DICTCONFIG, configure_logging
from app.settings import Settings
from app.start_report import EXIT_MISCONFIGURED
from auth_core.kernel import Misconfigured

END_STREAMS = signal.SIGUSR1
"""What tells a worker to end its event streams: it is about to be stopped."""
_UNUSED = ("advanced_alchemy", "pydantic")
"""What Litestar loads wherever it is installed: half of a worker's start, a third of its memory."""


class _Supervisor(Granian):  # type: ignore[misc, valid-type]  # made at runtime
    """Granian, with threads of ours beside it."""

    threads: Sequence[threading.Thread] = ()

    def startup(self, *arguments: Any) -> None:
        super().startup(*arguments)
        gc.enable()
        # Not before the workers are forked: they would inherit the locks that another thread
        # holds at that moment (of an import, of the resolver), and wait for them for ever.
        for thread in self.threads:
            thread.start()
        logging.getLogger("_granian").addFilter(self._is_news)

    def signal_handler_interrupt(self, *arguments: Any) -> None:
        # granian waits for open event streams, and kills their worker in the end
        for worker in self.wrks:
            with suppress(ProcessLookupError):
                os.kill(worker.inner.pid, END_STREAMS)
        super().signal_handler_interrupt(*arguments)

    def shutdown(self, exit_code: int = 0) -> None:
        refused = EXIT_MISCONFIGURED if self._has_refused() else 0
        super().shutdown(exit_code or refused)

    def _has_refused(self) -> bool:
        return any(worker.inner.exitcode == EXIT_MISCONFIGURED for worker in self.wrks)

    def _is_news(self, record: logging.LogRecord) -> bool:
        """Whether granian tells more than the end of a worker that has told why itself."""
        return not (record.getMessage().startswith("Unexpected exit") and self._has_refused())


def run(settings: Settings, threads: Sequence[threading.Thread]) -> None:
    """Serve until stopped, with ``threads`` beside the workers.

    Raises Misconfigured with what the first worker said that refused to start.
    """
    _lighten_workers()
    signal.signal(END_STREAMS, signal.SIG_IGN)  # until a worker says what it means
    configure_logging("warning", settings.service.log_format)
    start_report.listen()
    threads = [*threads, *_metrics(settings)]
    supervisor = _Supervisor(
        "app.server:create",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.service.host,
        port=settings.service.port,
        workers=settings.service.workers,
        loop=Loops.uvloop,
        websockets=False,
        log_dictconfig=GRANIAN_LOG_DICTCONFIG,
        workers_kill_timeout=7,
        **granted(),
    )
    supervisor.threads = threads
    try:
        supervisor.serve()
    except SystemExit as end:
        said = start_report.heard()
        if end.code == EXIT_MISCONFIGURED and said:
            raise Misconfigured(said) from None
        raise


def _metrics(settings: Settings) -> Sequence[threading.Thread]:
    """The memory in which workers count, and who serves it if it has a port of its own.

    Raises Misconfigured.
    """
    if not settings.metrics.enabled:
        return ()
    from adapters.metrics import exposition  # noqa: PLC0415 - most deployments do without
    from app.metrics.shared import share  # noqa: PLC0415

    memory = share(settings.service.workers)
    if settings.metrics.port is None:
        return ()
    from app.metrics.listener import MetricsListener  # noqa: PLC0415 - slow to import

    host, port = settings.metrics.host, settings.metrics.port
    return [MetricsListener(host, port, lambda: exposition(memory))]


def _lighten_workers() -> None:
    """What workers inherit: modules that they cannot load, and no garbage collection for now."""
    for unused in _UNUSED:
        sys.modules[unused] = None  # type: ignore[assignment]
    gc.disable()  # importing makes much and leaves little garbage; each worker turns it on again
