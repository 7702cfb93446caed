"""Proving the address of an account that exists."""

import asyncio
from collections.abc import Callable

from auth_core.audit import AuditAction
from auth_core.credentials import Purpose
from auth_core.kernel import Clock, Email, InvalidLink
from auth_core.organizations import DomainMembership
from auth_core.self_service.mailed import MailedSecrets, address_of
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.trail import Trail
from auth_core.users import STRANGER, User, UserCache


class VerifyEmailFlow:
    """Sends the link, and takes it."""

    def __init__(
        self,
        unit_of_work: Callable[[], SelfServiceUnitOfWork],
        mailed: MailedSecrets,
        joining: DomainMembership,
        trail: Trail,
        cache: UserCache,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._mailed = mailed
        self._joining = joining
        self._trail = trail
        self._cache = cache
        self._clock = clock

    async def send(self, email: Email) -> None:
        """Mail a link if there is an active account whose address is not proven yet.

        The work is the same if there is none (SEC-02). Raises Unavailable.
        """
        async with self._unit_of_work() as uow:
            user = await uow.users.find(email) or STRANGER
            to, user_id = address_of(user, unless=user.email_verified)
            await self._mailed.send_link(
                uow, Purpose.VERIFY_EMAIL, to, user_id=user_id, locale=user.locale
            )
            await uow.commit()

    async def confirm(self, token: str) -> User:
        """Take the link. Raises InvalidLink, ConcurrentUpdate (the link still works), Unavailable.

        A caller that goes away does not stop it between the commit and the cache.
        """
        return await asyncio.shield(self._confirm(token))

    async def _confirm(self, token: str) -> User:
        async with self._unit_of_work() as uow:
            secret = await self._mailed.redeem(uow, Purpose.VERIFY_EMAIL, token)
            user = None if secret.user_id is None else await uow.users.get(secret.user_id)
            if user is None or not user.is_active or user.email != secret.email:
                raise InvalidLink
            organization = await self._joining.hold(uow, user.email)
            verified = user.with_verified_email(at=self._clock.now())
            await uow.users.update(verified)
            await self._trail.record(
                uow,
                user.id,
                AuditAction.EMAIL_VERIFIED,
                self._trail.updated(user.id, "email_verified"),
                reason="link",
            )
            await self._joining.join(uow, organization, verified)
            await uow.commit()
        await self._cache.forget_user(user.id)
        return verified
