"""Accounts in the hands of administrators: each change is one commit with its audit record."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Protocol

from auth_core.audit import AuditAction, AuditRecord
from auth_core.credentials import CredentialsUnitOfWork, PasswordHasher, PasswordPolicy
from auth_core.kernel import Clock, EventId, Ids, Secret, SessionId, UserId, acting
from auth_core.self_service import DeletionFlow
from auth_core.sessions import (
    AccountLifecycle,
    Ending,
    EndReason,
    SessionService,
    SessionsUnitOfWork,
)
from auth_core.users import (
    NO_CHANGES,
    ProfileChanges,
    Registration,
    RoleAssigned,
    User,
    UserService,
    require_may_grant,
    require_rank_over,
)

_REQUESTED = "requested"
_USERS_PER_PAGE = 1000
_USERS_AT_ONCE = 8


class AdministrationUnitOfWork(CredentialsUnitOfWork, SessionsUnitOfWork, Protocol):
    """A transaction over users, credentials and sessions that leaves a trail."""


class Administration:
    """What ``actor`` does with another account. None is the operator, who may do everything.

    Nobody grants what he does not hold, and an ``admin`` does not touch a ``platform_admin``
    (SEC-57): both raise PermissionDenied and write nothing. Every event and audit record names the
    actor. All raise UserNotFound, Unavailable, and what `AccountLifecycle` raises.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], AdministrationUnitOfWork],
        users: UserService,
        sessions: SessionService,
        lifecycle: AccountLifecycle,
        deletion: DeletionFlow,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        *,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._users = users
        self._sessions = sessions
        self._lifecycle = lifecycle
        self._deletion = deletion
        self._hasher = hasher
        self._policy = policy
        self._clock = clock
        self._ids = ids

    async def create(
        self,
        actor: User | None,
        registration: Registration,
        *,
        roles: tuple[str, ...] = ("user",),
        password: Secret[str] | None = None,
    ) -> User:
        """Create an account.

        Raises InvalidInput (the policy refuses the password), UsernameTaken, EmailTaken.
        """
        require_may_grant(actor, roles)
        password_hash = None
        if password is not None:
            admitted = await self._policy.check(password.reveal(), names=registration.names)
            password_hash = await self._hasher.hash(admitted)
        with _named(actor):
            async with self._unit_of_work() as uow:
                user = await self._users.create(uow, registration, roles=roles)
                if password_hash is not None:
                    await uow.credentials.set_password(user.id, password_hash)
                await uow.outbox.add(
                    [
                        RoleAssigned(
                            id=self._event_id(),
                            occurred_at=user.created_at,
                            user_id=user.id,
                            role=role,
                        )
                        for role in roles
                    ]
                )
                record = self._record(AuditAction.USER_CREATED, user.id, detail=",".join(roles))
                await uow.audit.append(record)
                await uow.commit()
        return user

    async def edit(
        self,
        actor: User | None,
        user_id: UserId,
        changes: ProfileChanges = NO_CHANGES,
        *,
        roles: tuple[str, ...] | None = None,
        if_version: int | None = None,
    ) -> User:
        """Change profile and roles, in one version. Raises PreconditionFailed."""

        def permit(user: User) -> None:
            require_rank_over(actor, user)
            if roles is not None:
                require_may_grant(actor, set(roles) - set(user.roles))

        with _named(actor):
            return await self._lifecycle.edit(
                user_id, changes, roles=roles, if_version=if_version, permit=permit
            )

    async def disable(self, actor: User | None, user_id: UserId) -> User:
        """Shut a user out."""
        with _named(actor):
            return await self._lifecycle.disable(user_id, permit=_ranking(actor))

    async def enable(self, actor: User | None, user_id: UserId) -> User:
        """Let a user in again."""
        with _named(actor):
            return await self._lifecycle.enable(user_id, permit=_ranking(actor))

    async def delete(self, actor: User | None, user_id: UserId) -> User:
        """Close an account for good."""
        with _named(actor):
            return await self._lifecycle.delete(user_id, permit=_ranking(actor))

    async def restore(self, actor: User | None, user_id: UserId) -> User:
        """Take back that its owner has closed an account, as `DeletionFlow.cancel` does."""
        with _named(actor):
            return await self._deletion.cancel(user_id, permit=_ranking(actor))

    async def require_password_change(self, actor: User | None, user_id: UserId) -> None:
        """End every session; the password opens nothing until it was replaced."""
        with _named(actor):
            await self._lifecycle.require_password_change(user_id, permit=_ranking(actor))

    async def end_sessions(self, actor: User | None, user_id: UserId) -> int:
        """End every session of a user; returns how many."""
        require_rank_over(actor, await self._users.get(user_id))
        with _named(actor):
            return await self._end_all_of(user_id)

    async def end_everybodys_sessions(self) -> AsyncIterator[int]:
        """End every live session that there is, for the operator; yields how many, user by user.

        One commit for each user. Cut off anywhere, a second call ends what is left. Whoever signs
        in meanwhile may keep that session. Raises Unavailable.
        """
        after: UserId | None = None
        while True:
            async with self._unit_of_work() as uow:
                page = await uow.sessions.users_with_live(
                    self._clock.now(), after=after, limit=_USERS_PER_PAGE
                )
            for start in range(0, len(page), _USERS_AT_ONCE):
                some = page[start : start + _USERS_AT_ONCE]
                for ended in await asyncio.gather(*(self._end_all_of(each) for each in some)):
                    yield ended
            if len(page) < _USERS_PER_PAGE:
                return
            after = page[-1]

    async def end_session(
        self, actor: User | None, user_id: UserId, session_id: SessionId
    ) -> Ending:
        """End one session of a user."""
        require_rank_over(actor, await self._users.get(user_id))
        with _named(actor):
            record = self._record(AuditAction.SESSION_ENDED, user_id, session_id=session_id)
            return await self._sessions.end(user_id, session_id, EndReason.REVOKED, record=record)

    async def _end_all_of(self, user_id: UserId) -> int:
        record = self._record(AuditAction.SESSION_ENDED, user_id, detail="all")
        return await self._sessions.end_all(user_id, EndReason.REVOKED_ALL, record=record)

    def _record(
        self,
        action: AuditAction,
        user_id: UserId,
        *,
        session_id: SessionId | None = None,
        detail: str | None = None,
    ) -> AuditRecord:
        return AuditRecord(
            id=self._event_id(),
            occurred_at=self._clock.now(),
            action=action,
            reason=_REQUESTED,
            user_id=user_id,
            session_id=session_id,
            detail=detail,
        )

    def _event_id(self) -> EventId:
        return EventId(self._ids.uuid())


def _named(actor: User | None) -> AbstractContextManager[None]:
    return acting(None if actor is None else actor.id)


def _ranking(actor: User | None) -> Callable[[User], None]:
    return lambda user: require_rank_over(actor, user)
