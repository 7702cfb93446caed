"""Forgotten passwords: a reset ends every session, tells the owner, signs nobody in (SEC-18)."""

import asyncio
from collections.abc import Callable

from auth_core.audit import AuditAction
from auth_core.credentials import OF_AN_ACCOUNT, OneTimeSecret, PasswordHasher, Purpose
from auth_core.kernel import Clock, Email, InvalidLink, MailTemplate, Secret, Username
from auth_core.self_service.mailed import MailedSecrets, address_of
from auth_core.self_service.new_password import NewPassword
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.trail import Trail
from auth_core.sessions import EndReason, SessionService
from auth_core.users import STRANGER, User


class ResetPasswordFlow:
    """Sends the link, and takes it with the new password."""

    def __init__(
        self,
        unit_of_work: Callable[[], SelfServiceUnitOfWork],
        sessions: SessionService,
        hasher: PasswordHasher,
        mailed: MailedSecrets,
        passwords: NewPassword,
        trail: Trail,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._sessions = sessions
        self._hasher = hasher
        self._mailed = mailed
        self._passwords = passwords
        self._trail = trail
        self._clock = clock

    async def send(self, name: Username | Email) -> None:
        """Mail a link to the address of this account, if it is active and has one.

        The work is the same if there is none (SEC-02). Raises PermissionDenied, Unavailable.
        """
        self._passwords.require_enabled()
        async with self._unit_of_work() as uow:
            user = await uow.users.find(name) or STRANGER
            to, user_id = address_of(user)
            await self._mailed.send_link(
                uow, Purpose.RESET_PASSWORD, to, user_id=user_id, locale=user.locale
            )
            await uow.commit()

    async def whose(self, token: str) -> User:
        """The account that a live link is for; it stays live. Raises InvalidLink."""
        async with self._unit_of_work() as uow:
            return await _owner(uow, await self._mailed.find(uow, Purpose.RESET_PASSWORD, token))

    async def reset(self, token: str, new_password: str) -> User:
        """Replace the password in one commit; every other link and code is void after it.

        Raises InvalidLink; InvalidInput, and the link still works; PermissionDenied, Unavailable.
        """
        user = await self.whose(token)
        accepted = await self._passwords.accept(new_password, names=names_of(user))
        # before the transaction, and only for a live link: a hash is what an attacker would buy
        password_hash = await self._hasher.hash(accepted)
        return await asyncio.shield(self._reset(token, password_hash))

    async def _reset(self, token: str, password_hash: Secret[str]) -> User:
        async with self._unit_of_work() as uow:
            secret = await self._mailed.redeem(uow, Purpose.RESET_PASSWORD, token)
            user = await _owner(uow, secret)
            await uow.one_time_secrets.void(user.id, OF_AN_ACCOUNT, self._clock.now())
            await uow.credentials.set_password(user.id, password_hash)
            ended = await self._sessions.end_all_within(uow, user.id, EndReason.PASSWORD_CHANGED)
            acted = await self._sessions.end_impersonations_within(
                uow, user.id, EndReason.PASSWORD_CHANGED
            )
            await self._trail.record(
                uow,
                user.id,
                AuditAction.PASSWORD_RESET,
                self._trail.password_changed(user.id),
                reason="link",
            )
            await self._mailed.write(
                uow, MailTemplate.PASSWORD_CHANGED, user.email, {}, locale=user.locale
            )
            await uow.commit()
        await self._sessions.ended(user.id, ended)
        await self._sessions.impersonations_ended(acted)
        return user


def names_of(user: User) -> tuple[str, ...]:
    """What a password of this user must not be."""
    return user.username.value, user.email.value, user.display_name


async def _owner(uow: SelfServiceUnitOfWork, secret: OneTimeSecret) -> User:
    user = None if secret.user_id is None else await uow.users.get(secret.user_id)
    if user is None or not user.is_active or user.email != secret.email:
        raise InvalidLink
    return user
