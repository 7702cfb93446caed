"""asyncpg's pool, without what it pays for cases that are rare."""
# ruff: noqa: SLF001 - a part of asyncpg's pool, as it is in the version that uv.lock names

from collections.abc import Sequence
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from adapters.postgres.connection import LeanConnection
from adapters.postgres.servers import Servers


class LeanPool(asyncpg.Pool):  # type: ignore[misc]  # asyncpg has no types
    """A pool whose connections change hands without a task, a shield and two timers each time.

    Those protect waiting against cancellation. Where nothing has to be waited for, nothing can be
    cancelled; everything else is left to asyncpg.
    """

    async def acquire_idle(self) -> PoolConnectionProxy | None:
        """A connection that is open and free, or None. Waits for nothing."""
        if self._closing or self._queue.empty():
            return None
        holder = self._queue.get_nowait()
        held = holder._con
        if held is None or held.is_closed() or holder._generation != self._generation:
            self._queue.put_nowait(holder)
            return None
        return await holder.acquire()  # returns at once: it has no `setup`, and is connected

    async def release(
        self,
        connection: PoolConnectionProxy,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in asyncpg
    ) -> None:
        """Give a connection back. See `asyncpg.Pool.release`."""
        held, holder = connection._con, connection._holder
        if held is not None:
            held.precede(b"")  # meant for a statement that never came
        if (
            held is None
            or self._closing
            or held.is_closed()
            or held.is_in_transaction()
            or held._protocol._is_cancelling()
            or held._protocol.queries_count >= holder._max_queries
            or holder._generation != self._generation
        ):
            await super().release(connection, timeout=timeout)
            return
        held._on_release()
        holder._timeout = None
        holder._release()
        holder._setup_inactive_callback()


def lean_pool(dsns: Sequence[str], *, size: int, **options: Any) -> LeanPool:
    """A pool of at most ``size`` connections, to be awaited. Options as for `asyncpg.connect`.

    Several ``dsns`` are servers to choose from: see `Servers`. Those of the pool itself are
    asyncpg's defaults.
    """
    return LeanPool(
        dsns[0],
        connect=Servers(dsns).connect if len(dsns) > 1 else None,
        min_size=0,
        max_size=size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        setup=None,
        loop=None,
        connection_class=LeanConnection,
        record_class=asyncpg.Record,
        **options,
    )
