"""The process above the workers. Slow to import: only `fm-auth serve` needs granian."""

import gc
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from granian.constants import Interfaces, Loops

from app import start_report
from app.cli.connections import granted
from app.cli.supervision import NO_FORK
from app.cli.workers import Workers
from app.observability import GRANIAN_LOG_DICTCONFIG, configure_logging
from app.settings import Settings, require_opentelemetry, traces_are_on
from app.start_report import EXIT_MISCONFIGURED
from app.stopping import HURRY, LEAVE
from auth_core.kernel import Misconfigured

_UNUSED = ("advanced_alchemy", "pydantic", "opentelemetry.sdk.metrics")
"""What Litestar loads wherever it is installed (half of a worker's start, a third of its memory),
and what redis-py does.
"""


class _Supervisor(Workers):
    """The workers, with threads of ours beside them."""

    threads: Sequence[threading.Thread] = ()

    def startup(self, *arguments: Any) -> None:
        super().startup(*arguments)
        gc.enable()
        # Not before the workers are forked: they would inherit the locks that another thread
        # holds at that moment (of an import, of the resolver), and wait for them for ever.
        for thread in self.threads:
            thread.start()
        logging.getLogger("_granian").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether granian tells more than the end of a worker, of which we tell ourselves."""
    return not record.getMessage().startswith("Unexpected exit")


def run(settings: Settings, threads: Sequence[threading.Thread]) -> None:
    """Serve until stopped, with ``threads`` beside the workers.

    Raises Misconfigured with what the first worker said that refused to start.
    """
    _lighten_workers()
    for number in (LEAVE, HURRY):
        signal.signal(number, signal.SIG_IGN)  # until a worker says what it means
    configure_logging(settings.service.log_level, settings.service.log_format)
    start_report.listen()
    threads = [*threads, *_metrics(settings)]
    if traces_are_on(settings.tracing):
        require_opentelemetry()
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
        **granted(),
    )
    supervisor.patience = settings.service.shutdown_timeout
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

    def page() -> bytes:
        with NO_FORK:
            return exposition(memory)

    return [MetricsListener(host, port, page)]


def _lighten_workers() -> None:
    """What workers inherit: modules that they cannot load, and no garbage collection for now."""
    for unused in _UNUSED:
        sys.modules[unused] = None  # type: ignore[assignment]
    gc.disable()  # importing makes much and leaves little garbage; each worker turns it on again
