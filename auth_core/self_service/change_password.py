"""Changing the password while signed in."""

import asyncio
from collections.abc import Callable

from auth_core.audit import AuditAction
from auth_core.credentials import OF_AN_ACCOUNT, Account, PasswordHasher
from auth_core.kernel import Clock, ConcurrentUpdate, MailTemplate, Secret
from auth_core.self_service.mailed import MailedSecrets
from auth_core.self_service.new_password import NewPassword
from auth_core.self_service.owner_check import OwnerCheck
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.reset_password import names_of
from auth_core.self_service.sign_in import SessionStart
from auth_core.self_service.trail import Trail
from auth_core.sessions import EndReason, SessionOrigin, SessionService
from auth_core.tokens import SignedIn
from auth_core.tokens.issuer import SigningKeys
from auth_core.users import User


class ChangePasswordFlow:
    """Takes the old password and the new one."""

    def __init__(
        self,
        unit_of_work: Callable[[], SelfServiceUnitOfWork],
        sessions: SessionService,
        reauthentication: OwnerCheck,
        hasher: PasswordHasher,
        mailed: MailedSecrets,
        passwords: NewPassword,
        start: SessionStart,
        *,
        trail: Trail,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._sessions = sessions
        self._reauthentication = reauthentication
        self._hasher = hasher
        self._mailed = mailed
        self._passwords = passwords
        self._start = start
        self._trail = trail
        self._clock = clock

    async def change(
        self,
        user: User,
        *,
        current_password: str | None,
        new_password: str,
        origin: SessionOrigin,
    ) -> SignedIn:
        """Replace the password in one commit.

        Every session ends, and the caller goes on in a new one: a sign-in under way with the old
        password comes to nothing, and an id that leaked is worth nothing (SEC-29, SEC-48).

        Raises ReauthenticationFailed, InvalidInput, ConcurrentUpdate, Unavailable.
        """
        account = await self._reauthentication.require(user, current_password)
        accepted = await self._passwords.accept(new_password, names=names_of(account.user))
        password_hash, keys = await self._hasher.hash(accepted), await self._start.keys()
        return await asyncio.shield(self._change(account, password_hash, origin, keys))

    async def _change(
        self,
        account: Account,
        password_hash: Secret[str],
        origin: SessionOrigin,
        keys: SigningKeys,
    ) -> SignedIn:
        user_id = account.user.id
        async with self._unit_of_work() as uow:
            await uow.one_time_secrets.void(user_id, OF_AN_ACCOUNT, self._clock.now())
            await uow.credentials.set_password(user_id, password_hash)
            ended = await self._sessions.end_all_within(uow, user_id, EndReason.PASSWORD_CHANGED)
            acted = await self._sessions.end_impersonations_within(
                uow, user_id, EndReason.PASSWORD_CHANGED
            )
            user = await uow.users.get(user_id)
            # one epoch later is ours; two, and somebody ended everything after the check
            if user is None or not user.is_active or user.epoch != account.user.epoch + 1:
                raise ConcurrentUpdate
            await self._trail.record(
                uow,
                user_id,
                AuditAction.PASSWORD_CHANGED,
                self._trail.password_changed(user_id),
                reason="by_owner",
            )
            await self._mailed.write(
                uow, MailTemplate.PASSWORD_CHANGED, user.email, {}, locale=user.locale
            )
            signed_in = await self._start.commit(uow, user, origin, keys)
        await self._sessions.ended(user_id, ended)
        await self._sessions.impersonations_ended(acted)
        return signed_in
