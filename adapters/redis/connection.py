"""Keeps one link to Redis open, and says when there is none."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from adapters.redis.dial import Dialler
from adapters.redis.link import Link
from adapters.redis.metrics import CONNECTED, ROUND_TRIPS
from adapters.redis.trouble import LinkLost, describe
from auth_core.kernel import NO_METRICS, Metrics, end_tasks

_START_LIMIT = 0.5
_HEARTBEAT = 1.0
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_STEADY = 5.0

_ALL_SLOWER = (
    "every session check asks PostgreSQL until Redis is back; answers stay correct, requests are"
    " slower"
)

_log = structlog.get_logger(__name__)


class SharedConnection:
    """One link for all commands of a process, reopened in the background when it fails.

    ``prepare`` makes a fresh link fit for use; until it has returned nobody else gets the link,
    and if it raises the link is dropped. While there is no link nothing waits for one.
    """

    def __init__(
        self,
        dialler: Dialler,
        prepare: Callable[[Link], Awaitable[None]],
        *,
        metrics: Metrics = NO_METRICS,
        effect: str = _ALL_SLOWER,
    ) -> None:
        """``effect``: what it means when the link is lost, for the log."""
        self._effect = effect
        self._metrics = metrics
        metrics.set(CONNECTED, 0)
        self._dialler = dialler
        self._prepare = prepare
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._attempts: list[asyncio.Future[None]] = []
        self._batches = 0
        self._told = False
        self._reason = "it has not been asked yet"

    @property
    def link(self) -> Link | None:
        """The link, if there is one that is prepared and has not failed."""
        link = self._link
        return None if link is None or link.lost.done() else link

    @property
    def trouble(self) -> str | None:
        """Why there is no link, for the operator; None while there is one."""
        link = self._link
        if link is None:
            return self._reason
        # a link can have failed a moment before `_keep` hears of it
        return link.lost.result() if link.lost.done() else None

    @property
    def round_trips(self) -> int:
        """Batches sent over prepared links since the start."""
        return self._batches + (self._link.batches if self._link is not None else 0)

    def begin(self) -> None:
        """Begin to connect, and wait for nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name="redis-connection")

    async def start(self) -> None:
        """Begin to connect. Returns once there is a link, and after half a second without one."""
        self.begin()
        try:
            async with asyncio.timeout(_START_LIMIT):
                while self.link is None:
                    await self._attempt()
        except TimeoutError:
            pass

    async def close(self) -> None:
        """Close the link and stop reconnecting."""
        task, self._task = self._task, None
        if task is not None:
            await end_tasks([task])
        await self._dialler.close()

    async def retry(self) -> None:
        """Without a link: cut the current pause short and see one attempt to connect through."""
        if self.link is None and self._task is not None:
            self._hurry.set()
            await self._attempt()

    async def _attempt(self) -> None:
        outcome = asyncio.get_running_loop().create_future()
        self._attempts.append(outcome)
        await outcome

    def _settle_attempts(self) -> None:
        waiting, self._attempts = self._attempts, []
        for outcome in waiting:
            if not outcome.done():
                outcome.set_result(None)

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        pause = _FIRST_PAUSE
        try:
            while True:
                began = clock()
                reason = await self._connect_and_watch()
                if self._link is None:  # else no attempt has failed: a link that worked was lost
                    self._settle_attempts()
                self._lost(reason)
                pause = _FIRST_PAUSE if clock() - began > _STEADY else pause
                await self._rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            self._lost(None)
            self._settle_attempts()

    async def _connect_and_watch(self) -> str:
        """Returns why it is over."""
        try:
            async with self._dialler.open() as link:
                await self._prepare(link)
                self._back(link)
                self._settle_attempts()
                reason = await self._watch(link)
        except Exception as error:  # noqa: BLE001 - whatever it is, the cache must come back
            reason = describe(error)
            if reason.startswith("unexpected") and not self._told:
                _log.error("redis_unexpected_error", exc_info=error)
        return reason

    async def _watch(self, link: Link) -> str:
        while not link.lost.done():
            await asyncio.wait([link.lost], timeout=_HEARTBEAT)
            try:
                link.send(link.heartbeat(), vital=True)
            except LinkLost:
                break
            await self._dialler.confirm(link)
        return link.lost.result()

    async def _rest(self, pause: float) -> None:
        self._hurry.clear()
        if self._attempts:
            return
        try:
            async with asyncio.timeout(pause):
                await self._hurry.wait()
        except TimeoutError:
            pass

    def _back(self, link: Link) -> None:
        self._link = link
        link.on_batch = partial(self._metrics.count, ROUND_TRIPS)
        self._metrics.set(CONNECTED, 1)
        if self._told:
            _log.info(
                "redis_back",
                address=self._dialler.address,
                effect="session checks are fast again; nothing that ended meanwhile was revived",
            )
        self._told = False

    def _lost(self, reason: str | None) -> None:
        """There is no link any more; without a reason because we closed it."""
        self._batches = self.round_trips
        self._link = None
        self._metrics.set(CONNECTED, 0)
        self._reason = reason or "we closed the connection"
        if reason is not None and not self._told:
            self._told = True
            _log.warning(
                "redis_lost",
                address=self._dialler.address,
                reason=reason,
                effect=self._effect,
            )
