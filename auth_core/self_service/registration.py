"""Registration: who gets an account depends on the mode of the deployment.

``verified`` makes no account before the address is proven. Whatever somebody registers with, the
answer is the same, and so is the work: one hash, two look-ups, one secret, one letter in one commit
(SEC-01, SEC-02). What the letter says only the owner of the address learns.
"""

from collections.abc import Callable

import msgspec

from auth_core.audit import AuditAction
from auth_core.credentials import Purpose
from auth_core.kernel import (
    Email,
    FieldProblem,
    InvalidInput,
    InvalidLink,
    MailTemplate,
    RegistrationClosed,
    Secret,
    Username,
    has_mailbox,
)
from auth_core.organizations import DomainMembership
from auth_core.self_service.mailed import Instead, MailedSecrets
from auth_core.self_service.new_account import NewAccounts
from auth_core.self_service.policy import RegistrationMode
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.sign_in import SessionStart
from auth_core.self_service.trail import Trail
from auth_core.sessions import SessionOrigin
from auth_core.tokens import BY_PASSWORD, SignedIn, SignIn
from auth_core.users import Registration, User


class WaitingRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """What waits, sealed, for its address to be proven."""

    username: str
    email: str
    display_name: str
    password_hash: str

    def __repr__(self) -> str:
        return "WaitingRegistration(…)"


class RegistrationFlow:
    """Registers people, and activates them once they have proven their address."""

    def __init__(
        self,
        unit_of_work: Callable[[], SelfServiceUnitOfWork],
        accounts: NewAccounts,
        sign_in: SignIn,
        mailed: MailedSecrets,
        start: SessionStart,
        domains: DomainMembership,
        *,
        trail: Trail,
        mode: RegistrationMode,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._accounts = accounts
        self._sign_in = sign_in
        self._mailed = mailed
        self._start = start
        self._domains = domains
        self._trail = trail
        self._mode = mode

    def writes_to(self, email: Email) -> bool:
        """Whether `register` sends a letter there."""
        if self._mode is RegistrationMode.OPEN:
            return not self._sign_in.development and has_mailbox(email)
        return self._mode is RegistrationMode.VERIFIED

    async def register(
        self,
        registration: Registration,
        password: str | None,
        *,
        invitation: str | None = None,
        origin: SessionOrigin,
    ) -> SignedIn | None:
        """An account with its first session; None when a letter was sent instead.

        In mode ``open`` outside development a letter asks to prove the address besides.
        Raises RegistrationClosed, PermissionDenied, InvalidInput, InvalidLink (invitation),
        UsernameTaken and EmailTaken (not in mode ``verified``), Unavailable.
        """
        match self._mode:
            case RegistrationMode.OPEN if self.writes_to(registration.email):
                return await self._at_once(registration, password, origin)
            case RegistrationMode.OPEN:
                return await self._sign_in.register(registration, password, origin=origin)
            case RegistrationMode.VERIFIED:
                await self._ask_for_proof(registration, password)
                return None
            case RegistrationMode.INVITE:
                return await self._by_invitation(registration, password, invitation, origin)
            case RegistrationMode.CLOSED:
                raise RegistrationClosed

    async def verify(self, token: str, *, origin: SessionOrigin) -> SignedIn:
        """Make the account whose address ``token`` proves, and sign in; one commit.

        Raises InvalidLink; UsernameTaken or EmailTaken when somebody else was faster, the secret is
        not consumed then; Unavailable.
        """
        keys = await self._start.keys()
        async with self._unit_of_work() as uow:
            user = await self._activate(uow, token)
            return await self._start.commit(uow, user, origin, keys)

    async def confirm(self, token: str) -> User:
        """The same without signing in."""
        async with self._unit_of_work() as uow:
            user = await self._activate(uow, token)
            await uow.commit()
        return user

    async def waiting(self, token: str) -> Username:
        """The user name that a live token would make an account for. Raises InvalidLink."""
        async with self._unit_of_work() as uow:
            secret = await self._mailed.find(uow, Purpose.VERIFY_REGISTRATION, token)
        return Username(self._opened(self._mailed.payload(secret)).username)

    async def invite(self, email: Email) -> None:
        """Mail an invitation; an earlier one for the same address is void. Raises InvalidInput."""
        if not has_mailbox(email):
            raise _no_mailbox()
        async with self._unit_of_work() as uow:
            await self._mailed.send_link(
                uow, Purpose.INVITATION, email, template=MailTemplate.REGISTRATION_INVITATION
            )
            await self._trail.record(
                uow, None, AuditAction.INVITATION_CREATED, reason="registration"
            )
            await uow.commit()

    async def invited(self, invitation: str) -> Email:
        """The address that a live invitation is for. Raises RegistrationClosed, InvalidLink."""
        if self._mode is not RegistrationMode.INVITE:
            raise RegistrationClosed
        async with self._unit_of_work() as uow:
            return (await self._mailed.find(uow, Purpose.INVITATION, invitation)).email

    async def accept(self, registration: Registration, password: str, invitation: str) -> User:
        """Make the account of somebody invited, without signing in.

        Raises RegistrationClosed, InvalidInput, InvalidLink, UsernameTaken, EmailTaken,
        Unavailable.
        """
        password_hash = await self._checked(registration, password, invitation)
        async with self._unit_of_work() as uow:
            user = await self._take(uow, registration, password_hash, invitation)
            await uow.commit()
        return user

    async def _at_once(
        self, registration: Registration, password: str | None, origin: SessionOrigin
    ) -> SignedIn:
        """What `SignIn.register` does, with a letter in its commit: nothing waits for the proof."""
        self._sign_in.require_open()
        password_hash = await self._accounts.hashed(registration, password)
        keys = await self._start.keys()
        async with self._unit_of_work() as uow:
            user = await self._accounts.add(uow, registration, password_hash)
            await self._mailed.send_link(uow, Purpose.VERIFY_EMAIL, user.email, user_id=user.id)
            return await self._start.commit(
                uow, user, origin, keys, amr=BY_PASSWORD, by="registration"
            )

    async def _ask_for_proof(self, registration: Registration, password: str | None) -> None:
        self._sign_in.require_a_way_in()
        if not has_mailbox(registration.email):
            raise _no_mailbox()
        payload = _sealable(registration, await self._accounts.hashed(registration, password))
        async with self._unit_of_work() as uow:
            owner = await uow.users.find(registration.email)
            namesake = await uow.users.find(registration.username)
            telling = _told(registration, owner=owner, namesake=namesake)
            await self._mailed.send_link(
                uow,
                Purpose.VERIFY_REGISTRATION,
                registration.email,
                payload=payload,
                instead=telling,
            )
            await uow.commit()

    async def _by_invitation(
        self,
        registration: Registration,
        password: str | None,
        invitation: str | None,
        origin: SessionOrigin,
    ) -> SignedIn:
        if invitation is None:
            message = "an invitation is needed to register here"
            raise InvalidInput(
                FieldProblem(field="invitation_token", type="missing", message=message)
            )
        password_hash = await self._checked(registration, password, invitation)
        keys = await self._start.keys()
        async with self._unit_of_work() as uow:
            user = await self._take(uow, registration, password_hash, invitation)
            return await self._start.commit(uow, user, origin, keys)

    async def _checked(
        self, registration: Registration, password: str | None, invitation: str
    ) -> Secret[str]:
        """The hash of the password, if the invitation is for this address (SEC-59)."""
        self._sign_in.require_a_way_in()
        if await self.invited(invitation) != registration.email:
            raise InvalidLink
        return await self._accounts.hashed(registration, password)

    async def _take(
        self,
        uow: SelfServiceUnitOfWork,
        registration: Registration,
        password_hash: Secret[str],
        invitation: str,
    ) -> User:
        await self._mailed.redeem(uow, Purpose.INVITATION, invitation)
        return await self._create(uow, registration, password_hash, reason="invited")

    async def _activate(self, uow: SelfServiceUnitOfWork, token: str) -> User:
        secret = await self._mailed.redeem(uow, Purpose.VERIFY_REGISTRATION, token)
        waiting = self._opened(self._mailed.payload(secret))
        registration = Registration(
            username=Username(waiting.username),
            email=Email(waiting.email),
            display_name=waiting.display_name,
        )
        return await self._create(
            uow, registration, Secret(waiting.password_hash), reason="address_proven"
        )

    async def _create(
        self,
        uow: SelfServiceUnitOfWork,
        registration: Registration,
        password_hash: Secret[str],
        *,
        reason: str,
    ) -> User:
        organization = await self._domains.hold(uow, registration.email)
        user = await self._accounts.add_proven(uow, registration, password_hash, reason=reason)
        await self._domains.join(uow, organization, user)
        return user

    def _opened(self, payload: Secret[bytes]) -> WaitingRegistration:
        return msgspec.json.decode(payload.reveal(), type=WaitingRegistration)


def _told(
    registration: Registration, *, owner: User | None, namesake: User | None
) -> Instead | None:
    """What the owner of the address is told in place of the link; None if nothing is taken."""
    if owner is not None:
        return Instead(MailTemplate.REGISTRATION_EXISTS, {})
    if namesake is not None:
        return Instead(MailTemplate.USERNAME_TAKEN, {"username": registration.username.value})
    return None


def _sealable(registration: Registration, password_hash: Secret[str]) -> Secret[bytes]:
    waiting = WaitingRegistration(
        username=registration.username.value,
        email=registration.email.value,
        display_name=registration.display_name,
        password_hash=password_hash.reveal(),
    )
    return Secret(msgspec.json.encode(waiting))


def _no_mailbox() -> InvalidInput:
    return InvalidInput(
        FieldProblem(field="email", type="missing", message="an e-mail address is needed here")
    )
