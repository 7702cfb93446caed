"""The session cache in a cluster: each user's state in the one slot of theirs."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from adapters.redis import records
from adapters.redis.cluster.connection import ClusterConnection
from adapters.redis.cluster.dial import REIGN_LENGTH
from adapters.redis.cluster.link import GENERATION, ClusterLink
from adapters.redis.cluster.redirect import MOVED, TRY_AGAIN, Redirected
from adapters.redis.cluster.slots import nobody_in, slot_of_user
from adapters.redis.commands import (
    end_command,
    end_commands_by_key,
    fill_command,
    lease_command,
    read_arguments,
)
from adapters.redis.debts import Debt, Debts
from adapters.redis.session_cache import (
    COMMANDS_PER_BATCH,
    DEBT_LIMIT,
    DEFAULT_TTL,
    IDS_PER_COMMAND,
    NO_SESSION,
    RESYNC_LIMIT,
    RecentlyEnded,
    resync_window,
)
from adapters.redis.trouble import LinkLost, Refused, Unsuitable, describe
from auth_core.kernel import NO_METRICS, Metrics, Secret, SessionId, Unavailable, UserId
from auth_core.sessions import ENDED, Ended, Lease, SessionCache, SessionState

_SWEEP_SECONDS = 0.1
_FAILED = object()

_log = structlog.get_logger(__name__)


class ClusterSessionCache:
    """As `RedisSessionCache`, with one link per primary.

    Keys name no generation: whatever node has a slot, an end finds the states there. A value names
    the reign that it was filled in; in another reign it is a miss.
    """

    def __init__(
        self,
        url: Secret[str],
        recently_ended: RecentlyEnded,
        *,
        ttl: timedelta = DEFAULT_TTL,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        window = resync_window(ttl)
        self._recently_ended = recently_ended
        self._ttl_ms = ttl // timedelta(milliseconds=1)
        self._tombstone_ms = window // timedelta(milliseconds=1)
        self._debts = Debts(window=window.total_seconds(), limit=DEBT_LIMIT)
        self._connection = ClusterConnection(url, self._resync, metrics=metrics)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.Task[None] | None = None
        self._told_full: set[int] = set()

    async def start(self) -> None:
        """Connect, giving the nodes half a second. Never fails: it goes on in the background."""
        await self._connection.start()

    async def close(self) -> None:
        """Close the connections and stop reconnecting."""
        await self._connection.close()
        for task in (*self._tasks, self._sweep):
            if task is not None:
                task.cancel()

    @property
    def available(self) -> bool:
        """Whether reads of every user may be answered from the cache right now."""
        return self._connection.trouble is None

    @property
    def trouble(self) -> str | None:
        """Which part of the cluster is not available and why; None while all of it is."""
        return self._connection.trouble

    @property
    def round_trips(self) -> int:
        """Batches of commands sent since the start, to any node."""
        return self._connection.round_trips

    @property
    def connection(self) -> ClusterConnection:
        """The links, for whatever else goes to this cluster: it shares the batches."""
        return self._connection

    async def ping(self) -> bool:
        """Whether every primary takes a write now."""
        if self._connection.trouble is not None:
            return False
        try:
            for link in self._connection.links:
                await link.send(link.heartbeat(), vital=True)
        except (LinkLost, Refused):
            return False
        return True

    async def read(self, user_id: UserId, session_id: SessionId) -> SessionState | Ended | None:
        """See `SessionCache.read`. One round trip to the node that has the user's slot.

        What was moved to another node is a miss there, so no redirection is followed.
        """
        link = self._connection.link_of(slot_of_user(user_id))
        if link is None:
            return None
        try:
            tombstone, session, user = await link.read(
                read_arguments(GENERATION, user_id, session_id)
            )
        except (LinkLost, Redirected):
            return None
        if tombstone is not None:
            return ENDED
        if session is None or user is None:
            return None
        reign = link.reign
        if not (session.startswith(reign) and user.startswith(reign)):
            return None
        return records.decode(session[REIGN_LENGTH:], user[REIGN_LENGTH:])

    async def lease(self, user_id: UserId) -> Lease | None:
        """See `SessionCache.lease`. Fillers of one user share a nonce while it lasts."""
        link = self._connection.link_of(slot_of_user(user_id))
        if link is None:
            return None
        nonce = secrets.token_hex(8)
        held = await self._try(link, lease_command(GENERATION, user_id, nonce))
        if held is _FAILED:
            return None
        # the serial voids the lease when this process prepares the node again
        return Lease(f"{link.serial}:{held.decode() if isinstance(held, bytes) else nonce}")

    async def fill(self, state: SessionState, lease: Lease) -> None:
        """See `SessionCache.fill`."""
        link = self._connection.link_of(slot_of_user(state.user.id))
        serial, _, nonce = lease.partition(":")
        if link is None or serial != str(link.serial):
            return
        session, user = records.encode(state)
        command = fill_command(
            GENERATION,
            state.user.id,
            state.session.id,
            nonce=nonce,
            session=link.reign + session,
            user=link.reign + user,
            ttl_ms=self._ttl_ms,
        )
        await self._try(link, command)

    async def end(self, user_id: UserId, session_ids: list[SessionId]) -> None:
        """See `SessionCache.end`.

        When it has returned the tombstones stand, or the node of the user could not be reached or
        did not do it although it was asked twice; then it is tried again until it is done, and
        before a link of this process to whoever has the slot by then is used.
        """
        debts = [
            self._owe(user_id, session_ids[start : start + IDS_PER_COMMAND])
            for start in range(0, max(len(session_ids), 1), IDS_PER_COMMAND)
        ]
        await self._pay(debts)
        if any(debt in self._debts for debt in debts):
            await self._connection.retry(slot_of_user(user_id))
            await self._pay(debts)

    async def forget_user(self, user_id: UserId) -> None:
        """See `SessionCache.forget_user`. Asks once; if that fails, it is tried again later."""
        await self._pay([self._owe(user_id, ())])

    async def forget_session(self, user_id: UserId, session_id: SessionId) -> None:
        """See `SessionCache.forget_session`. Asks once, as `forget_user` does."""
        await self._pay([self._owe(user_id, (session_id,), over=False)])

    def _owe(self, user_id: UserId, session_ids: Sequence[SessionId], *, over: bool = True) -> int:
        now = asyncio.get_running_loop().time()
        return self._debts.add(Debt(user_id, tuple(session_ids), now, over))

    async def _pay(self, serials: Iterable[int], link: ClusterLink | None = None) -> None:
        """Pay debts and wait for it. A caller that is cancelled stops nothing."""
        tasks = [self._spawn(self._pay_one(serial, link)) for serial in serials]
        if tasks:
            await asyncio.wait(tasks)

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="redis-cluster-debt")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _pay_one(self, serial: int, link: ClusterLink | None) -> None:
        debt = self._debts.get(serial)
        if debt is None:
            return
        try:
            await self._carry_out(debt, link)
        except (LinkLost, Refused):
            self._sweep_later()  # here: whoever waited may be gone
            return
        self._debts.pay(serial)

    async def _carry_out(self, debt: Debt, link: ClusterLink | None = None) -> None:
        """Run a debt where the user's slot is, also while that is on its way between two nodes.

        Raises LinkLost or Refused when it may not have been done.
        """
        slot, ttl_ms, over = slot_of_user(debt.user_id), self._tombstone_ms, debt.over
        whose = GENERATION, debt.user_id, debt.session_ids
        try:
            command = end_command(*whose, ttl_ms=ttl_ms, over=over)
            await self._connection.run(slot, command, vital=True, link=link)
        except Redirected as redirected:
            if redirected.code != TRY_AGAIN:
                raise
            # its keys are on both nodes now: one by one they are found
            for command in end_commands_by_key(*whose, ttl_ms=ttl_ms, over=over):
                await self._connection.run(slot, command, vital=True, link=link)

    def _sweep_later(self) -> None:
        """While there are debts they are tried again: no link may have been lost by them."""
        if len(self._debts) and (self._sweep is None or self._sweep.done()):
            self._sweep = asyncio.create_task(self._sweep_debts(), name="redis-cluster-sweep")

    async def _sweep_debts(self) -> None:
        while len(self._debts):
            await asyncio.sleep(_SWEEP_SECONDS)
            served = [
                serial
                for serial in self._debts.first(DEBT_LIMIT)
                if (debt := self._debts.get(serial)) is not None
                and self._connection.link_of(slot_of_user(debt.user_id)) is not None
            ]
            await self._pay(served[:COMMANDS_PER_BATCH])

    async def _try(self, link: ClusterLink, command: bytes) -> object:
        """Run a command whose failure only costs speed. A full memory is no reason to distrust."""
        try:
            return await link.send(command)
        except (LinkLost, Redirected):
            return _FAILED
        except Refused as refused:
            if refused.code != "OOM":
                link.fail(describe(refused))
            elif link.serial not in self._told_full:
                self._told_full.add(link.serial)
                _log.warning("redis_full", effect="new session states are not cached")
            return _FAILED

    async def _resync(self, link: ClusterLink, slots: frozenset[int]) -> None:
        """Write every tombstone that may be missing in these slots. Raises if that fails."""
        now = asyncio.get_running_loop().time()
        if now < self._debts.settled_at:
            raise Unsuitable("too much changed while it was away: waiting until its states expire")
        # every kind of command once, so that a server that refuses one is never taken for good
        nobody = nobody_in(slots)
        await self._carry_out(Debt(nobody, (NO_SESSION,), now), link)
        await _try_read(link, nobody)
        try:
            async with asyncio.timeout(RESYNC_LIMIT):
                ended = await self._recently_ended()
        except TimeoutError:
            raise Unavailable from None
        await self._bury(link, slots, ended)
        while owed := [
            serial
            for serial in self._debts.first(DEBT_LIMIT)
            if (debt := self._debts.get(serial)) is not None and slot_of_user(debt.user_id) in slots
        ]:
            batch = owed[:COMMANDS_PER_BATCH]
            await self._pay(batch, link)
            if any(serial in self._debts for serial in batch):
                raise LinkLost("what ended meanwhile could not be noted")

    async def _bury(
        self,
        link: ClusterLink,
        slots: frozenset[int],
        ended: Iterable[tuple[UserId, SessionId]],
    ) -> None:
        by_user: defaultdict[UserId, list[SessionId]] = defaultdict(list)
        for user_id, session_id in ended:
            by_user[user_id].append(session_id)
        endings = [
            Debt(user_id, tuple(session_ids[start : start + IDS_PER_COMMAND]), 0.0)
            for user_id, session_ids in by_user.items()
            if slot_of_user(user_id) in slots
            for start in range(0, len(session_ids), IDS_PER_COMMAND)
        ]
        for start in range(0, len(endings), COMMANDS_PER_BATCH):
            batch = endings[start : start + COMMANDS_PER_BATCH]
            await asyncio.gather(*(self._carry_out(each, link) for each in batch))


async def _try_read(link: ClusterLink, nobody: UserId) -> None:
    try:
        await link.read(read_arguments(GENERATION, nobody, NO_SESSION))
    except Redirected as redirected:
        if redirected.code == MOVED:
            raise  # else just this slot is on its way


if TYPE_CHECKING:
    _: type[SessionCache] = ClusterSessionCache
