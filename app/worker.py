"""What runs beside the requests: keys that rotate, rows that go when their time is over.

Every task may run in any number of processes at once, at any time, and be cut off anywhere.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

import msgspec
import structlog

from auth_core.core import Core
from auth_core.kernel import AuthCoreError

_FIRST_RUN_SECONDS = 30.0
"""The first runs are spread over this time, so that a start does nothing but start."""

_log = structlog.get_logger(__name__)

Run = Callable[[], Awaitable[dict[str, int]]]


class Task(msgspec.Struct, frozen=True):
    """``run`` says what it did, by the name of the thing; it is called about every ``seconds``."""

    name: str
    seconds: float
    run: Run


def tasks_of(core: Core) -> Sequence[Task]:
    """All there is to do for a deployment."""

    async def tend_keys() -> dict[str, int]:
        return {"keys": len(await core.keys.tend())}

    async def sweep() -> dict[str, int]:
        swept = await core.retention.sweep()
        return {
            "sessions": swept.sessions,
            "events": swept.events,
            "one_time_secrets": swept.one_time_secrets,
        }

    return (Task("keys", 60.0, tend_keys), Task("retention", 3600.0, sweep))


class Worker:
    """Runs tasks until it is closed."""

    def __init__(
        self, tasks: Sequence[Task], *, first_run_seconds: float = _FIRST_RUN_SECONDS
    ) -> None:
        self._todo = tasks
        self._first_run_seconds = first_run_seconds
        self._running: list[asyncio.Task[None]] = []
        self._troubles: dict[str, str] = {}

    async def start(self) -> None:
        """Begin. Returns at once."""
        self._running = [
            asyncio.create_task(self._repeat(task), name=f"worker-{task.name}")
            for task in self._todo
        ]

    async def close(self) -> None:
        """Stop. What a task has not committed is undone, and done again by the next run."""
        while self._running:
            for task in self._running:
                task.cancel()
            _, pending = await asyncio.wait(self._running, timeout=1)
            self._running = list(pending)

    async def run_once(self) -> bool:
        """Run every task now; False when one failed."""
        return all([await self._run(task) for task in self._todo])

    async def _repeat(self, task: Task) -> None:
        pause = random.uniform(0, min(self._first_run_seconds, task.seconds))  # noqa: S311
        while True:
            await asyncio.sleep(pause)
            await self._run(task)
            pause = task.seconds * random.uniform(0.9, 1.1)  # noqa: S311 - not a secret

    async def _run(self, task: Task) -> bool:
        began = perf_counter()
        try:
            done = await task.run()
        except Exception as error:  # noqa: BLE001 - the next run may do better
            self._failed(task, error)
            return False
        self._troubles.pop(task.name, None)
        if any(done.values()):
            milliseconds = round((perf_counter() - began) * 1000, 1)
            _log.info("worker_ran", task=task.name, duration_ms=milliseconds, **done)
        return True

    def _failed(self, task: Task, error: Exception) -> None:
        """Tell of each new trouble once; what an outage looks like is known already."""
        trouble = error.message if isinstance(error, AuthCoreError) else type(error).__name__
        if self._troubles.get(task.name) == trouble:
            return
        self._troubles[task.name] = trouble
        unexpected = not isinstance(error, AuthCoreError)
        _log.warning(
            "worker_task_failed",
            task=task.name,
            reason=trouble,
            effect=f"it is tried again in about {task.seconds:.0f} s",
            exc_info=error if unexpected else None,
        )
