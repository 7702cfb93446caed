"""The issuer over HTTP: its keys, its revocation feed, and its word on one token."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from ssl import SSLContext
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote_plus, urlencode

import msgspec

from auth_core.kernel import Secret
from auth_core.tokens.verify.elapsed import monotonic as elapsed
from auth_core.tokens.verify.ports import (
    Alive,
    Feed,
    FeedMessage,
    FetchedKeys,
    Introspector,
    KeySource,
    Reset,
    Revocation,
    RevocationSource,
    Revoked,
    Snapshot,
    SourceLost,
)
from auth_core.tokens.verify.sse import EventParser, ServerEvent
from auth_core.tokens.verify.transport import Answer, ByteStream, HttpTransport, Transport

JWKS_PATH = "/.well-known/jwks.json"
SNAPSHOT_PATH = "/api/v1/auth/revocations"
STREAM_PATH = "/api/v1/auth/revocations/stream"
INTROSPECTION_PATH = "/api/v1/auth/introspect"
KEYS_LIMIT, SNAPSHOT_LIMIT, SMALL_LIMIT = 256_000, 128_000_000, 64_000

T = TypeVar("T")

_CURSOR = re.compile(r"[\x21-\x7e]{1,256}")
_MAX_AGE = re.compile(r'(?:^|[,\s])max-age="?(\d{1,9})')
_HTTP_OK, _NOT_MODIFIED = 200, 304


class _Snapshot(msgspec.Struct, frozen=True):
    cursor: str
    as_of: int
    revocations: list[Revocation]


class _Alive(msgspec.Struct, frozen=True):
    as_of: int


class _Introspection(msgspec.Struct, frozen=True):
    active: bool


class HttpIssuer:
    """All that a verifier needs of the issuer, for a client that is registered there.

    ``base_url`` is where it can be reached; what tokens call it (``iss``) may be something else.
    ``client_id`` and ``client_secret`` are a verifier's credentials (RFC 6749 §2.3.1); they are
    sent for revocations and introspection only. Raises ValueError for a base URL that is not safe.
    """

    def __init__(
        self,
        base_url: str,
        *,
        client_id: str,
        client_secret: Secret[str],
        tls: SSLContext | None = None,
        allow_http: bool = False,
        transport: Transport | None = None,
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        self._transport = transport or HttpTransport(base_url, tls=tls, allow_http=allow_http)
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret.reveal())}"
        self._credentials = Secret(f"Basic {b64encode(pair.encode()).decode()}")
        self._monotonic = monotonic

    def fetch_keys(self, etag: str | None) -> FetchedKeys:
        """The JWK Set (RFC 7517), unless it is unchanged (RFC 9110 §13.1.2)."""
        headers = {"Accept": "application/json"} | ({"If-None-Match": etag} if etag else {})
        answer = self._transport.ask(JWKS_PATH, headers=headers, limit=KEYS_LIMIT)
        age = _MAX_AGE.search(answer.headers.get("cache-control", "").lower())
        max_age = float(age[1]) if age else None
        if answer.status == _NOT_MODIFIED and etag:
            return FetchedKeys(document=None, etag=etag, max_age=max_age)
        _expect_ok(answer.status)
        sent = answer.headers.get("etag", "")
        return FetchedKeys(
            document=answer.body,
            etag=sent if _CURSOR.fullmatch(sent) else None,
            max_age=max_age,
        )

    def follow(self, cursor: str | None) -> Feed:
        """The feed: a snapshot unless there is a cursor, then what follows as it happens."""
        return _HttpFeed(self._transport, self._credentials, cursor, self._monotonic)

    def introspect(self, token: str) -> bool:
        """Whether the issuer calls the token active (RFC 7662 §2)."""
        form = urlencode({"token": token, "token_type_hint": "access_token"})
        answer = self._transport.ask(
            INTROSPECTION_PATH,
            headers={"Accept": "application/json"},
            limit=SMALL_LIMIT,
            credentials=self._credentials,
            form=Secret(form),
        )
        return _body(answer, _Introspection).active


class _HttpFeed:
    def __init__(
        self,
        transport: Transport,
        credentials: Secret[str],
        cursor: str | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._cursor = cursor
        self._monotonic = monotonic
        self._stream: ByteStream | None = None
        self._closed = False

    def __iter__(self) -> Iterator[FeedMessage | None]:
        if self._cursor is None:
            snapshot = self._snapshot()
            self._cursor = snapshot.cursor
            yield snapshot
        headers = {"Accept": "text/event-stream", "Last-Event-ID": self._cursor}
        self._stream = stream = self._transport.stream(
            STREAM_PATH, headers=headers, credentials=self._credentials
        )
        if self._closed:  # before there was a stream to close
            stream.close()
        try:
            _expect_ok(stream.status)
            if not stream.headers.get("content-type", "").lower().startswith("text/event-stream"):
                raise SourceLost("it answers with something else than events")
            parser = EventParser()
            for chunk in stream:
                yield None
                for event in parser.feed(chunk):
                    yield _message(event)
        finally:
            stream.release()

    def close(self) -> None:
        self._closed = True
        if self._stream is not None:
            self._stream.close()

    def _snapshot(self) -> Snapshot:
        asked_at = self._monotonic()
        answer = self._transport.ask(
            SNAPSHOT_PATH,
            headers={"Accept": "application/json"},
            limit=SNAPSHOT_LIMIT,
            credentials=self._credentials,
        )
        snapshot = _body(answer, _Snapshot)
        return Snapshot(
            revocations=snapshot.revocations, cursor=_cursor(snapshot.cursor), asked_at=asked_at
        )


def _message(event: ServerEvent) -> FeedMessage | None:
    cursor = _cursor(event.id) if event.id else None
    match event.name:
        case "revoked":
            return Revoked(revocation=_read(event.data, Revocation), cursor=cursor)
        case "alive":
            return Alive(as_of=_read(event.data, _Alive).as_of / 1000, cursor=cursor)
        case "reset":
            return Reset()
    return None  # a newer issuer may have more to say


def _cursor(sent: str) -> str:
    """A cursor goes into a header: nothing else may come along."""
    if not _CURSOR.fullmatch(sent):
        raise SourceLost("its cursor cannot be one")
    return sent


def _expect_ok(status: int) -> None:
    if status in {401, 403}:
        raise SourceLost("it refuses our client credentials")
    if status != _HTTP_OK:
        raise SourceLost(f"it answers {status}")


def _body(answer: Answer, kind: type[T]) -> T:
    _expect_ok(answer.status)
    return _read(answer.body, kind)


def _read(document: bytes | str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(document, type=kind)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise SourceLost("it answers something else than agreed") from None


if TYPE_CHECKING:
    _keys: type[KeySource] = HttpIssuer
    _revocations: type[RevocationSource] = HttpIssuer
    _introspector: type[Introspector] = HttpIssuer
    _feed: type[Feed] = _HttpFeed
