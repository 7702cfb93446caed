"""GET /revocations and its stream: what services that verify tokens themselves must know."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream
from litestar.response.base import ASGIResponse

from app.api.answers import json_answer
from app.api.event_stream import EventStream
from app.api.examples import REVOCATIONS
from app.api.responses import answer, errors
from app.limits import LIMIT_READ
from app.security import BY_CLIENT, CLIENTS_ONLY, client_of
from auth_core.clients import ClientPermission
from auth_core.kernel import InvalidClient, PermissionDenied
from auth_core.sessions import FeedState, Follower, Revocation, RevocationFeed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(seconds=30)
"""How far another worker's cursor may be ahead of what we know."""
_BEGINNING = "0"
"""The cursor before everything."""
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST_CURSOR = 15
_NOT_ALLOWED = PermissionDenied("This client may not follow revocations.")
_REFUSED = {401: InvalidClient(), 403: _NOT_ALLOWED}


class AuthRevocation(msgspec.Struct, frozen=True):
    """A session that ended. No access token of it is left after ``expires_at`` (epoch seconds)."""

    session_id: UUID
    expires_at: int


class AuthRevocations(msgspec.Struct, frozen=True, kw_only=True):
    """All that is revoked, complete up to ``as_of`` (epoch milliseconds)."""

    cursor: str
    as_of: int
    revocations: list[AuthRevocation]


class RevocationController(Controller):
    """The revocation feed."""

    path = "/api/v1/auth/revocations"
    tags = ("Tokens",)
    opt = CLIENTS_ONLY | LIMIT_READ
    security = BY_CLIENT

    @get(
        responses={
            200: answer(AuthRevocations, REVOCATIONS),
            **errors(401, 403, 503, likely=_REFUSED),
        },
        summary="Read what is revoked",
    )
    async def snapshot(
        self, request: Request[Any, Any, Any], feed: NamedDependency[RevocationFeed]
    ) -> ASGIResponse:
        """Read what is revoked, and a cursor for the stream. Needs the permission `revocations`.

        503 when PostgreSQL has not been heard for some seconds: then nobody knows.
        """
        _require_permission(request)
        state = feed.state()
        return json_answer(
            AuthRevocations(
                cursor=_cursor(state.as_of),
                as_of=_milliseconds(state.as_of),
                revocations=[_shown(revocation) for revocation in state.revocations],
            )
        )

    @get(
        "/stream",
        responses={
            200: ResponseSpec(
                data_container=str,
                description="Server-sent events: `revoked` with a revocation, `alive` with an"
                " `as_of` about every second; while it stands still, nothing newer is known.",
                media_type="text/event-stream",
                generate_examples=False,
            ),
            **errors(401, 403, 503, likely=_REFUSED),
        },
        summary="Follow revocations",
    )
    async def stream(
        self, request: Request[Any, Any, Any], feed: NamedDependency[RevocationFeed]
    ) -> Stream:
        """Follow revocations as they happen. Needs the permission `revocations`.

        `Last-Event-ID` is a cursor from any worker; what ended around it is told again. `reset`
        says that it is none of ours: everything follows.
        """
        _require_permission(request)
        asked = request.headers.get("last-event-id", "")
        since = _moment(asked)
        if since is not None and since > feed.state().as_of + _AHEAD:
            since = (
                None  # a clock was wrong: whoever skips to there would miss what ends until then
            )
        state, follower = feed.follow(since)
        if "head" in request.scope:  # the headers of a stream have an end, its events have none
            feed.leave(follower)
            return Stream(iter(()), media_type="text/event-stream")
        begin = _BEGINNING if since is None else asked
        reset = _event("reset", begin, {}) if asked and since is None else b""
        return EventStream(_events(feed, state, follower, begin, reset))


async def _events(
    feed: RevocationFeed, state: FeedState, follower: Follower, begin: str, reset: bytes
) -> AsyncIterator[bytes]:
    cursor = _cursor(state.as_of)
    try:
        # under the cursor they were asked with: who is cut off among them must get the rest, too
        missed = [_event("revoked", begin, _shown(entry)) for entry in state.revocations]
        yield b"".join([reset, *missed, _alive(state.as_of)])
        async for news in follower.news():
            if isinstance(news, Revocation):
                # resuming here tells it again, which is harmless; leaving it out would not be
                yield _event("revoked", cursor, _shown(news))
            else:
                cursor = _cursor(news)
                yield _alive(news)
    finally:
        feed.leave(follower)


def _require_permission(request: Request[Any, Any, Any]) -> None:
    if not client_of(request.scope).may(ClientPermission.REVOCATIONS):
        raise _NOT_ALLOWED


def _event(name: str, cursor: str, data: object) -> bytes:
    return b"event: %b\nid: %b\ndata: %b\n\n" % (
        name.encode(),
        cursor.encode(),
        msgspec.json.encode(data),
    )


def _alive(as_of: datetime) -> bytes:
    return _event("alive", _cursor(as_of), {"as_of": _milliseconds(as_of)})


def _shown(revocation: Revocation) -> AuthRevocation:
    # rounded up: it must not be forgotten before the last token
    seconds = -((_EPOCH - revocation.expires_at) // timedelta(seconds=1))
    return AuthRevocation(revocation.session_id, seconds)


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _cursor(as_of: datetime) -> str:
    return str(_milliseconds(as_of))


def _moment(cursor: str) -> datetime | None:
    """When a cursor was made; None, which means everything, for what is none of ours."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _LONGEST_CURSOR):
        return None
    try:
        return _EPOCH + int(cursor) * _MILLISECOND
    except OverflowError:
        return None
