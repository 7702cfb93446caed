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
from auth_core.kernel import Clock, DomainEvent, EventId, Ids, Secret, UserId, UserNotFound
from auth_core.sessions.model import EndReason
from auth_core.sessions.ports import SessionsUnitOfWork
from auth_core.sessions.service import SessionService
from auth_core.users import (
    DELETION_GRACE,
    User,
    UserDeleted,
    UserDisabled,
    UserPasswordChanged,
    UserUpdated,
)

Change = Callable[[User], User]


class LifecycleUnitOfWork(
    CredentialsUnitOfWork, OneTimeSecretsUnitOfWork, SessionsUnitOfWork, Protocol
):
    """A transaction over users, credentials, one-time secrets and sessions."""


class AccountLifecycle:
    """Disables, enables and deletes accounts, changes roles and passwords.

    Each change is one commit, and no token of an ended session passes once it has returned. All
    raise UserNotFound, Unavailable, and ConcurrentUpdate when somebody else changed the account.
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

    async def disable(self, user_id: UserId) -> User:
        """Shut a user out; ends every session. Raises LifecycleConflict."""
        now = self._clock.now()
        return await self._change(
            user_id,
            lambda user: user.disabled(at=now),
            UserDisabled(id=self._event_id(), occurred_at=now, user_id=user_id),
            EndReason.USER_DISABLED,
        )

    async def enable(self, user_id: UserId) -> User:
        """Let a user in again. No session comes back. Raises LifecycleConflict."""
        now = self._clock.now()
        return await self._change(
            user_id, lambda user: user.activated(at=now), self._updated(user_id, "status"), None
        )

    async def delete(self, user_id: UserId, *, grace: timedelta = DELETION_GRACE) -> User:
        """Close an account for good; ends every session. It is erased after ``grace``.

        Raises LifecycleConflict.
        """
        now = self._clock.now()
        return await self._change(
            user_id,
            lambda user: user.deleted(at=now, delete_after=now + grace),
            UserDeleted(id=self._event_id(), occurred_at=now, user_id=user_id),
            EndReason.USER_DELETED,
        )

    async def set_roles(self, user_id: UserId, roles: tuple[str, ...]) -> User:
        """Replace the roles. Sessions end when one is lost: tokens elsewhere still claim it."""
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            user = await uow.users.get(user_id)
        if user is None:
            raise UserNotFound
        lost = not set(user.roles) <= set(roles)
        return await self._change(
            user_id,
            # of the user just seen: had the roles changed since, `lost` could be wrong
            lambda _: user.with_roles(roles, at=now),
            self._updated(user_id, "roles"),
            EndReason.ROLES_LOST if lost else None,
        )

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
                ended = await self._sessions.end_all_within(
                    uow, user_id, EndReason.PASSWORD_CHANGED
                )
                await uow.commit()
            await self._sessions.ended(user_id, ended)

        await asyncio.shield(work())

    async def _change(
        self, user_id: UserId, change: Change, event: DomainEvent, ending: EndReason | None
    ) -> User:
        async def work() -> User:
            async with self._unit_of_work() as uow:
                user = await uow.users.get(user_id)
                if user is None:
                    raise UserNotFound
                changed = change(user)
                await uow.users.update(changed)
                await uow.outbox.add([event])
                ended = (
                    []
                    if ending is None
                    else await self._sessions.end_all_within(uow, user_id, ending)
                )
                await uow.commit()
            await self._sessions.ended(user_id, ended)
            return changed

        return await asyncio.shield(work())

    def _updated(self, user_id: UserId, field: str) -> UserUpdated:
        return UserUpdated(
            id=self._event_id(), occurred_at=self._clock.now(), user_id=user_id, fields=(field,)
        )

    def _event_id(self) -> EventId:
        return EventId(self._ids.uuid())
