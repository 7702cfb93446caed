"""Beginning, finding and ending sessions. PostgreSQL is the truth, the cache makes it fast."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from auth_core.kernel import Clock, EventId, Ids, SessionId, UserId
from auth_core.sessions.events import SessionCreated, SessionRevoked
from auth_core.sessions.model import Ending, EndReason, Session, SessionState
from auth_core.sessions.ports import ENDED, SessionCache, SessionsUnitOfWork
from auth_core.users import User, UserLoggedIn

LONGEST_CACHED = timedelta(minutes=20)
"""No cache serves a state for longer than this after the session has ended."""


class SessionService:
    """Sessions of users: one row each, ended rows stay ended."""

    def __init__(
        self,
        unit_of_work: Callable[[], SessionsUnitOfWork],
        cache: SessionCache,
        clock: Clock,
        ids: Ids,
        *,
        lifetime: timedelta,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._cache = cache
        self._clock = clock
        self._ids = ids
        self._lifetime = lifetime

    async def begin(self, uow: SessionsUnitOfWork, user: User) -> tuple[User, Session]:
        """Add a session and its login to ``uow``; the caller commits and then calls `began`."""
        now = self._clock.now()
        session = Session(
            id=SessionId(self._ids.uuid()),
            user_id=user.id,
            organization_id=user.organization_id,
            created_at=now,
            expires_at=now + self._lifetime,
        )
        await uow.sessions.add(session)
        await uow.users.record_login(user.id, now)
        await uow.outbox.add(
            [
                SessionCreated(
                    id=EventId(self._ids.uuid()),
                    occurred_at=now,
                    user_id=user.id,
                    session_id=session.id,
                ),
                UserLoggedIn(
                    id=EventId(self._ids.uuid()),
                    occurred_at=now,
                    user_id=user.id,
                    session_id=session.id,
                ),
            ]
        )
        return user.signed_in(now), session

    async def began(self, user_id: UserId) -> None:
        """After the commit of `begin`: what is cached about the user's logins is old."""
        await self._cache.forget_user(user_id)

    async def state(self, user_id: UserId, session_id: SessionId) -> SessionState | None:
        """The state of a session that may be used now, or None.

        One cache round trip when warm; otherwise one read of the truth, which fills the cache.
        Raises Unavailable when neither can be asked.
        """
        now = self._clock.now()
        cached = await self._cache.read(user_id, session_id)
        if cached is ENDED:
            return None
        state = cached or await self._read_through(user_id, session_id, now)
        return state if state is not None and state.admits(now) else None

    async def _read_through(
        self, user_id: UserId, session_id: SessionId, now: datetime
    ) -> SessionState | None:
        lease = await self._cache.lease(user_id)
        async with self._unit_of_work() as uow:
            state = await uow.sessions.state(session_id, now)
        if state is None or state.user.id != user_id:
            return None
        if lease is not None and state.admits(now):
            await self._cache.fill(state, lease)
        return state

    async def end(self, user_id: UserId, session_id: SessionId, reason: EndReason) -> Ending:
        """End one session: durably first, and refused everywhere once this has returned.

        A caller that goes away does not stop it between the commit and the cache.
        """
        return await asyncio.shield(self._end(user_id, session_id, reason))

    async def _end(self, user_id: UserId, session_id: SessionId, reason: EndReason) -> Ending:
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            ending = await uow.sessions.end(user_id, session_id, reason, now)
            if ending.ended:
                await uow.outbox.add([self._revoked(user_id, session_id, reason, now)])
                await uow.commit()
        await self._cache.end(user_id, [session_id])
        return ending

    async def end_all(self, user_id: UserId, reason: EndReason) -> int:
        """End every live session of a user, as `end` does for one; returns how many."""
        return await asyncio.shield(self._end_all(user_id, reason))

    async def _end_all(self, user_id: UserId, reason: EndReason) -> int:
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            ended = await uow.sessions.end_all(user_id, reason, now)
            if ended:
                await uow.outbox.add(
                    [self._revoked(user_id, session_id, reason, now) for session_id in ended]
                )
                await uow.commit()
            else:  # perhaps a retry after a crash between commit and cache: tell the cache again
                recent = await uow.sessions.ended_since(now - LONGEST_CACHED)
                ended_before = [session_id for user, session_id in recent if user == user_id]
        await self._cache.end(user_id, ended or ended_before)
        return len(ended)

    def _revoked(
        self, user_id: UserId, session_id: SessionId, reason: EndReason, at: datetime
    ) -> SessionRevoked:
        return SessionRevoked(
            id=EventId(self._ids.uuid()),
            occurred_at=at,
            user_id=user_id,
            session_id=session_id,
            reason=reason,
        )
