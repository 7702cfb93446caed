"""One open connection, shared by every request of the process.

A client library's call costs more CPU than the web framework's whole request, so commands bypass it
(docs/benchmarks.md): what was asked for during one turn of the event loop, or while a batch is
under way, leaves as one batch, in which all reads are one MGET.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

import hiredis

from adapters.redis.commands import heartbeat_command, read_command
from adapters.redis.trouble import LinkLost, Refused, describe

ANSWER_LIMIT: Final = 0.5
"""Seconds that a batch may take."""

_QUEUE_LIMIT = 10_000
_READS_PER_BATCH = 512  # an MGET blocks the server for everybody else
_MORE: Final = object()

Values = list[bytes | None]


class Write(NamedTuple):
    """A command under way."""

    command: bytes
    future: asyncio.Future[object]
    vital: bool


class Link(asyncio.Protocol):
    """Multiplexes commands over a transport that has been authenticated. Never reconnects.

    ``generation`` belongs to the server at the other end, ``serial`` to this connection.
    ``lost`` gets the reason, once, when the link fails; everything under way then raises LinkLost.
    """

    _encode = staticmethod(read_command)

    def __init__(self, transport: asyncio.Transport, *, serial: int, generation: str) -> None:
        self.serial = serial
        self.generation = generation
        self.batches = 0
        self.on_batch: Callable[[], object] | None = None
        """Called when a batch leaves."""
        self.trusted_until = inf
        """By the event loop's time: no batch leaves later, the link fails instead."""
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self._transport = transport
        self._parser = hiredis.Reader(notEnoughData=_MORE)
        self._busy = False  # a batch is under way or about to leave
        self._reads: list[str] = []
        self._readers: list[asyncio.Future[Values]] = []
        self._writes: list[Write] = []
        self._sent_readers: list[asyncio.Future[Values]] = []
        self._sent_writes: deque[Write] = deque()
        self._sent_at = 0.0
        self._watchdog: asyncio.TimerHandle | None = None

    def heartbeat(self) -> bytes:
        """A write that is sent now and then, to see that the server still takes one."""
        return heartbeat_command(self.generation)

    def read(self, arguments: str) -> asyncio.Future[Values]:
        """Values of the three keys in ``arguments``. Sees every write submitted before.

        Raises LinkLost at once when the link has failed or too much is waiting.
        """
        if len(self._readers) >= _QUEUE_LIMIT or self.lost.done():
            raise LinkLost("it answers too slowly" if not self.lost.done() else self.lost.result())
        future: asyncio.Future[Values] = self._loop.create_future()
        self._reads.append(arguments)
        self._readers.append(future)
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._flush)
        return future

    def send(self, command: bytes, *, vital: bool = False) -> asyncio.Future[object]:
        """Run one command, in order of submission, even if the caller loses interest.

        The future raises Refused when the server answers with an error; if the command is
        ``vital`` that fails the link, before any read sent along with it is answered.
        Raises LinkLost at once when the link has failed or too much is waiting.
        """
        if len(self._writes) >= _QUEUE_LIMIT:
            self.fail("it answers too slowly")
        if self.lost.done():
            raise LinkLost(self.lost.result())
        future: asyncio.Future[object] = self._loop.create_future()
        self._writes.append(Write(command, future, vital))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._flush)
        return future

    def fail(self, reason: str) -> None:
        """Close the connection and fail everything under way. Idempotent."""
        if self.lost.done():
            return
        self.lost.set_result(reason)
        self._transport.abort()
        if self._watchdog is not None:
            self._watchdog.cancel()
        for reader in (*self._sent_readers, *self._readers):
            refuse(reader, LinkLost(reason))
        for write in (*self._sent_writes, *self._writes):
            refuse(write.future, LinkLost(reason))

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is closed, by the server or by `fail`."""
        self.fail("it closed the connection" if exc is None else describe(exc))

    def data_received(self, data: bytes) -> None:
        """Hand replies to whoever waits for them."""
        try:
            self._parser.feed(data)
            while (reply := self._parser.gets()) is not _MORE:
                self._take(reply)
        except hiredis.HiredisError:
            self.fail("it does not speak the Redis protocol")

    def _flush(self) -> None:
        # Writes go first: a read then also sees writes submitted after it, which is only fresher.
        if self.lost.done():
            return
        self._sent_at = self._loop.time()
        if self._sent_at > self.trusted_until:
            self.fail("nobody has confirmed in time that it is still the primary")
            return
        readers = self._readers
        commands = [write.command for write in self._writes]
        if readers:
            commands.append(self._encode(self._reads[:_READS_PER_BATCH]))
        self._sent_readers = readers[:_READS_PER_BATCH]
        self._sent_writes.extend(self._writes)
        self._reads = self._reads[_READS_PER_BATCH:]
        self._readers = readers[_READS_PER_BATCH:]
        self._writes = []
        self.batches += 1
        if self.on_batch is not None:
            self.on_batch()
        if self._watchdog is None:
            self._watchdog = self._loop.call_later(ANSWER_LIMIT, self._check)
        self._transport.write(b"".join(commands))

    def _take(self, reply: object) -> None:
        if self.lost.done():
            return
        if self._sent_writes:
            self._answer_write(self._sent_writes.popleft(), reply)
        elif self._sent_readers:
            self._sent_readers = self._answer_reads(self._sent_readers, reply)
        else:
            self.fail("it sent an answer that nobody asked for")
        if not self._sent_writes and not self._sent_readers:
            if self._readers or self._writes:
                # not at once: whoever has just been answered may want to be on the next batch
                self._loop.call_soon(self._flush)
            else:
                self._busy = False

    def _answer_write(self, write: Write, reply: object) -> None:
        if not isinstance(reply, hiredis.ReplyError):
            if not write.future.done():
                write.future.set_result(reply)
            return
        refused = Refused(str(reply))
        refuse(write.future, refused)
        if write.vital:
            self.fail(describe(refused))

    def _answer_reads(
        self, readers: list[asyncio.Future[Values]], reply: object
    ) -> list[asyncio.Future[Values]]:
        """Returns those that wait for a further reply."""
        if not isinstance(reply, list) or len(reply) != 3 * len(readers):
            refusal = isinstance(reply, hiredis.ReplyError)
            self.fail(describe(Refused(str(reply))) if refusal else "it answers nonsense")
            return []
        for index, reader in enumerate(readers):
            if not reader.done():
                reader.set_result(reply[3 * index : 3 * index + 3])
        return []

    def _check(self) -> None:
        """One timer for all batches: rearmed while there is traffic, gone when there is none."""
        self._watchdog = None
        if not (self._sent_writes or self._sent_readers):
            return
        late = self._loop.time() - self._sent_at
        if late < ANSWER_LIMIT:
            self._watchdog = self._loop.call_later(ANSWER_LIMIT - late, self._check)
        else:
            # not because we stood still: both event loops read sockets before they run timers
            self.fail("it does not answer in time")


def refuse(future: "asyncio.Future[Values] | asyncio.Future[object]", error: Exception) -> None:
    """Let whoever waits have the error, if anybody still does."""
    if not future.done():
        future.set_exception(error)
        future.exception()  # mark it as seen: a caller may have been cancelled meanwhile
