"""The revocation feed of one process: what is revoked now, and who wants to hear of more.

Three sources, of which any may fail: what this process ends itself, the stream from the other
processes (milliseconds), and the truth, asked every `POLL_SECONDS` (complete). ``as_of`` only moves
with the truth, so it never promises what a lost stream has swallowed.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from weakref import WeakSet

import msgspec

from auth_core.kernel import (
    NO_METRICS,
    Clock,
    Metrics,
    SessionId,
    Unavailable,
    UserId,
    end_tasks,
)
from auth_core.sessions.metrics import FEED_AS_OF, REVOKED
from auth_core.sessions.ports import SessionCache, SessionsUnitOfWork
from auth_core.sessions.revocations import EndedSession, Revocation, RevocationStream

POLL_SECONDS = 1.0
REMIND_SECONDS = 1.5
"""After so long without news a follower hears that there are none."""
MARGIN = timedelta(seconds=15)
"""How much later than the moment it records an ending may become visible: a commit that waits, and
the clocks of two nodes."""
STALE = timedelta(seconds=4)
"""A feed that has not heard the truth for longer takes no new followers."""
MAX_FOLLOWERS = 500
_MAX_BEHIND = 10_000
_RETRY_SECONDS = 0.5
_FIRST_ANSWER_SECONDS = 3.0


class FeedState(msgspec.Struct, frozen=True):
    """Everything that is revoked; complete up to ``as_of``."""

    as_of: datetime
    revocations: tuple[Revocation, ...]


class Follower:
    """What one follower has not been told yet. It is cut off when it falls too far behind."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Revocation | datetime | None] = asyncio.Queue(_MAX_BEHIND)

    def tell(self, news: Revocation | datetime | None) -> None:
        """Queue a revocation, an ``as_of``, or None for the end."""
        try:
            self._queue.put_nowait(news)
        except asyncio.QueueFull:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(None)

    async def news(self) -> AsyncIterator[Revocation | datetime]:
        """Revocations as they come, and every new ``as_of``; ends when the feed does."""
        while (news := await self._queue.get()) is not None:
            yield news


class RevocationFeed:
    """Knows what is revoked. `start` before use, `close` in the end."""

    def __init__(
        self,
        unit_of_work: Callable[[], SessionsUnitOfWork],
        stream: RevocationStream,
        cache: SessionCache,
        clock: Clock,
        *,
        access_lifetime: timedelta,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._stream = stream
        self._cache = cache
        self._clock = clock
        self._access_lifetime = access_lifetime
        self._metrics = metrics
        self._as_of: datetime | None = None
        self._known: dict[SessionId, Revocation] = {}
        self._unstreamed: dict[SessionId, Revocation] = {}
        # weak: the answer to a client that is gone before it begins never comes to `leave`
        self._followers: WeakSet[Follower] = WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()
        self._dismissed = False
        self.problem = ""
        """The last fault that nobody had thought of, for an operator."""
        self._reminded = False
        self._asked = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen, and see the first poll through: whoever serves next has an answer.

        Without one after some seconds it goes on in the background.
        """
        self._spawn(self._keep_polling())
        self._spawn(self._keep_listening())
        self._spawn(self._keep_reminding())
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_ANSWER_SECONDS):
                await self._asked.wait()

    async def close(self) -> None:
        """Send the followers away and stop."""
        self.dismiss()
        await end_tasks(self._tasks)

    def dismiss(self) -> None:
        """Send the followers away and take no more: this process is about to stop."""
        self._dismissed = True
        for follower in self._followers:
            follower.tell(None)

    def announce(self, user_id: UserId, session_ids: Sequence[SessionId], at: datetime) -> None:  # noqa: ARG002 - of the port
        """See `RevocationAnnouncer.announce`."""
        self._metrics.count(REVOKED, by=len(session_ids))
        fresh = self._learn(self._revocation(session_id, at) for session_id in session_ids)
        self._unstreamed.update((revocation.session_id, revocation) for revocation in fresh)
        if fresh and self._tasks:  # not started: the next poll of whoever is will find it
            self._spawn(self._pass_on())

    def state(self) -> FeedState:
        """What is revoked now. Raises Unavailable when that is not known well enough."""
        now = self._clock.now()
        if self._as_of is None or now - self._as_of > STALE:
            raise Unavailable
        self._forget(now)
        return FeedState(self._as_of, tuple(self._known.values()))

    def follow(self, since: datetime | None) -> tuple[FeedState, Follower]:
        """What ended at or after ``since`` as far as known, and what comes from now on.

        Give the follower back to `leave`. Raises Unavailable, also when there are too many.
        """
        state = self.state()
        if self._dismissed or len(self._followers) >= MAX_FOLLOWERS:
            raise Unavailable
        follower = Follower()
        self._followers.add(follower)
        if since is None:
            return state, follower
        missed = tuple(entry for entry in state.revocations if entry.ended_at >= since - MARGIN)
        return FeedState(state.as_of, missed), follower

    def leave(self, follower: Follower) -> None:
        """A follower is gone."""
        self._followers.discard(follower)

    async def poll(self) -> None:
        """Ask the truth, make good what the stream missed, and move ``as_of``. Raises Unavailable.

        A session that ended while its worker could not reach the cache is found here: then the
        cache gets its tombstone from us.
        """
        now = self._clock.now()
        horizon = now - self._access_lifetime
        since = horizon if self._as_of is None else max(horizon, self._as_of - MARGIN)
        async with self._unit_of_work() as uow:
            ended = await uow.sessions.ended_since(since)
        first = self._as_of is None
        fresh = self._learn(self._revocation(one.session_id, one.ended_at) for one in ended)
        self._as_of, self._reminded = now, True
        self._metrics.set(FEED_AS_OF, now.timestamp())
        self._forget(now)
        self._tell(now)  # before Redis is asked anything: it may be slow to answer, or away
        self._asked.set()
        if first:  # what is older is in the stream already, or whoever finds it lost appends it
            recent = [one for one in fresh if one.ended_at >= now - 2 * MARGIN]
            self._unstreamed.update((revocation.session_id, revocation) for revocation in recent)
        else:
            await self._make_good(fresh, ended)
        with suppress(Unavailable):
            await self._confirm(now)

    def remind(self) -> None:
        """Tell the followers that we are here if the truth was not heard since the last call.

        What they are told again is the ``as_of`` that stands still: nothing newer is known.
        """
        if not self._reminded and self._as_of is not None:
            self._tell(self._as_of)
        self._reminded = False

    async def _make_good(self, fresh: list[Revocation], ended: list[EndedSession]) -> None:
        self._unstreamed.update((revocation.session_id, revocation) for revocation in fresh)
        missed = {revocation.session_id for revocation in fresh}
        by_user: defaultdict[UserId, list[SessionId]] = defaultdict(list)
        for one in ended:
            if one.session_id in missed:
                by_user[one.user_id].append(one.session_id)
        # together: each may wait for an attempt to reach a cache that was lost
        await asyncio.gather(*(self._cache.end(*each) for each in by_user.items()))

    async def _confirm(self, as_of: datetime) -> None:
        for _ in range(2):
            await self._pass_on()
            if await self._stream.confirm(as_of):
                return
            # also if it was lost again meanwhile: all of it comes before the next try
            self._unstreamed.update(self._known)

    async def _pass_on(self) -> None:
        """Append what the stream does not have yet; what fails is left for the next poll."""
        waiting = dict(self._unstreamed)
        if waiting:
            await self._stream.add(tuple(waiting.values()))
            for session_id in waiting:
                self._unstreamed.pop(session_id, None)

    async def _keep_polling(self) -> None:
        while True:
            await self._try(self.poll())
            self._asked.set()
            await asyncio.sleep(POLL_SECONDS)

    async def _keep_reminding(self) -> None:
        while True:
            await asyncio.sleep(REMIND_SECONDS)
            self.remind()

    async def _keep_listening(self) -> None:
        while True:
            await self._try(self._listen())
            await asyncio.sleep(_RETRY_SECONDS)

    async def _listen(self) -> None:
        async for revocations in self._stream.follow():
            self._learn(revocations)

    async def _try(self, work: Coroutine[object, object, None]) -> None:
        """The next try may do better, whatever went wrong; meanwhile ``as_of`` stands still."""
        try:
            await work
        except Unavailable:
            pass
        except Exception as error:  # noqa: BLE001 - a feed that gave up would stay stale for good
            self.problem = f"unexpected {type(error).__name__}"

    def _learn(self, revocations: Iterable[Revocation]) -> list[Revocation]:
        fresh = []
        for revocation in revocations:
            if revocation.session_id not in self._known:
                self._known[revocation.session_id] = revocation
                fresh.append(revocation)
                self._tell(revocation)
        return fresh

    def _tell(self, news: Revocation | datetime) -> None:
        for follower in self._followers:
            follower.tell(news)

    def _forget(self, now: datetime) -> None:
        # in the order of their coming, which is nearly that of their end
        over = []
        for session_id, revocation in self._known.items():
            if revocation.expires_at + MARGIN > now:
                break
            over.append(session_id)
        for session_id in over:
            del self._known[session_id]

    def _revocation(self, session_id: SessionId, ended_at: datetime) -> Revocation:
        return Revocation(session_id, ended_at, ended_at + self._access_lifetime)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(work: Coroutine[object, object, None]) -> None:
    with suppress(Unavailable):
        await work
