"""The revocation stream in Redis or Valkey, which verifiers may also read directly.

``auth:revocations`` is a stream of entries ``sid`` (UUID) and ``exp`` (epoch seconds of the last
access token). ``auth:revocations:as_of`` (epoch milliseconds, for a few seconds) says up to when it
is complete; it goes with a flush, and with the age of a backup. While it is gone one process at a
time fills the stream again; who that is stands in a third key. In a cluster the two are called
``{auth:revocations}:as_of`` and ``{auth:revocations}:filling``, to be in the slot of the stream.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from redis.exceptions import RedisError

from adapters.redis.modes import beside, client, primary_of
from adapters.redis.sentinels import Primary
from auth_core.kernel import Secret, SessionId, Unavailable
from auth_core.sessions import Revocation, RevocationStream

STREAM: Final = "auth:revocations"
AS_OF: Final = "auth:revocations:as_of"
OLD_WORDS_SECONDS: Final = 10.0
"""A primary of that age has nothing left of what vouched for the stream of the one before."""
_AS_OF_MS = 5_000
_FILLING_MS = 10_000
_BLOCK_MS = 5_000
_BATCH = 500
_ANSWER_SECONDS = 0.5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(minutes=1)  # entries are named by the server's clock

# All at once, so that no flush can come in between. The turn to fill is asked for with the same
# token again: whoever had it before the flush has lost it.
_CONFIRM = """
if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
    redis.call('XTRIM', KEYS[3], 'MINID', '~', ARGV[4])
    redis.call('DEL', KEYS[1])
    return 'confirmed'
end
if redis.call('SET', KEYS[1], ARGV[5], 'NX', 'PX', ARGV[6]) then return 'fill' end
return 'wait'
"""


class RedisRevocationStream:
    """Two connections of its own: one that writes, one that waits."""

    def __init__(self, url: Secret[str], *, access_lifetime: timedelta) -> None:
        self._access_lifetime = access_lifetime
        self._as_of, self._filling = beside(url, STREAM, "as_of"), beside(url, STREAM, "filling")
        # the feed tries again by itself
        self._writer = client(url, key=STREAM, max_connections=4)
        self._reader = client(url, key=STREAM, max_connections=1)
        self._confirm = self._writer.register_script(_CONFIRM)
        self._turn = ""
        """The token of our turn to fill the stream, if it is ours."""
        self._vouched_on: Primary | None = None

    async def add(self, revocations: Sequence[Revocation]) -> None:
        """See `RevocationStream.add`."""
        for start in range(0, len(revocations), _BATCH):
            pipeline = self._writer.pipeline(transaction=False)
            for revocation in revocations[start : start + _BATCH]:
                pipeline.xadd(STREAM, _fields(revocation))
            async with _reached():
                await pipeline.execute()

    async def follow(self) -> AsyncIterator[list[Revocation]]:
        """See `RevocationStream.follow`."""
        async with _reached():
            newest: Any = await self._reader.xrevrange(STREAM, count=1)
        last: Any = newest[0][0] if newest else "0"
        while True:
            async with _reached(_BLOCK_MS / 1000 + _ANSWER_SECONDS):
                answer: Any = await self._reader.xread(
                    {STREAM: last}, block=_BLOCK_MS, count=_BATCH
                )
                batches = [entries for _, entries in answer or ()]
                revocations = [self._read(fields) for entries in batches for _, fields in entries]
            for entries in batches:
                last = entries[-1][0]
            yield revocations

    async def confirm(self, as_of: datetime) -> bool:
        """See `RevocationStream.confirm`. Trims what no token can concern any more."""
        async with _reached():
            if await self._on_a_new_primary():
                return False
            oldest = _milliseconds(as_of - self._access_lifetime - _CLOCKS_DIFFER)
            turn, self._turn = self._turn, secrets.token_hex(8)
            said = await self._confirm(
                keys=[self._filling, self._as_of, STREAM],
                args=[
                    *(turn or "-", _milliseconds(as_of), _AS_OF_MS, oldest),
                    *(self._turn, _FILLING_MS),
                ],
            )
        if said == b"wait":
            self._turn = ""
            raise Unavailable
        return bool(said == b"confirmed")

    async def _on_a_new_primary(self) -> bool:
        """Whether this process must fill the stream first, whoever vouches for it.

        After a failover the last entries are missing, and what vouched for them may be there.
        """
        found = await primary_of(self._writer)
        if found is None or found.primary == self._vouched_on:
            return False
        fresh = self._vouched_on is not None or found.age < OLD_WORDS_SECONDS
        self._vouched_on = found.primary
        return fresh

    async def close(self) -> None:
        """Close both connections."""
        await self._writer.aclose()
        await self._reader.aclose()

    def _read(self, fields: dict[bytes, bytes]) -> Revocation:
        expires_at = datetime.fromtimestamp(int(fields[b"exp"]), UTC)
        return Revocation(
            session_id=SessionId(UUID(fields[b"sid"].decode())),
            ended_at=expires_at - self._access_lifetime,
            expires_at=expires_at,
        )


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _fields(revocation: Revocation) -> dict[Any, Any]:
    # rounded up: an entry must not leave before the last token
    seconds = -((_EPOCH - revocation.expires_at) // timedelta(seconds=1))
    return {"sid": str(revocation.session_id), "exp": seconds}


@asynccontextmanager
async def _reached(seconds: float = _ANSWER_SECONDS) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except (RedisError, OSError, ValueError, KeyError) as error:
        raise Unavailable from error


if TYPE_CHECKING:
    _: type[RevocationStream] = RedisRevocationStream
