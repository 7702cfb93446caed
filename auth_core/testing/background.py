"""An event loop in a thread of its own: so a test need not be async, whatever loop it runs on."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from threading import Lock, Thread, current_thread
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines for whoever waits. Its thread begins with the first; `close` ends it."""

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._starting = Lock()
        self._loop: Future[asyncio.AbstractEventLoop] = Future()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` returns or raises; blocks until then. Not from within the loop itself."""
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._serve, name="fm-auth-testing", daemon=True)
                self._thread.start()
        if current_thread() is self._thread:
            work.close()
            raise RuntimeError("this would wait for itself: await it instead")
        return asyncio.run_coroutine_threadsafe(work, self._loop.result()).result()

    def close(self) -> None:
        """End the thread. Idempotent."""
        if self._thread is not None:
            loop = self._loop.result()
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    def _serve(self) -> None:
        asyncio.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        self._stopped = asyncio.Event()
        self._loop.set_result(asyncio.get_running_loop())
        await self._stopped.wait()
