"""What the API answers about users and tokens, field by field what existing clients read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, Self, TypedDict
from uuid import UUID

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send
from litestar.types import Scope as AsgiScope

from auth_core.sessions import SessionState
from auth_core.tokens import SignedIn
from auth_core.users import Scope, User

Timestamp = Annotated[str, msgspec.Meta(extra_json_schema={"extra": {"format": "date-time"}})]
"""ISO 8601 with ``+00:00``; an encoded datetime would end in ``Z``."""


class AuthUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user as clients see them."""

    user_id: UUID
    username: str
    email: str
    display_name: str
    created_at: Timestamp
    is_dev_user: bool
    is_active: bool
    roles: tuple[str, ...]
    is_admin: bool

    @classmethod
    def of(cls, user: User) -> Self:
        """The public view of a user."""
        return cls(**_fields(user))


class AuthOrganization(msgspec.Struct, frozen=True, kw_only=True):
    """The organization that is active in a session."""

    organization_id: UUID
    name: str | None


class AuthProfile(AuthUser, frozen=True, kw_only=True):
    """A user as they see themselves. ``token_count`` is the number of their live sessions."""

    last_login: Timestamp | None
    token_count: int
    email_verified: bool
    provider: Literal["local"] = "local"
    organization: AuthOrganization | None
    locale: str | None
    time_zone: str | None
    picture_url: str | None
    claims: Mapping[str, Any]

    @classmethod
    def of_state(cls, state: SessionState) -> Self:
        """The profile behind a session."""
        user, active = state.user, state.organization
        return cls(
            **_fields(user),
            last_login=None if user.last_login_at is None else timestamp(user.last_login_at),
            token_count=state.live_sessions,
            email_verified=user.email_verified,
            organization=None
            if active is None
            else AuthOrganization(organization_id=active.organization_id, name=active.name),
            locale=user.locale,
            time_zone=user.time_zone,
            picture_url=user.picture_url,
            claims=user.claims,
        )


class AuthTokens(msgspec.Struct, frozen=True, kw_only=True):
    """A session's tokens. ``expires_at`` is epoch milliseconds, ``…expires_in`` seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - not a password
    expires_in: int
    expires_at: int
    refresh_token: str
    refresh_expires_in: int
    session_id: UUID
    user: AuthUser

    def __repr__(self) -> str:
        return f"AuthTokens(session_id={self.session_id!r}, tokens='***')"

    @classmethod
    def of(cls, signed_in: SignedIn) -> Self:
        """The answer to a registration, login or refresh."""
        tokens = signed_in.tokens
        return cls(
            access_token=tokens.access_token,
            expires_in=tokens.expires_in,
            expires_at=tokens.expires_at * 1000,
            refresh_token=tokens.refresh_token,
            refresh_expires_in=tokens.refresh_expires_in,
            session_id=tokens.session_id,
            user=AuthUser.of(signed_in.user),
        )


class AuthAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """Done as far as can be told; whatever else there is to know comes by mail."""

    message: str


class AuthDone(msgspec.Struct, frozen=True, kw_only=True):
    """It is done."""

    message: str


class AuthScopes(msgspec.Struct, frozen=True):
    """The scopes that the caller may act in."""

    scopes: tuple[Scope, ...]


class JsonAnswer(ASGIResponse):
    """An answer as JSON that goes out as it is: none of what Litestar lets a response have."""

    __slots__ = ("_etag",)

    def __init__(self, content: msgspec.Struct, status: int, etag: str = "") -> None:
        self.body = msgspec.json.encode(content)
        self.status_code = status
        self._etag = etag

    async def __call__(self, _scope: AsgiScope, _receive: Receive, send: Send) -> None:
        """Send it."""
        length = str(len(self.body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        if self._etag:
            headers.append((b"etag", self._etag.encode()))
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def json_answer(content: msgspec.Struct, *, status: int = 200, etag: str = "") -> ASGIResponse:
    """``content`` as JSON, without the cost of Litestar's generic response."""
    return JsonAnswer(content, status, etag)


@lru_cache(maxsize=4096)  # the same user is read again and again
def timestamp(moment: datetime) -> Timestamp:
    """A moment as clients read it."""
    return listed_timestamp(moment)


def listed_timestamp(moment: datetime) -> Timestamp:
    """The same for long lists, which would push the others out and find none of their own."""
    return moment.astimezone(UTC).isoformat()


class _UserFields(TypedDict):
    user_id: UUID
    username: str
    email: str
    display_name: str
    created_at: Timestamp
    is_dev_user: bool
    is_active: bool
    roles: tuple[str, ...]
    is_admin: bool


def _fields(user: User) -> _UserFields:
    return {
        "user_id": user.id,
        "username": user.username.value,
        "email": user.email.value,
        "display_name": user.display_name,
        "created_at": timestamp(user.created_at),
        "is_dev_user": user.is_dev_user,
        "is_active": user.is_active,
        "roles": user.roles,
        "is_admin": user.is_admin,
    }
