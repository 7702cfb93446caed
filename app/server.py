"""What a worker process runs: `create` is granian's factory target."""

import asyncio
import ctypes
import gc
import multiprocessing
import os
import signal
import sys

import structlog
from granian import _signals
from litestar import Litestar

from app import start_report
from app.container import Container
from app.farewell import Farewell
from app.main import create_app
from app.observability import configure_logging
from app.settings import load_settings
from app.start_report import EXIT_MISCONFIGURED
from app.stopping import Stopping
from auth_core.kernel import Misconfigured

_PR_SET_PDEATHSIG = 1
_COLLECT_AFTER = 10_000

_log = structlog.get_logger(__name__)


class WorkerContainer(Container):
    """A container whose worker tells its supervisor how its start went, and ends only once."""

    _end: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start, or end this process with one clear line when only an operator can help."""
        try:
            await super().start()
        except Misconfigured as error:
            _explain(error)
            await self.close()
            os._exit(EXIT_MISCONFIGURED)  # raising would bury the line under two tracebacks
        start_report.tell_ready()

    async def close(self) -> None:
        """Release everything. Whoever comes second waits for the first."""
        self._end = self._end or asyncio.create_task(super().close())
        await self._end


def create() -> Litestar:
    """Build the application from the environment of this process, or end it as `start` does."""
    _die_with_supervisor()
    settings = load_settings(os.environ)
    access_line = configure_logging(settings.service.log_level, settings.service.log_format)
    for name in settings.not_in_effect:
        _log.warning("setting_not_in_effect", name=name, detail="known, but of a later version")
    try:
        container = WorkerContainer(settings, access_line)
    except Misconfigured as error:
        _explain(error)
        os._exit(EXIT_MISCONFIGURED)
    app = create_app(container)
    # granian has no other place for what comes between a signal and the end
    _signals.set_loop_signals = _stopping(app, container).listen
    _settle()
    return app


def _explain(error: Misconfigured) -> None:
    if not start_report.tell(error.message):
        _log.critical("cannot_start", error_code=error.code, detail=error.message)


def _stopping(app: Litestar, container: WorkerContainer) -> Stopping:
    service = container.settings.service

    def announce(stays_ready: bool) -> None:  # noqa: FBT001 - of `Stopping`
        container.health.stopping = not stays_ready
        app.asgi_handler = Farewell(app.asgi_handler)

    stopping = Stopping(
        delay=service.shutdown_delay,
        timeout=service.shutdown_timeout,
        announce=announce,
        end_streams=container.core.revocations.dismiss,
        close=container.close,
    )
    app.on_shutdown.append(stopping.over)
    return stopping


def _settle() -> None:
    """Make the most of a memory in which what is there now stays for good."""
    # Requests leave hardly any cycles, but looking for some after every 700 new objects, as is
    # usual, took a twentieth of their time.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    gc.enable()
    if sys.platform == "linux":
        # making the application leaves 10 MB of free heap; not every C library has this call
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _die_with_supervisor() -> None:
    """Do not outlive a supervisor that was killed: the port would stay taken."""
    if sys.platform == "linux":
        supervisor = multiprocessing.parent_process()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if supervisor is not None and os.getppid() != supervisor.pid:  # it died before the call
            os.kill(os.getpid(), signal.SIGKILL)
