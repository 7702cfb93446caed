"""Events in a JetStream stream of NATS, for durable consumers of other services.

Each goes to the subject ``auth.events.<type>`` as CloudEvents 1.0 in JSON (structured mode of the
NATS binding), with its id as ``Nats-Msg-Id``: within the stream's duplicate window the server keeps
repeats out by itself. What the stream has lost in the window is stored again all the same.
"""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from nats.aio.client import Client
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import PubAck, StreamConfig
from nats.js.errors import NotFoundError

from adapters.nats.trouble import trouble
from auth_core.events import CloudEvent, EventPublisher
from auth_core.kernel import Secret

NATS_SUBJECTS: Final = "auth.events"
_CONNECT_SECONDS = 3
_ANSWER_SECONDS = 5.0
# Less than the relay may hold its turn (30 s): whoever lost it must not publish any more.
_ALL_SECONDS = 15.0
_CLOSE_SECONDS = 1.0
_MOST_AT_ONCE = 256


class NatsEventStream:
    """One connection, made when it is needed and dropped when something goes wrong."""

    name = "nats"

    def __init__(self, url: Secret[str], *, stream: str, max_length: int) -> None:
        """``url``: one or several servers of a cluster, separated by commas.

        A stream of that name that is there already is used as it is, if it takes our subjects.
        Else one is made, in files, that keeps ``max_length`` events; the oldest go.
        """
        self._url = url
        self._name = stream
        self._max_length = max_length
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None
        self._told: Exception | None = None

    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """In waves, each acknowledged before the next.

        A wave has one event of each subject at most: whatever the server refuses, and wherever
        this is cut off, none of a subject overtakes another.
        """
        if not events:
            return
        try:
            async with asyncio.timeout(_ALL_SECONDS):
                stream = self._stream or await self._connected()
                for wave in _waves(events):
                    await self._store(stream, wave)
        except BaseException as error:
            told = self._told
            await self.close()  # what is under way on this connection is nobody's any more
            if isinstance(error, Error | OSError):
                raise trouble(
                    error, told, stream=self._name, subjects=f"{NATS_SUBJECTS}.>"
                ) from error
            raise

    async def close(self) -> None:
        """Drop the connection."""
        client, self._client, self._stream, self._told = self._client, None, None, None
        if client is not None:
            with suppress(Error, OSError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await client.close()

    async def _store(self, stream: JetStreamContext, wave: Sequence[CloudEvent]) -> None:
        """All of these, once each; returns when the stream has them.

        What was there already and is not any more (purged, or trimmed) was told before and is asked
        for again, by a replay: it goes under an id that the server has not seen, and that is the
        same on a repeat.
        """
        sending = [(event, event.id) for event in wave]
        while sending:
            stored = await _all(self._sent(stream, event, key) for event, key in sending)
            repeats = [
                (event, ack.seq)
                for (event, _), ack in zip(sending, stored, strict=True)
                if ack.duplicate
            ]
            if not repeats:
                return
            first = (await stream.stream_info(self._name)).state.first_seq
            sending = [(event, f"{event.id}:{at}") for event, at in repeats if at < first]

    async def _sent(self, stream: JetStreamContext, event: CloudEvent, key: str) -> PubAck:
        return await stream.publish(
            f"{NATS_SUBJECTS}.{event.type}",
            event.encoded(),
            stream=self._name,
            headers={
                "Nats-Msg-Id": key,
                "content-type": "application/cloudevents+json; charset=utf-8",
            },
        )

    async def _connected(self) -> JetStreamContext:
        self._client = Client()
        await self._client.connect(
            self._url.reveal().split(","),
            name="fm-auth",
            connect_timeout=_CONNECT_SECONDS,
            # the relay tries again by itself; each server of the list is tried twice, at once
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            error_cb=self._hear,
        )
        stream = self._client.jetstream(timeout=_ANSWER_SECONDS)
        try:
            await stream.stream_info(self._name)
        except NotFoundError:
            await stream.add_stream(
                StreamConfig(
                    name=self._name, subjects=[f"{NATS_SUBJECTS}.>"], max_msgs=self._max_length
                )
            )
        self._stream = stream
        return stream

    async def _hear(self, error: Exception) -> None:
        """What the server says beside its answers. Not for the log: it quotes what it was given."""
        self._told = error


def _waves(events: Sequence[CloudEvent]) -> Iterator[list[CloudEvent]]:
    """The first event of each subject, then the second of each, and so on; not too many at once."""
    waves: defaultdict[int, list[CloudEvent]] = defaultdict(list)
    seen: defaultdict[str, int] = defaultdict(int)
    for event in events:
        waves[seen[event.subject]].append(event)
        seen[event.subject] += 1
    for number in range(len(waves)):
        wave = waves[number]
        for start in range(0, len(wave), _MOST_AT_ONCE):
            yield wave[start : start + _MOST_AT_ONCE]


async def _all(sendings: Iterator[Coroutine[None, None, PubAck]]) -> list[PubAck]:
    """Wait for all of them; raises what went wrong first only then."""
    outcomes = await asyncio.gather(*sendings, return_exceptions=True)
    acknowledged = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return acknowledged


if TYPE_CHECKING:
    _: type[EventPublisher] = NatsEventStream
