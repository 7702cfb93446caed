"""Changes to an account that must end its sessions in the same commit (SEC-29)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from auth_core.credentials import (
    OF_AN_ACCOUNT,
    CredentialsUnitOfWork,
    OneTimeSecretsUnitOfWork,
    PasswordHasher,
    PasswordPolicy,
)
from auth_core.kernel import (
    Clock,
    ConcurrentUpdate,
    EventId,
    Ids,
    LastAdministrator,
    PreconditionFailed,
    Secret,
    SessionId,
    UserId,
    UserNotFound,
)
from auth_core.organizations import MembershipsUnitOfWork, require_no_sole_owner
from auth_core.sessions.account_change import AccountChange, password_record
from auth_core.sessions.model import EndReason
from auth_core.sessions.ports import SessionsUnitOfWork
from auth_core.sessions.revocations import EndedSession
from auth_core.sessions.service import SessionService
from auth_core.users import (
    DELETION_GRACE,
    NO_CHANGES,
    ProfileChanges,
    User,
    UserPasswordChanged,
    UserStatus,
)

Change = Callable[[User], User]
Permit = Callable[[User], None]
"""Looks at the account that is about to be changed, and raises what speaks against it."""


class LifecycleUnitOfWork(
    CredentialsUnitOfWork,
    OneTimeSecretsUnitOfWork,
    SessionsUnitOfWork,
    MembershipsUnitOfWork,
    Protocol,
):
    """A transaction over users, credentials, one-time secrets and sessions."""


def anybody(_user: User) -> None:
    """Nothing speaks against it."""


class AccountLifecycle:
    """Disables, enables and deletes accounts, changes profiles, roles and passwords.

    Each change is one commit with its audit record, and no token of an ended session passes once it
    has returned. All raise UserNotFound, Unavailable, what ``permit`` raises, and ConcurrentUpdate
    when somebody else changed the account; LastAdministrator when nobody would be left to
    administrate, also when the last two go at once (SEC-58); `delete` also raises LastOwner when an
    organization would be left without an owner.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], LifecycleUnitOfWork],
        sessions: SessionService,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._sessions = sessions
        self._hasher = hasher
        self._policy = policy
        self._clock = clock
        self._ids = ids

    async def disable(self, user_id: UserId, *, permit: Permit = anybody) -> User:
        """Shut a user out; ends every session. Raises LifecycleConflict."""
        now = self._clock.now()
        return await self._change(user_id, lambda user: user.disabled(at=now), permit)

    async def enable(self, user_id: UserId, *, permit: Permit = anybody) -> User:
        """Let a user in again. No session comes back. Raises LifecycleConflict."""
        now = self._clock.now()
        return await self._change(user_id, lambda user: user.activated(at=now), permit)

    async def delete(
        self, user_id: UserId, *, grace: timedelta = DELETION_GRACE, permit: Permit = anybody
    ) -> User:
        """Close an account for good; ends every session. It is erased after ``grace``.

        Raises LifecycleConflict.
        """
        now = self._clock.now()
        return await self._change(
            user_id, lambda user: user.deleted(at=now, delete_after=now + grace), permit
        )

    async def set_roles(
        self, user_id: UserId, roles: tuple[str, ...], *, permit: Permit = anybody
    ) -> User:
        """Replace the roles. Sessions end when one is lost: tokens elsewhere still claim it."""
        return await self.edit(user_id, roles=roles, permit=permit)

    async def edit(
        self,
        user_id: UserId,
        changes: ProfileChanges = NO_CHANGES,
        *,
        roles: tuple[str, ...] | None = None,
        if_version: int | None = None,
        permit: Permit = anybody,
    ) -> User:
        """Change profile and roles at once; nothing is written when nothing differs.

        Raises PreconditionFailed when the stored version is not ``if_version``.
        """
        now = self._clock.now()

        def change(user: User) -> User:
            if if_version not in {None, user.version}:
                raise PreconditionFailed
            fields = changes.differing(user)
            if roles is not None and set(roles) != set(user.roles):
                fields["roles"] = roles
            return user.edited(at=now, **fields) if fields else user

        try:
            return await self._change(user_id, change, permit)
        except ConcurrentUpdate as error:
            if if_version is None:
                raise
            raise PreconditionFailed from error

    async def set_password(self, user_id: UserId, password: Secret[str]) -> None:
        """Replace the password; ends every session.

        Every mailed link and code is void (SEC-16), failures are forgotten, and nothing is left to
        change. Raises InvalidInput when the policy
        refuses it.
        """
        async with self._unit_of_work() as uow:
            user = await uow.users.get(user_id)
        if user is None:
            raise UserNotFound
        admitted = await self._policy.check(password.reveal(), names=user.names)
        password_hash = await self._hasher.hash(admitted)
        now = self._clock.now()

        async def work() -> None:
            async with self._unit_of_work() as uow:
                if await uow.users.get(user_id) is None:
                    raise UserNotFound
                await uow.one_time_secrets.void(user_id, OF_AN_ACCOUNT, now)
                await uow.credentials.set_password(user_id, password_hash)
                event = UserPasswordChanged(id=self._event_id(), occurred_at=now, user_id=user_id)
                await uow.outbox.add([event])
                await uow.audit.append(password_record(self._event_id(), now, user_id))
                ended = await self._end_all(uow, user_id, EndReason.PASSWORD_CHANGED)
                await uow.commit()
            await self._ended(user_id, ended)

        await asyncio.shield(work())

    async def require_password_change(self, user_id: UserId, *, permit: Permit = anybody) -> None:
        """No session, and no new one before there is another password (NIST SP 800-63B-4)."""
        now = self._clock.now()

        async def work() -> None:
            async with self._unit_of_work() as uow:
                permit(await _existing(uow, user_id))
                await uow.credentials.require_change(user_id)
                record = password_record(self._event_id(), now, user_id, required=True)
                await uow.audit.append(record)
                ended = await self._end_all(uow, user_id, EndReason.REVOKED_ALL)
                await uow.commit()
            await self._ended(user_id, ended)

        await asyncio.shield(work())

    async def _change(self, user_id: UserId, change: Change, permit: Permit) -> User:
        async def work() -> User:
            async with self._unit_of_work() as uow:
                before = await _existing(uow, user_id)
                permit(before)
                after = change(before)
                if after is before:
                    return before
                loses = before.administrates and not after.administrates
                if loses and not await uow.users.hold_administrators(user_id):
                    raise LastAdministrator
                made = AccountChange(before, after, self._event_id)
                await uow.users.update(after)
                if after.status is UserStatus.DELETED:
                    await require_no_sole_owner(uow, user_id)
                await uow.outbox.add(made.events())
                for record in made.records():
                    await uow.audit.append(record)
                ended = await self._end_all(uow, user_id, made.end_reason)
                await uow.commit()
            await self._ended(user_id, ended)
            return after

        return await asyncio.shield(work())

    async def _end_all(
        self, uow: LifecycleUnitOfWork, user_id: UserId, reason: EndReason | None
    ) -> tuple[list[SessionId], list[EndedSession]]:
        """The user's sessions, and what they do in the name of others (SEC-57)."""
        if reason is None:
            return [], []
        return (
            await self._sessions.end_all_within(uow, user_id, reason),
            await self._sessions.end_impersonations_within(uow, user_id, reason),
        )

    async def _ended(
        self, user_id: UserId, ended: tuple[list[SessionId], list[EndedSession]]
    ) -> None:
        own, impersonations = ended
        await self._sessions.ended(user_id, own)
        await self._sessions.impersonations_ended(impersonations)

    def _event_id(self) -> EventId:
        return EventId(self._ids.uuid())


async def _existing(uow: LifecycleUnitOfWork, user_id: UserId) -> User:
    user = await uow.users.get(user_id)
    if user is None:
        raise UserNotFound
    return user
