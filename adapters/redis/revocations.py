"""The revocation feed from Redis itself, for relying services beside it."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from redis.exceptions import RedisError, ResponseError

from adapters.redis.modes import beside, blocking_client, place_of
from adapters.redis.trouble import describe
from auth_core.kernel import Secret
from auth_core.tokens.verify import (
    Alive,
    Feed,
    FeedMessage,
    Reset,
    Revocation,
    RevocationSource,
    Revoked,
    Snapshot,
    SourceLost,
)
from auth_core.tokens.verify.elapsed import monotonic as elapsed

STREAM: Final = "auth:revocations"
AS_OF: Final = "auth:revocations:as_of"
"""Epoch milliseconds: what was committed before is in the stream. Gone when nobody vouches.
In a cluster it is called ``{auth:revocations}:as_of``, to be in the slot of the stream.
"""

ANSWER_SECONDS: Final = 3.0
WAIT_MS: Final = 500
PAGE: Final = 5000

_ID = re.compile(r"(\d{1,20})-(\d{1,20})")
_BEGINNING: Final = "0-0"


class RedisRevocations:
    """Reads the stream that the service feeds; blocking, one connection for each `follow`.

    It is the caller's business that Redis is the issuer's: who may write there may revoke.
    """

    def __init__(self, url: Secret[str], *, monotonic: Callable[[], float] = elapsed) -> None:
        self._url = url
        self._monotonic = monotonic

    def follow(self, cursor: str | None) -> Feed:
        """The whole stream unless there is a cursor, then what is added."""
        client = blocking_client(self._url, answer_seconds=ANSWER_SECONDS)
        return _RedisFeed(client, cursor, self._monotonic, beside(self._url, STREAM, "as_of"))


class _RedisFeed:
    def __init__(
        self, client: Any, cursor: str | None, monotonic: Callable[[], float], as_of: str
    ) -> None:
        self._client = client
        self._as_of = as_of
        self._cursor = cursor
        self._monotonic = monotonic
        self._closed = False
        self._place: object = None
        """Where the cursor is from: another server's entries may have smaller ids."""

    def __iter__(self) -> Iterator[FeedMessage | None]:
        with _reported():
            if self._cursor is None:
                yield self._snapshot()
            while not self._closed:
                yield from self._more()
        raise SourceLost("we closed the connection")

    def close(self) -> None:
        """A reader that waits hears of it half a second later."""
        self._closed = True
        self._client.close()

    def _snapshot(self) -> Snapshot:
        asked_at = self._monotonic()
        as_of, _ = self._state()
        self._place = place_of(self._client, STREAM)
        if as_of is None:
            raise SourceLost("nobody vouches for what is in it")
        found: list[Revocation] = []
        last = _BEGINNING
        while page := self._client.xrange(STREAM, f"({last}", "+", count=PAGE):
            found.extend(_revocation(fields) for _, fields in page)
            last = page[-1][0]
        self._cursor = last
        return Snapshot(revocations=found, cursor=last, asked_at=asked_at)

    def _more(self) -> Iterator[FeedMessage | None]:
        """What was added. ``as_of`` is read first: what it vouches for is then read for sure."""
        last = self._cursor or _BEGINNING
        as_of, newest = self._state()
        if as_of is None or _order(newest) < _order(last):  # flushed, or restored from a backup
            yield Reset()
            return
        answer = self._client.xread({STREAM: last}, count=PAGE, block=WAIT_MS)
        if place_of(self._client, STREAM) != self._place:
            yield Reset()
            return
        entries = answer[0][1] if answer else []
        for identifier, fields in entries:
            self._cursor = identifier
            yield Revoked(revocation=_revocation(fields), cursor=identifier)
        yield Alive(as_of=as_of) if len(entries) < PAGE else None

    def _state(self) -> tuple[float | None, str]:
        """Up to when the stream is complete, and its last id (also of what was trimmed)."""
        as_of = self._client.get(self._as_of)
        try:
            newest = str(self._client.xinfo_stream(STREAM)["last-generated-id"])
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            newest = _BEGINNING
        return (None if as_of is None else int(as_of) / 1000), newest


def _revocation(fields: dict[str, str]) -> Revocation:
    return Revocation(session_id=UUID(fields["sid"]), expires_at=int(fields["exp"]))


def _order(identifier: str) -> tuple[int, int]:
    match = _ID.fullmatch(identifier)
    if match is None:
        raise SourceLost("its stream has ids of another kind")
    return int(match[1]), int(match[2])


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise SourceLost(describe(error)) from None
    except (KeyError, TypeError, ValueError):
        raise SourceLost("its stream has entries of another kind") from None


if TYPE_CHECKING:
    _source: type[RevocationSource] = RedisRevocations
    _feed: type[Feed] = _RedisFeed
