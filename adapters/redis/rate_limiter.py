"""Limits counted in Redis or Valkey, for all processes together.

Every key belongs to one subject and no generation: limits outlive whoever counts. It carries a
keyed digest, so a dump of the server names nobody.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from adapters.redis.cluster.connection import ClusterConnection
from adapters.redis.cluster.counter import ClusterCounter
from adapters.redis.commands import pack
from adapters.redis.connection import SharedConnection
from adapters.redis.counter import Call, Counter, SharedCounter
from adapters.redis.local_limits import LocalFailureSpread, LocalRateLimiter
from auth_core.kernel import FailureSpread, Hit, RateLimiter, Secret, Verdict

# The server's clock counts: those of the nodes may differ. Microseconds stay exact in a double.
SERVER_TIME: Final = """\
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""
# `judge` of auth_core.kernel.limits; a test compares the two
HIT: Final = """\
local step, span = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or now), now), now + span)
local after = tat + step
local wait = after - span - now
if wait > 0 then return {tat - now, wait} end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return {after - now, 0}
"""
GIVE_BACK: Final = """\
local tat = tonumber(redis.call('GET', KEYS[1]) or 0) - tonumber(ARGV[1])
if tat > now then
  redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
else
  redis.call('DEL', KEYS[1])
end
return 1
"""
# The set stops growing when it is told of, so that is once per window, and memory is bounded.
_NOTE: Final = """\
local size = redis.call('SCARD', KEYS[1])
if size >= tonumber(ARGV[2]) or redis.call('SADD', KEYS[1], ARGV[1]) == 0 then return 0 end
if size == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return size + 1 == tonumber(ARGV[2]) and 1 or 0
"""
_HIT_NOW: Final = SERVER_TIME + HIT
_GIVE_BACK_NOW: Final = SERVER_TIME + GIVE_BACK


class Digests:
    """Subjects as they may be kept: 128 bits that only holders of ``secret`` can make."""

    def __init__(self, secret: Secret[bytes]) -> None:
        self._key = hashlib.blake2b(b"rate limits", key=secret.reveal()).digest()

    def of(self, subject: str) -> str:
        """The digest of a subject."""
        data = subject.encode(errors="surrogatepass")
        return hashlib.blake2b(data, key=self._key, digest_size=16).hexdigest()


def _counter_on(connection: SharedConnection | ClusterConnection) -> Counter:
    if isinstance(connection, ClusterConnection):
        return ClusterCounter(connection)
    return SharedCounter(connection)


class RedisRateLimiter:
    """`RateLimiter` in Redis; `LocalRateLimiter` while Redis does not answer."""

    def __init__(
        self,
        connection: SharedConnection | ClusterConnection,
        digests: Digests,
        local: LocalRateLimiter,
    ) -> None:
        self._counter = _counter_on(connection)
        self._digests = digests
        self._local = local

    @property
    def shared(self) -> bool:
        """Whether the last hit was, and the next one will be, counted for all processes."""
        return self._counter.in_use

    async def hit(self, hits: Sequence[Hit]) -> Sequence[Verdict]:
        """See `RateLimiter.hit`. One round trip, shared with whatever else goes out then."""
        answers = await self._counter.run(
            [self._call(_HIT_NOW, hit, hit.limit.step, hit.limit.span) for hit in hits]
        )
        if answers is None:
            return await self._local.hit(hits)
        verdicts = [
            _verdict(hit, cast("list[int]", answer))
            for hit, answer in zip(hits, answers, strict=True)
        ]
        taken = [hit for hit, verdict in zip(hits, verdicts, strict=True) if verdict.allowed]
        if len(taken) < len(hits):
            self._counter.send(self._giving_back(taken))
        return verdicts

    async def give_back(self, hits: Sequence[Hit]) -> None:
        """See `RateLimiter.give_back`. Waits for nothing."""
        self._counter.send(self._giving_back(hits))
        await self._local.give_back(hits)

    def _giving_back(self, hits: Sequence[Hit]) -> list[Call]:
        return [self._call(_GIVE_BACK_NOW, hit, hit.limit.step) for hit in hits]

    def _call(self, script: str, hit: Hit, *arguments: int) -> Call:
        digest = self._digests.of(hit.subject)
        key = f"fm:{{{digest}}}:limit:{hit.limit.name}"
        return Call(digest, pack("EVAL", script, 1, key, *arguments))


class RedisFailureSpread:
    """`FailureSpread` in Redis; `LocalFailureSpread` while Redis does not answer."""

    def __init__(
        self,
        connection: SharedConnection | ClusterConnection,
        digests: Digests,
        local: LocalFailureSpread,
    ) -> None:
        self._counter = _counter_on(connection)
        self._digests = digests
        self._local = local

    async def note(self, source: str, account: str, *, accounts: int, window: int) -> bool:
        """See `FailureSpread.note`. One round trip."""
        digest = self._digests.of(source)
        arguments = (self._digests.of(account), accounts, window * 1000)
        command = pack("EVAL", _NOTE, 1, f"fm:{{{digest}}}:spread", *arguments)
        answers = await self._counter.run([Call(digest, command)])
        if answers is None:
            return await self._local.note(source, account, accounts=accounts, window=window)
        return answers == [1]


def _verdict(hit: Hit, answer: list[int]) -> Verdict:
    ahead, wait = answer
    return Verdict(limit=hit.limit, ahead=ahead, wait=wait)


if TYPE_CHECKING:
    _limiter: type[RateLimiter] = RedisRateLimiter
    _spread: type[FailureSpread] = RedisFailureSpread
