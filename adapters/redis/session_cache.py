"""The session cache in Redis or Valkey: fast while it can be trusted, absent otherwise."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from adapters.redis import records
from adapters.redis.commands import (
    LEASE_MS,
    end_command,
    fill_command,
    lease_command,
    read_arguments,
)
from adapters.redis.connection import SharedConnection
from adapters.redis.debts import Debt, Debts
from adapters.redis.link import Link
from adapters.redis.modes import dialler
from adapters.redis.trouble import LinkLost, Refused, Unsuitable, describe
from auth_core.kernel import NO_METRICS, Metrics, Secret, SessionId, Unavailable, UserId
from auth_core.sessions import ENDED, Ended, Lease, SessionCache, SessionState

RecentlyEnded = Callable[[], Awaitable[list[tuple[UserId, SessionId]]]]

DEFAULT_TTL = timedelta(seconds=120)
_MARGIN = timedelta(seconds=30)
RESYNC_LIMIT = 3.0
IDS_PER_COMMAND = 200
COMMANDS_PER_BATCH = 200
DEBT_LIMIT = 20_000
_NOBODY = UserId(UUID(int=0))
NO_SESSION = SessionId(UUID(int=0))

_log = structlog.get_logger(__name__)


def resync_window(ttl: timedelta = DEFAULT_TTL) -> timedelta:
    """How far back the truth must be asked for ended sessions before a cache is trusted.

    A state may be filled for as long as a lease stands and lives for ``ttl`` from then on. The
    margin covers commits that come after the time they record, and clocks that differ.
    """
    return ttl + timedelta(milliseconds=LEASE_MS) + _MARGIN


class RedisSessionCache:
    """Session states in Redis or Valkey, read in one shared MGET per turn of the event loop.

    ``recently_ended`` asks the truth for the sessions that ended within `resync_window`; nothing
    is read before their tombstones stand. A write that fails is remembered and repeated then too.
    `start` before use; before it and after `close` every read is a miss.
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
        self._ttl_ms = _milliseconds(ttl)
        self._tombstone_ms = _milliseconds(window)
        self._debts = Debts(window=window.total_seconds(), limit=DEBT_LIMIT)
        self._connection = SharedConnection(dialler(url), self._resync, metrics=metrics)
        self._told_full = 0

    async def start(self) -> None:
        """Connect, giving the server half a second. Never fails: it goes on in the background."""
        await self._connection.start()

    async def close(self) -> None:
        """Close the connection and stop reconnecting."""
        await self._connection.close()

    @property
    def available(self) -> bool:
        """Whether reads may be answered from the cache right now."""
        return self._connection.link is not None

    @property
    def trouble(self) -> str | None:
        """Why the cache is not available, for the operator; None while it is."""
        return self._connection.trouble

    @property
    def round_trips(self) -> int:
        """Batches of commands sent since the start."""
        return self._connection.round_trips

    @property
    def connection(self) -> SharedConnection:
        """The connection, for whatever else goes to this server: it shares the batches."""
        return self._connection

    async def ping(self) -> bool:
        """Whether the server takes a write now."""
        link = self._connection.link
        if link is None:
            return False
        try:
            await link.send(link.heartbeat(), vital=True)
        except (LinkLost, Refused):
            return False
        return True

    async def read(self, user_id: UserId, session_id: SessionId) -> SessionState | Ended | None:
        """See `SessionCache.read`. One round trip, shared with every read of the same moment."""
        link = self._connection.link
        if link is None:
            return None
        try:
            tombstone, session, user = await link.read(
                read_arguments(link.generation, user_id, session_id)
            )
        except LinkLost:
            return None
        if tombstone is not None:
            return ENDED
        if session is None or user is None:
            return None
        return records.decode(session, user)

    async def lease(self, user_id: UserId) -> Lease | None:
        """See `SessionCache.lease`. Fillers of one user share a nonce while it lasts."""
        link = self._connection.link
        if link is None:
            return None
        nonce = secrets.token_hex(8)
        held = await self._try(link, lease_command(link.generation, user_id, nonce))
        if held is _FAILED:
            return None
        # the serial voids the lease when this process reconnects, whatever Redis remembers
        return Lease(f"{link.serial}:{held.decode() if isinstance(held, bytes) else nonce}")

    async def fill(self, state: SessionState, lease: Lease) -> None:
        """See `SessionCache.fill`."""
        link = self._connection.link
        serial, _, nonce = lease.partition(":")
        if link is None or serial != str(link.serial):
            return
        session, user = records.encode(state)
        command = fill_command(
            link.generation,
            state.user.id,
            state.session.id,
            nonce=nonce,
            session=session,
            user=user,
            ttl_ms=self._ttl_ms,
        )
        await self._try(link, command)

    async def end(self, user_id: UserId, session_ids: list[SessionId]) -> None:
        """See `SessionCache.end`.

        When it has returned the tombstones stand, or the server could not be reached or did not
        do it although it was asked twice; then the next connection of this process begins with it.
        """
        debts = [
            self._owe(user_id, session_ids[start : start + IDS_PER_COMMAND])
            for start in range(0, max(len(session_ids), 1), IDS_PER_COMMAND)
        ]
        await self._pay(self._connection.link, debts)
        if any(debt in self._debts for debt in debts):
            await self._connection.retry()

    async def forget_user(self, user_id: UserId) -> None:
        """See `SessionCache.forget_user`. Asks once; if that fails, the next connection does it."""
        await self._pay(self._connection.link, [self._owe(user_id, ())])

    async def forget_session(self, user_id: UserId, session_id: SessionId) -> None:
        """See `SessionCache.forget_session`. Asks once, as `forget_user` does."""
        await self._pay(self._connection.link, [self._owe(user_id, (session_id,), over=False)])

    def _owe(self, user_id: UserId, session_ids: Sequence[SessionId], *, over: bool = True) -> int:
        now = asyncio.get_running_loop().time()
        return self._debts.add(Debt(user_id, tuple(session_ids), now, over))

    async def _pay(self, link: Link | None, serials: Iterable[int]) -> None:
        """Send what is owed and wait for the answers. A caller that is cancelled stops nothing."""
        sent = []
        for serial in serials:
            debt = self._debts.get(serial)
            if link is None or debt is None:
                continue
            try:
                command = self._end_command(link, debt.user_id, debt.session_ids, over=debt.over)
                future = link.send(command, vital=True)
            except LinkLost:
                break
            future.add_done_callback(partial(self._answered, serial))
            sent.append(future)
        if sent:
            await asyncio.wait(sent)

    def _answered(self, serial: int, done: "asyncio.Future[object]") -> None:
        if not done.cancelled() and done.exception() is None:
            self._debts.pay(serial)

    def _end_command(
        self, link: Link, user_id: UserId, session_ids: Sequence[SessionId], *, over: bool = True
    ) -> bytes:
        ttl_ms = self._tombstone_ms
        return end_command(link.generation, user_id, session_ids, ttl_ms=ttl_ms, over=over)

    async def _try(self, link: Link, command: bytes) -> object:
        """Run a command whose failure only costs speed. A full memory is no reason to distrust."""
        try:
            return await link.send(command)
        except LinkLost:
            return _FAILED
        except Refused as refused:
            if refused.code != "OOM":
                link.fail(describe(refused))
            elif self._told_full != link.serial:
                self._told_full = link.serial
                _log.warning("redis_full", effect="new session states are not cached")
            return _FAILED

    async def _resync(self, link: Link) -> None:
        """Write every tombstone that may be missing. Raises if the link may not be trusted."""
        if asyncio.get_running_loop().time() < self._debts.settled_at:
            raise Unsuitable("too much changed while it was away: waiting until its states expire")
        # every kind of command once, so that a server that refuses one is never taken for good
        await self._send_all(link, [(_NOBODY, (NO_SESSION,))])
        await link.read(read_arguments(link.generation, _NOBODY, NO_SESSION))
        try:
            async with asyncio.timeout(RESYNC_LIMIT):
                ended = await self._recently_ended()
        except TimeoutError:
            raise Unavailable from None
        by_user: defaultdict[UserId, list[SessionId]] = defaultdict(list)
        for user_id, session_id in ended:
            by_user[user_id].append(session_id)
        await self._send_all(link, by_user.items())
        while len(self._debts):
            await self._pay(link, self._debts.first(COMMANDS_PER_BATCH))
            if link.lost.done():
                raise LinkLost(link.lost.result())

    async def _send_all(
        self, link: Link, endings: Iterable[tuple[UserId, Sequence[SessionId]]]
    ) -> None:
        commands = [
            self._end_command(link, user_id, session_ids[start : start + IDS_PER_COMMAND])
            for user_id, session_ids in endings
            for start in range(0, len(session_ids), IDS_PER_COMMAND)
        ]
        for start in range(0, len(commands), COMMANDS_PER_BATCH):
            batch = commands[start : start + COMMANDS_PER_BATCH]
            await asyncio.gather(*(link.send(command, vital=True) for command in batch))


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


_FAILED = object()


if TYPE_CHECKING:
    _: type[SessionCache] = RedisSessionCache
