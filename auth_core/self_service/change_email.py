"""Another address: the new one is proven, the old one is told."""

import asyncio
from collections.abc import Callable

from auth_core.audit import AuditAction
from auth_core.credentials import OF_AN_ACCOUNT, Purpose
from auth_core.kernel import (
    NOBODY,
    Clock,
    Email,
    FieldProblem,
    InvalidInput,
    InvalidLink,
    MailTemplate,
    has_mailbox,
)
from auth_core.kernel.identity import USERNAME_MAX
from auth_core.organizations import DomainMembership
from auth_core.self_service.mailed import MailedSecrets
from auth_core.self_service.owner_check import OwnerCheck
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.trail import Trail
from auth_core.users import User, UserCache


class ChangeEmailFlow:
    """Asks the new address, and takes the link that went there."""

    def __init__(
        self,
        unit_of_work: Callable[[], SelfServiceUnitOfWork],
        reauthentication: OwnerCheck,
        mailed: MailedSecrets,
        joining: DomainMembership,
        trail: Trail,
        cache: UserCache,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reauthentication = reauthentication
        self._mailed = mailed
        self._joining = joining
        self._trail = trail
        self._cache = cache
        self._clock = clock

    async def request(self, user: User, new_email: Email, password: str | None) -> None:
        """Mail a link to the new address, unless an account has it: same work, same answer.

        Raises ReauthenticationFailed, InvalidInput, Unavailable.
        """
        _require_usable(user, new_email)
        account = await self._reauthentication.require(user, password)
        async with self._unit_of_work() as uow:
            taken = await uow.users.find(new_email) is not None
            to, user_id = (NOBODY, None) if taken else (new_email, account.user.id)
            await self._mailed.send_link(
                uow, Purpose.CHANGE_EMAIL, to, user_id=user_id, locale=account.user.locale
            )
            await uow.commit()

    async def confirm(self, token: str) -> User:
        """Take the link. Every other link and code of the account is void after it (SEC-16).

        Raises InvalidLink; EmailTaken and ConcurrentUpdate, and the link still works; Unavailable.
        """
        return await asyncio.shield(self._confirm(token))

    async def _confirm(self, token: str) -> User:
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            secret = await self._mailed.redeem(uow, Purpose.CHANGE_EMAIL, token)
            user = None if secret.user_id is None else await uow.users.get(secret.user_id)
            if user is None or not user.is_active:
                raise InvalidLink
            organization = await self._joining.hold(uow, secret.email)
            await uow.one_time_secrets.void(user.id, OF_AN_ACCOUNT, now)
            changed = user.with_email(secret.email, at=now)
            await uow.users.update(changed)
            await self._trail.record(
                uow,
                user.id,
                AuditAction.EMAIL_CHANGED,
                self._trail.updated(user.id, "email", "email_verified"),
                reason="link",
            )
            await self._joining.join(uow, organization, changed)
            old = user.email if has_mailbox(user.email) else NOBODY
            values = {"new_email": masked(secret.email)}
            await self._mailed.write(
                uow, MailTemplate.EMAIL_CHANGED, old, values, locale=user.locale
            )
            await uow.commit()
        await self._cache.forget_user(user.id)
        return changed


def masked(email: Email) -> str:
    """Enough for its owner to know it again, and for nobody else: ``j•••@example.com``."""
    local, _, domain = email.value.rpartition("@")
    return f"{local[0]}•••@{domain}"


def _require_usable(user: User, new_email: Email) -> None:
    if not has_mailbox(new_email):
        raise _refused("reserved", "an address of this domain is reserved")
    if new_email == user.email:
        raise _refused("unchanged", "this is your address already")
    follows = user.username.value == user.email.value
    if follows and len(new_email.value) > USERNAME_MAX:
        raise _refused("too_long", f"your user name is an address: at most {USERNAME_MAX}")


def _refused(kind: str, message: str) -> InvalidInput:
    return InvalidInput(FieldProblem(field="new_email", type=kind, message=message))
