"""Sessions in memory: the repository within a transaction, and the counter outside of any."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from auth_core.kernel import OrganizationId, SessionId, UserId, UserNotFound
from auth_core.sessions import (
    MAX_RECENT_ROTATIONS,
    EndedSession,
    Ending,
    EndReason,
    RefreshCounter,
    ReuseReport,
    Rotated,
    Session,
    SessionRepository,
    SessionState,
    Switched,
)
from auth_core.testing.roles import grants_of
from auth_core.testing.store import InMemoryStore, Transaction


class InMemorySessionRepository:
    """Sessions of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, session: Session) -> None:
        """Store the session; an unknown user is a broken reference."""
        await self._transaction.statement("sessions.add")
        if session.user_id not in self._transaction.users:
            raise UserNotFound
        self._transaction.insert(self._transaction.sessions, session.id, session)

    async def state(self, session_id: SessionId, now: datetime) -> SessionState | None:
        """The session in whatever state, with its user, or None."""
        await self._transaction.statement("sessions.state")
        session = self._transaction.sessions.get(session_id)
        if session is None:
            return None
        return SessionState(
            session=session,
            user=self._transaction.users[session.user_id],
            live_sessions=len(self._live(session.user_id, now)),
            grants=grants_of(self._transaction, session.user_id),
        )

    async def end(
        self, user_id: UserId, session_id: SessionId, reason: EndReason, at: datetime
    ) -> Ending:
        """End it if it is this user's and live once nobody else holds it."""
        await self._transaction.statement("sessions.end")
        ended = await self._end(user_id, session_id, reason, at)
        return Ending(ended=ended, live_sessions=len(self._live(user_id, at)))

    async def end_all(
        self,
        user_id: UserId,
        reason: EndReason,
        at: datetime,
        *,
        keep: SessionId | None = None,
    ) -> list[SessionId]:
        """End those that are still live when it is their turn."""
        await self._transaction.statement("sessions.end_all")
        return [
            session.id
            for session in self._live(user_id, at)
            if session.id != keep and await self._end(user_id, session.id, reason, at)
        ]

    async def end_impersonations(
        self, impersonator_id: UserId, reason: EndReason, at: datetime
    ) -> list[EndedSession]:
        """End those that are still live when it is their turn."""
        await self._transaction.statement("sessions.end_impersonations")
        theirs = [
            session
            for session in self._transaction.sessions.values()
            if session.impersonator_id == impersonator_id and session.is_live(at)
        ]
        return [
            EndedSession(session.user_id, session.id, at)
            for session in theirs
            if await self._end(session.user_id, session.id, reason, at)
        ]

    async def prove(
        self, user_id: UserId, session_id: SessionId, at: datetime, amr: tuple[str, ...]
    ) -> Session | None:
        """Note it, if the session may."""
        await self._transaction.statement("sessions.prove")
        await self._transaction.lock(session_id)
        session = self._transaction.sessions.get(session_id)
        if (
            session is None
            or session.user_id != user_id
            or session.impersonator_id is not None
            or not session.is_live(at)
        ):
            return None
        self._replace(session, authenticated_at=at, amr=amr)
        return self._transaction.sessions[session_id]

    async def switch(
        self,
        user_id: UserId,
        session_id: SessionId,
        organization_id: OrganizationId | None,
        now: datetime,
    ) -> Switched | None:
        """Choose it, if the session is still live when it is its turn."""
        await self._transaction.statement("sessions.switch")
        await self._transaction.lock(session_id)
        session = self._transaction.sessions.get(session_id)
        if session is None or session.user_id != user_id or not session.is_live(now):
            return None
        self._replace(session, organization_id=organization_id)
        return Switched(
            session=self._transaction.sessions[session_id], previous=session.organization_id
        )

    async def expire(self, session_id: SessionId, at: datetime) -> bool:
        """Mark it, if its time is over."""
        await self._transaction.statement("sessions.expire")
        await self._transaction.lock(session_id)
        session = self._transaction.sessions.get(session_id)
        if session is None or session.ended_at is not None or at < session.expires_at:
            return False
        self._replace(session, ended_at=at, end_reason=EndReason.EXPIRED)
        return True

    async def report_reuse(self, session_id: SessionId, at: datetime) -> ReuseReport | None:
        """End it and remember why, once."""
        await self._transaction.statement("sessions.report_reuse")
        await self._transaction.lock(session_id)
        session = self._transaction.sessions.get(session_id)
        if session is None or session.reuse_detected_at is not None:
            return None
        was_live = session.ended_at is None
        if was_live:
            self._replace(
                session, ended_at=at, end_reason=EndReason.REUSE_DETECTED, reuse_detected_at=at
            )
        else:
            self._replace(session, reuse_detected_at=at)
        return ReuseReport(was_live=was_live)

    async def ended_since(self, since: datetime) -> list[EndedSession]:
        """Who ended what at or after ``since``."""
        await self._transaction.statement("sessions.ended_since")
        ended = [
            EndedSession(session.user_id, session.id, session.ended_at)
            for session in self._transaction.sessions.values()
            if session.ended_at is not None
            and session.ended_at >= since
            and session.end_reason is not EndReason.EXPIRED
        ]
        erased = [one for one in self._transaction.erased.values() if one.ended_at >= since]
        return sorted([*ended, *erased], key=lambda one: one.ended_at)

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove what nobody holds."""
        await self._transaction.statement("sessions.sweep")
        over = [
            session.id
            for session in self._transaction.sessions.values()
            if min(session.ended_at or session.absolute_expires_at, session.absolute_expires_at)
            < before
        ]
        swept = await self._transaction.delete(self._transaction.sessions, over[:limit])
        erased = [one.session_id for one in self._transaction.erased.values()]
        told = [one for one in erased if self._transaction.erased[one].ended_at < before]
        return swept + await self._transaction.delete(
            self._transaction.erased, told[: limit - swept]
        )

    async def live_of(
        self, user_id: UserId, now: datetime, *, after: SessionId | None = None, limit: int = 100
    ) -> list[Session]:
        """Youngest first, which is in the order of ids."""
        await self._transaction.statement("sessions.live_of")
        live = reversed(self._live(user_id, now))
        return [session for session in live if after is None or session.id < after][:limit]

    async def users_with_live(
        self, now: datetime, *, after: UserId | None = None, limit: int = 1000
    ) -> list[UserId]:
        """Each of them once."""
        await self._transaction.statement("sessions.users_with_live")
        live = {one.user_id for one in self._transaction.sessions.values() if one.is_live(now)}
        return sorted(user_id for user_id in live if after is None or user_id > after)[:limit]

    async def _end(
        self, user_id: UserId, session_id: SessionId, reason: EndReason, at: datetime
    ) -> bool:
        await self._transaction.lock(session_id)
        session = self._transaction.sessions.get(session_id)
        if session is None or session.user_id != user_id or not session.is_live(at):
            return False
        self._replace(session, ended_at=at, end_reason=reason)
        return True

    def _replace(self, session: Session, **changes: object) -> None:
        self._transaction.sessions[session.id] = msgspec.structs.replace(session, **changes)

    def _live(self, user_id: UserId, now: datetime) -> list[Session]:
        mine = [
            session
            for session in self._transaction.sessions.values()
            if session.user_id == user_id and session.is_live(now)
        ]
        return sorted(mine, key=lambda session: session.id)


class InMemoryRefreshCounter:
    """Compare and set on the committed rows, each in a transaction of its own."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def advance(
        self,
        user_id: UserId,
        session_id: SessionId,
        counter: int,
        *,
        client_id: str | None,
        now: datetime,
        idle_lifetime: timedelta,
        window: timedelta,
    ) -> Rotated | None:
        """Wait for whoever holds the session, then look, then move on."""
        transaction = Transaction(self._store)
        transaction.begin()
        try:
            await transaction.statement("sessions.advance")
            await transaction.lock(session_id)
            session = transaction.sessions.get(session_id)
            if (
                session is None
                or session.user_id != user_id
                or session.origin.client_id != client_id
                or session.refresh_counter != counter
            ):
                return None
            user = transaction.users[user_id]
            if not SessionState(session=session, user=user, live_sessions=1).admits(now):
                return None
            advanced = _advanced(session, now, idle_lifetime, window)
            transaction.sessions[session_id] = advanced
            await transaction.commit()
            return Rotated(user=user, session=advanced, grants=grants_of(transaction, user_id))
        finally:
            transaction.end()


def _advanced(
    session: Session, now: datetime, idle_lifetime: timedelta, window: timedelta
) -> Session:
    latest = session.recent_rotations[1 - MAX_RECENT_ROTATIONS :]
    recent = [moment for moment in latest if abs(now - moment) < window]
    return msgspec.structs.replace(
        session,
        refresh_counter=session.refresh_counter + 1,
        last_used_at=now,
        expires_at=min(now + idle_lifetime, session.absolute_expires_at),
        recent_rotations=(*recent, now),
    )


if TYPE_CHECKING:
    _sessions: type[SessionRepository] = InMemorySessionRepository
    _counter: type[RefreshCounter] = InMemoryRefreshCounter
