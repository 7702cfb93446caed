"""Beginning, finding and ending sessions. PostgreSQL is the truth, the cache makes it fast."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from auth_core.access import Grants
from auth_core.audit import AuditAction, AuditRecord
from auth_core.kernel import NO_METRICS, Clock, EventId, Ids, Metrics, SessionId, UserId
from auth_core.sessions.events import SessionCreated, SessionRevoked
from auth_core.sessions.metrics import CACHE_READS
from auth_core.sessions.model import (
    Ending,
    EndReason,
    Session,
    SessionState,
    first_organization,
)
from auth_core.sessions.origin import SessionOrigin
from auth_core.sessions.ports import ENDED, SessionCache, SessionsUnitOfWork
from auth_core.sessions.revocations import EndedSession, RevocationAnnouncer
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
        announcer: RevocationAnnouncer,
        *,
        idle_lifetime: timedelta,
        absolute_lifetime: timedelta,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._cache = cache
        self._announcer = announcer
        self._clock = clock
        self._ids = ids
        self._idle_lifetime = idle_lifetime
        self._absolute_lifetime = absolute_lifetime
        self._metrics = metrics

    async def begin(
        self,
        uow: SessionsUnitOfWork,
        user: User,
        origin: SessionOrigin,
        *,
        grants: Grants = (),
        amr: tuple[str, ...] = (),
        by: str | None = None,
    ) -> tuple[User, Session]:
        """Add a session and its login to ``uow``; the caller commits and then calls `began`.

        ``grants`` say where it may begin: see `first_organization`. ``amr`` says how the person
        proved who they are (RFC 8176 §2), ``by`` what the trail is to say instead. The commit
        raises ConcurrentUpdate when all sessions of the user were ended meanwhile.
        """
        now = self._clock.now()
        session = self._new(user, origin, now, self._absolute_lifetime, grants, amr=amr)
        await uow.sessions.add(session)
        await uow.users.record_login(user.id, now, epoch=user.epoch)
        logged_in = UserLoggedIn(
            id=EventId(self._ids.uuid()), occurred_at=now, user_id=user.id, session_id=session.id
        )
        await uow.outbox.add([self._created(session), logged_in])
        how = by or ("password" if "pwd" in amr else "name")
        signed_in = AuditAction.SIGN_IN_SUCCEEDED
        await uow.audit.append(self._record(signed_in, how, user.id, session.id, now))
        return user.signed_in(now), session

    async def begin_impersonation(
        self,
        uow: SessionsUnitOfWork,
        user: User,
        origin: SessionOrigin,
        *,
        grants: Grants,
        impersonator_id: UserId,
        reason: str,
        lifetime: timedelta,
    ) -> Session:
        """Add a session in which an administrator acts for ``user``; the caller commits.

        It ends after ``lifetime``, however often it is refreshed, and is no login of the user.
        """
        session = msgspec.structs.replace(
            self._new(user, origin, self._clock.now(), lifetime, grants),
            impersonator_id=impersonator_id,
            impersonation_reason=reason,
        )
        await uow.sessions.add(session)
        await uow.outbox.add([self._created(session)])
        return session

    def _record(
        self,
        action: AuditAction,
        reason: str,
        user_id: UserId,
        session_id: SessionId | None,
        now: datetime,
    ) -> AuditRecord:
        return AuditRecord(
            id=EventId(self._ids.uuid()),
            occurred_at=now,
            action=action,
            reason=str(reason),
            user_id=user_id,
            session_id=session_id,
        )

    def _new(
        self,
        user: User,
        origin: SessionOrigin,
        now: datetime,
        lifetime: timedelta,
        grants: Grants,
        *,
        amr: tuple[str, ...] = (),
    ) -> Session:
        absolute_expires_at = now + lifetime
        return Session(
            id=SessionId(self._ids.uuid()),
            user_id=user.id,
            organization_id=first_organization(user, grants),
            created_at=now,
            expires_at=min(now + self._idle_lifetime, absolute_expires_at),
            absolute_expires_at=absolute_expires_at,
            last_used_at=now,
            scopes=user.scopes,
            user_epoch=user.epoch,
            origin=origin,
            authenticated_at=now,
            amr=amr,
        )

    async def record_renewal(self, uow: SessionsUnitOfWork, session: Session) -> None:
        """Leave a record in ``uow`` that the person has proven again who they are."""
        action, now = AuditAction.REAUTHENTICATED, self._clock.now()
        record = self._record(action, "password", session.user_id, session.id, now)
        await uow.audit.append(record)

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
            self._metrics.count(CACHE_READS, "ended")
            return None
        if cached is not None and cached.admits(now):
            self._metrics.count(CACHE_READS, "hit")
            return cached
        self._metrics.count(CACHE_READS, "miss")
        # nothing cached, or its time is over there: a refresh may have prolonged it since
        state = await self._read_through(user_id, session_id, now)
        return state if state is not None and state.admits(now) else None

    async def _read_through(
        self, user_id: UserId, session_id: SessionId, now: datetime
    ) -> SessionState | None:
        lease = await self._cache.lease(user_id)
        async with self._unit_of_work() as uow:
            state = await uow.sessions.state(session_id, now)
        if state is None or state.user.id != user_id:
            return None
        if state.admits(now):
            if lease is not None:
                await self._cache.fill(state, lease)
        elif state.session.ended_at is None and not state.session.is_live(now):
            await asyncio.shield(self._expire(user_id, session_id, now))
        return state

    async def _expire(self, user_id: UserId, session_id: SessionId, now: datetime) -> None:
        """What was once seen as expired stays so, even if the clock is set back (SEC-50)."""
        async with self._unit_of_work() as uow:
            expired = await uow.sessions.expire(session_id, now)
            await uow.commit()
        if expired:
            await self._cache.end(user_id, [session_id])

    async def end(
        self,
        user_id: UserId,
        session_id: SessionId,
        reason: EndReason,
        *,
        record: AuditRecord | None = None,
    ) -> Ending:
        """End one session: durably first, and refused everywhere once this has returned.

        A caller that goes away does not stop it between the commit and the cache. ``record``
        joins the trail if it is this call that ends it.
        """
        return await asyncio.shield(self._end(user_id, session_id, reason, record))

    async def _end(
        self,
        user_id: UserId,
        session_id: SessionId,
        reason: EndReason,
        record: AuditRecord | None,
    ) -> Ending:
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            ending = await uow.sessions.end(user_id, session_id, reason, now)
            if ending.ended:
                await uow.outbox.add([self._revoked(user_id, session_id, reason, now)])
                action = AuditAction.SESSION_ENDED
                await uow.audit.append(
                    record or self._record(action, reason, user_id, session_id, now)
                )
                await uow.commit()
        if ending.ended:
            self._announcer.announce(user_id, [session_id], now)
        await self._cache.end(user_id, [session_id])
        return ending

    async def end_all(
        self,
        user_id: UserId,
        reason: EndReason,
        *,
        keep: SessionId | None = None,
        record: AuditRecord | None = None,
    ) -> int:
        """End every live session of a user but ``keep``, as `end` does for one; returns how many.

        Without ``keep`` this begins a new epoch: sign-ins under way come to nothing. ``record``
        joins the trail in any case.
        """
        return await asyncio.shield(self._end_all(user_id, reason, keep, record))

    async def _end_all(
        self,
        user_id: UserId,
        reason: EndReason,
        keep: SessionId | None,
        record: AuditRecord | None,
    ) -> int:
        async with self._unit_of_work() as uow:
            ended = await self.end_all_within(uow, user_id, reason, keep=keep)
            if record is None:
                now, action = self._clock.now(), AuditAction.SESSION_ENDED
                record = self._record(action, reason, user_id, None, now)
            await uow.audit.append(record)
            await uow.commit()
        await self.ended(user_id, ended)
        return len(ended)

    async def end_all_within(
        self,
        uow: SessionsUnitOfWork,
        user_id: UserId,
        reason: EndReason,
        *,
        keep: SessionId | None = None,
    ) -> list[SessionId]:
        """End them in the transaction of a caller, who commits and then calls `ended`."""
        now = self._clock.now()
        if keep is None:
            await uow.users.begin_epoch(user_id)
        ended = await uow.sessions.end_all(user_id, reason, now, keep=keep)
        await uow.outbox.add(
            [self._revoked(user_id, session_id, reason, now) for session_id in ended]
        )
        return ended

    async def end_impersonations_within(
        self, uow: SessionsUnitOfWork, impersonator_id: UserId, reason: EndReason
    ) -> list[EndedSession]:
        """End what this administrator does in the name of others, for a caller who commits and
        then calls `impersonations_ended`.
        """
        now = self._clock.now()
        ended = await uow.sessions.end_impersonations(impersonator_id, reason, now)
        await uow.outbox.add(
            [self._revoked(one.user_id, one.session_id, reason, now) for one in ended]
        )
        return ended

    async def impersonations_ended(self, ended: list[EndedSession]) -> None:
        """After the commit of `end_impersonations_within`."""
        for one in ended:
            await self.ended(one.user_id, [one.session_id])

    async def ended(self, user_id: UserId, session_ids: list[SessionId]) -> None:
        """After the commit of `end_all_within`: make it known everywhere before this returns."""
        if not session_ids:  # perhaps a retry after a crash between commit and cache: tell it again
            since = self._clock.now() - LONGEST_CACHED
            async with self._unit_of_work() as uow:
                recent = await uow.sessions.ended_since(since)
            session_ids = [one.session_id for one in recent if one.user_id == user_id]
        else:
            self._announcer.announce(user_id, session_ids, self._clock.now())
        await self._cache.end(user_id, session_ids)

    async def live_of(
        self, user_id: UserId, *, after: SessionId | None = None, limit: int = 100
    ) -> list[Session]:
        """Up to ``limit`` live sessions of a user, youngest first, those older than ``after``."""
        async with self._unit_of_work() as uow:
            return await uow.sessions.live_of(user_id, self._clock.now(), after=after, limit=limit)

    def _created(self, session: Session) -> SessionCreated:
        return SessionCreated(
            id=EventId(self._ids.uuid()),
            occurred_at=session.created_at,
            user_id=session.user_id,
            session_id=session.id,
        )

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
