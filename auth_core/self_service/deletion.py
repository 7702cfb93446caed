"""Leaving, and coming back before the account is erased."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from auth_core.audit import AuditAction
from auth_core.credentials import OF_AN_ACCOUNT
from auth_core.kernel import (
    NOBODY,
    AuthenticationFailed,
    Clock,
    Email,
    LastAdministrator,
    LifecycleConflict,
    MailTemplate,
    UserId,
    Username,
    UserNotFound,
    has_mailbox,
)
from auth_core.organizations import require_no_sole_owner
from auth_core.self_service.mailed import MailedSecrets
from auth_core.self_service.owner_check import OwnerCheck
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.sign_in import SessionStart
from auth_core.self_service.trail import Trail
from auth_core.sessions import EndReason, SessionOrigin, SessionService
from auth_core.tokens import SignedIn
from auth_core.users import User, UserStatus


class DeletionFlow:
    """Shuts an account at once and leaves it to be erased after the grace period."""

    def __init__(
        self,
        unit_of_work: Callable[[], SelfServiceUnitOfWork],
        sessions: SessionService,
        reauthentication: OwnerCheck,
        mailed: MailedSecrets,
        start: SessionStart,
        trail: Trail,
        clock: Clock,
        *,
        grace: timedelta,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._sessions = sessions
        self._reauthentication = reauthentication
        self._mailed = mailed
        self._start = start
        self._trail = trail
        self._clock = clock
        self._grace = grace

    async def schedule(self, user: User, password: str | None) -> datetime:
        """Shut the account; returns when it may be erased. Every session ends in the same commit.

        Raises ReauthenticationFailed, LastAdministrator and LastOwner (SEC-58), ConcurrentUpdate,
        Unavailable.
        """
        account = await self._reauthentication.require(user, password)
        return await asyncio.shield(self._schedule(account.user))

    async def _schedule(self, user: User) -> datetime:
        now = self._clock.now()
        delete_after = now + self._grace
        async with self._unit_of_work() as uow:
            # before the row, as `AccountLifecycle` does: the other way round is a deadlock
            if user.administrates and not await uow.users.hold_administrators(user.id):
                raise LastAdministrator
            await uow.one_time_secrets.void(user.id, OF_AN_ACCOUNT, now)
            await uow.users.update(user.leaving(at=now, delete_after=delete_after))
            await require_no_sole_owner(uow, user.id)
            ended = await self._sessions.end_all_within(uow, user.id, EndReason.USER_DELETED)
            acted = await self._sessions.end_impersonations_within(
                uow, user.id, EndReason.USER_DELETED
            )
            await self._trail.record(
                uow,
                user.id,
                AuditAction.DELETION_SCHEDULED,
                self._trail.updated(user.id, "delete_after"),
                reason="by_owner",
            )
            to = user.email if has_mailbox(user.email) else NOBODY
            values = {"date": delete_after.date().isoformat()}
            await self._mailed.write(
                uow, MailTemplate.DELETION_SCHEDULED, to, values, locale=user.locale
            )
            await uow.commit()
        await self._sessions.ended(user.id, ended)
        await self._sessions.impersonations_ended(acted)
        return delete_after

    async def restore(
        self, name: Username | Email, password: str | None, *, origin: SessionOrigin
    ) -> SignedIn:
        """Undo it and sign in. For an account that is not leaving this is a log-in: a retry works.

        Raises AuthenticationFailed alike for unknown, wrong, disabled, erased (SEC-01);
        ConcurrentUpdate, Unavailable.
        """
        keys = await self._start.keys()
        account = await self._reauthentication.proven(name, password)
        if account is None or not self._may_return(account.user):
            raise AuthenticationFailed
        user = account.user
        async with self._unit_of_work() as uow:
            if user.delete_after is not None:
                user = await self._stay(uow, user, reason="by_owner")
            return await self._start.commit(uow, user, origin, keys)

    async def cancel(self, user_id: UserId, *, permit: Callable[[User], None]) -> User:
        """Undo it for somebody, as an administrator; their owner is told by mail.

        Nobody is signed in: sessions, links and codes of before stay dead. An account that was
        disabled meanwhile stays so. Raises UserNotFound, what ``permit`` raises, LifecycleConflict
        when it is not leaving or the grace is over; ConcurrentUpdate, Unavailable.
        """
        return await asyncio.shield(self._cancel(user_id, permit))

    async def _cancel(self, user_id: UserId, permit: Callable[[User], None]) -> User:
        async with self._unit_of_work() as uow:
            user = await uow.users.get(user_id)
            if user is None:
                raise UserNotFound
            permit(user)
            self._require_leaving(user)
            stayed = await self._stay(uow, user, reason="by_administrator")
            to = user.email if has_mailbox(user.email) else NOBODY
            await self._mailed.write(
                uow, MailTemplate.DELETION_CANCELLED, to, {}, locale=user.locale
            )
            await uow.commit()
        await self._sessions.began(user_id)  # what is cached about the user is old
        return stayed

    def _require_leaving(self, user: User) -> None:
        """Raises LifecycleConflict. What is due may be erased at any moment: too late."""
        if user.status is UserStatus.DELETED:
            message = "The account was deleted for good."
        elif user.delete_after is None:
            message = "The account is not on its way out."
        elif self._clock.now() >= user.delete_after:
            message = "It is too late: the account is due to be erased."
        else:
            return
        raise LifecycleConflict(message)

    async def _stay(self, uow: SelfServiceUnitOfWork, user: User, *, reason: str) -> User:
        stayed = user.stayed(at=self._clock.now())
        await uow.users.update(stayed)
        await self._trail.record(
            uow,
            user.id,
            AuditAction.DELETION_CANCELLED,
            self._trail.updated(user.id, "delete_after"),
            reason=reason,
        )
        return stayed

    def _may_return(self, user: User) -> bool:
        if user.status is not UserStatus.ACTIVE:
            return False
        return user.delete_after is None or self._clock.now() < user.delete_after
