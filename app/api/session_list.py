"""The sessions that a person, or an administrator on their behalf, can see and end."""

from typing import Self
from uuid import UUID

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.access import OWN_ACCOUNT, requires
from app.api.answers import Timestamp, timestamp
from app.api.examples import OTHERS_REVOKED, REVOKED, SESSIONS
from app.api.paging import (
    DEFAULT_LIMIT,
    LIMIT_PROBLEM,
    Cursor,
    Limit,
    after,
    cursor_of,
    page_of,
    page_size,
)
from app.api.responses import answer, errors
from app.api.sessions import AuthRevokedTokens, revoked
from app.limits import LIMIT_GENERAL, LIMIT_READ
from app.security import BY_BEARER
from auth_core.access import Permission
from auth_core.administration import Administration
from auth_core.kernel import InvalidInput, NotFound, SessionId, UserId, UserNotFound
from auth_core.sessions import EndReason, Session, SessionService
from auth_core.tokens import Principal
from auth_core.users import UserService

_NO_PAGE = {422: InvalidInput(LIMIT_PROBLEM)}


class AuthSession(msgspec.Struct, frozen=True, kw_only=True):
    """A live session. ``last_used_at`` is its sign-in or last refresh."""

    session_id: UUID
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    client_id: str | None
    user_agent: str | None
    ip_address: str | None
    current: bool
    impersonator_id: UUID | None
    """The administrator who acts for the user in this session."""

    @classmethod
    def of(cls, session: Session, current: SessionId | None) -> Self:
        """What may be shown of a session."""
        return cls(
            session_id=session.id,
            created_at=timestamp(session.created_at),
            last_used_at=timestamp(session.last_used_at),
            expires_at=timestamp(session.expires_at),
            client_id=session.origin.client_id,
            user_agent=session.origin.user_agent,
            ip_address=session.origin.ip_address,
            current=session.id == current,
            impersonator_id=session.impersonator_id,
        )


class AuthSessions(msgspec.Struct, frozen=True, kw_only=True):
    """Live sessions, youngest first. ``next_cursor`` is null on the last page."""

    items: list[AuthSession]
    next_cursor: str | None


class SessionListController(Controller):
    """Your sessions."""

    path = "/api/v1/auth/sessions"
    tags = ("Sessions",)
    opt = OWN_ACCOUNT | LIMIT_GENERAL
    security = BY_BEARER

    @get(
        opt=LIMIT_READ,
        responses={
            200: answer(AuthSessions, SESSIONS),
            **errors(400, 401, 422, 503, likely=_NO_PAGE),
        },
        summary="List your sessions",
    )
    async def list_own(
        self,
        principal: NamedDependency[Principal],
        sessions: NamedDependency[SessionService],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthSessions:
        """List your sessions, youngest first, the one that asks marked as current."""
        return await _page(sessions, principal.user.id, limit, cursor, principal.session.id)

    @delete(
        "/{session_id:uuid}",
        responses=errors(400, 401, 404, 429, 503, likely={404: NotFound()}),
        summary="End one of your sessions",
    )
    async def end_own(
        self,
        session_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        sessions: NamedDependency[SessionService],
    ) -> None:
        """End one of your sessions, with all its tokens, everywhere, before the answer."""
        await _end(sessions, principal.user.id, session_id)

    @post(
        "/revoke-others",
        status_code=200,
        responses={200: answer(AuthRevokedTokens, OTHERS_REVOKED), **errors(401, 429, 503)},
        summary="End your other sessions",
    )
    async def end_others(
        self,
        principal: NamedDependency[Principal],
        sessions: NamedDependency[SessionService],
    ) -> AuthRevokedTokens:
        """End every session of yours but the one that asks."""
        return revoked(
            await sessions.end_all(principal.user.id, EndReason.REVOKED, keep=principal.session.id)
        )


class UserSessionsController(Controller):
    """The sessions of a user, for administrators."""

    path = "/api/v1/auth/users/{user_id:uuid}/sessions"
    tags = ("Administration",)
    opt = requires(Permission.USERS_MANAGE) | LIMIT_GENERAL
    security = BY_BEARER

    @get(
        opt=requires(Permission.USERS_READ) | LIMIT_READ,
        responses={
            200: answer(AuthSessions, SESSIONS),
            **errors(400, 401, 403, 404, 422, 503, likely={404: UserNotFound(), **_NO_PAGE}),
        },
        summary="List a user's sessions",
    )
    async def list_theirs(
        self,
        user_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        sessions: NamedDependency[SessionService],
        users: NamedDependency[UserService],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthSessions:
        """List a user's sessions, youngest first."""
        user = await users.get(UserId(user_id))
        return await _page(sessions, user.id, limit, cursor, principal.session.id)

    @delete(
        status_code=200,
        responses={
            200: answer(AuthRevokedTokens, REVOKED),
            **errors(400, 401, 403, 404, 429, 503, likely={404: UserNotFound()}),
        },
        summary="End all sessions of a user",
    )
    async def end_all_theirs(
        self,
        user_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        administration: NamedDependency[Administration],
    ) -> AuthRevokedTokens:
        """End all sessions of a user, and every sign-in of theirs that is under way."""
        return revoked(await administration.end_sessions(principal.user, UserId(user_id)))

    @delete(
        "/{session_id:uuid}",
        responses=errors(400, 401, 403, 404, 429, 503, likely={404: NotFound()}),
        summary="End one session of a user",
    )
    async def end_theirs(
        self,
        user_id: FromPath[UUID],
        session_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        administration: NamedDependency[Administration],
    ) -> None:
        """End one session of a user."""
        ending = await administration.end_session(
            principal.user, UserId(user_id), SessionId(session_id)
        )
        if not ending.ended:
            raise NotFound


async def _page(
    sessions: SessionService,
    user_id: UserId,
    limit: int,
    cursor: str | None,
    current: SessionId,
) -> AuthSessions:
    size = page_size(limit)
    found = await sessions.live_of(user_id, after=after(cursor, SessionId), limit=size)
    items, last = page_of(found, limit)
    return AuthSessions(
        items=[AuthSession.of(session, current) for session in items],
        next_cursor=cursor_of(None if last is None else last.id),
    )


async def _end(sessions: SessionService, user_id: UserId, session_id: UUID) -> None:
    ending = await sessions.end(user_id, SessionId(session_id), EndReason.REVOKED)
    if not ending.ended:
        raise NotFound
