"""Exporting and erasing what is stored about a person (GDPR articles 15, 17 and 20)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from auth_core.audit import AuditAction, AuditRecord
from auth_core.kernel import Clock, ConcurrentUpdate, EventId, Ids, SessionId, UserId, UserNotFound
from auth_core.privacy.model import ErasureReason, PersonalData
from auth_core.privacy.ports import PrivacyUnitOfWork
from auth_core.sessions import AccountLifecycle, SessionCache
from auth_core.sessions.service import LONGEST_CACHED
from auth_core.users import UserErased, UserStatus

_MARGIN = timedelta(minutes=1)
"""Clocks differ, and a commit comes after the moment that it records."""
_AT_ONCE = timedelta(0)


class PersonalDataService:
    """What a person may ask of their data. Any number of processes may erase at once."""

    def __init__(
        self,
        unit_of_work: Callable[[], PrivacyUnitOfWork],
        lifecycle: AccountLifecycle,
        cache: SessionCache,
        clock: Clock,
        ids: Ids,
        *,
        access_lifetime: timedelta,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._lifecycle = lifecycle
        self._cache = cache
        self._clock = clock
        self._ids = ids
        self._endings_kept = max(access_lifetime, LONGEST_CACHED) + _MARGIN

    async def export(self, user_id: UserId) -> PersonalData:
        """All that is stored about a person. Raises UserNotFound, Unavailable."""
        async with self._unit_of_work() as uow:
            exported = await uow.personal_data.export(user_id, self._clock.now())
        if exported is None:
            raise UserNotFound
        return exported

    async def erase(self, user_id: UserId) -> None:
        """Close an account and erase it now, whatever its grace period says.

        The sessions end, and their tokens die, as with `AccountLifecycle.delete`. Cut off in
        between, the account is deleted and due: `erase_due` does the rest. Raises UserNotFound,
        ConcurrentUpdate, LastAdministrator, Unavailable.
        """
        async with self._unit_of_work() as uow:
            user = await uow.users.get(user_id)
        if user is None:
            raise UserNotFound
        if user.status is not UserStatus.DELETED:
            await self._lifecycle.delete(user_id, grace=_AT_ONCE)
        if not await asyncio.shield(self._erase_one(user_id)):
            async with self._unit_of_work() as uow:
                left = await uow.users.get(user_id)
            if left is not None:  # somebody brought it back; else a worker was faster
                raise ConcurrentUpdate

    async def erase_due(self) -> int:
        """Erase every account, deleted or left, whose grace period is over; returns how many.

        Each in a transaction of its own. Accounts that somebody holds are left for the next time.
        Raises Unavailable.
        """
        erased = 0
        while await asyncio.shield(self._erase_one(None)):
            erased += 1
        return erased

    async def _erase_one(self, chosen: UserId | None) -> bool:
        reason = ErasureReason.GRACE_OVER if chosen is None else ErasureReason.OPERATOR
        async with self._unit_of_work() as uow:
            user_id = chosen or await uow.personal_data.claim_due(self._clock.now())
            if user_id is None:
                return False
            session_ids = await self._erase_within(uow, user_id, reason)
            if session_ids is None:
                return False
            await uow.commit()
        # cut off here, the copies in the cache expire by themselves within a minute or two
        await self._cache.end(user_id, session_ids)
        return True

    async def _erase_within(
        self, uow: PrivacyUnitOfWork, user_id: UserId, reason: ErasureReason
    ) -> list[SessionId] | None:
        now = self._clock.now()
        session_ids = await uow.personal_data.erase(user_id, endings_since=now - self._endings_kept)
        if session_ids is not None:
            erased = UserErased(id=self._event_id(), occurred_at=now, user_id=user_id)
            await uow.outbox.add([erased])
            await uow.audit.append(
                AuditRecord(
                    id=self._event_id(),
                    occurred_at=now,
                    action=AuditAction.USER_ERASED,
                    reason=reason,
                    user_id=user_id,
                )
            )
        return session_ids

    def _event_id(self) -> EventId:
        return EventId(self._ids.uuid())
