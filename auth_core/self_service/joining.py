"""Registration with an organization's invitation: the account and the membership in one commit.

The secret came by mail to the invited address, so whoever has it has proven that address. Works
whatever `RegistrationMode` says but `CLOSED`: who may invite is the organizations' matter, whether
anybody gets an account without an administrator is the deployment's.
"""

from collections.abc import Callable

import msgspec

from auth_core.kernel import Email, InvalidLink, RegistrationClosed, Secret
from auth_core.organizations import DomainMembership, InvitationService, InvitationToken
from auth_core.self_service.new_account import NewAccounts
from auth_core.self_service.policy import RegistrationMode
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.sign_in import SessionStart
from auth_core.sessions import SessionOrigin
from auth_core.tokens import BY_PASSWORD, SignedIn
from auth_core.users import Registration, User


class Welcome(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever was invited is shown. With an account they sign in and accept there."""

    organization: str
    email: Email
    has_account: bool


class JoiningFlow:
    """Registers people whom an organization has invited (SEC-59)."""

    def __init__(
        self,
        unit_of_work: Callable[[], SelfServiceUnitOfWork],
        accounts: NewAccounts,
        start: SessionStart,
        invitations: InvitationService,
        domains: DomainMembership,
        *,
        mode: RegistrationMode,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._accounts = accounts
        self._start = start
        self._invitations = invitations
        self._domains = domains
        self._mode = mode

    async def welcome(self, text: str) -> Welcome:
        """What a live invitation is for. Raises InvalidLink, RegistrationClosed, Unavailable.

        Not closed for somebody who has an account.
        """
        token = InvitationToken.parse(text)
        async with self._unit_of_work().for_organization(token.organization_id) as uow:
            organization, invitation = await self._invitations.find_within(uow, token)
            owner = await uow.users.find(invitation.email)
        if owner is None:
            self._require_open()
        return Welcome(
            organization=organization.name,
            email=invitation.email,
            has_account=owner is not None,
        )

    async def register(
        self, registration: Registration, password: str | None, text: str, *, origin: SessionOrigin
    ) -> SignedIn:
        """Make the account, join, and sign in.

        Raises RegistrationClosed, PermissionDenied, InvalidInput, InvalidLink, UsernameTaken,
        EmailTaken (they have an account: see `InvitationService.accept`), LimitReached,
        Unavailable. Whatever it raises, the invitation is not used up.
        """
        token, password_hash = await self._checked(registration, password, text)
        keys = await self._start.keys()
        async with self._unit_of_work().for_organization(token.organization_id) as uow:
            user = await self._join(uow, registration, password_hash, token)
            return await self._start.commit(
                uow, user, origin, keys, amr=BY_PASSWORD, by="registration"
            )

    async def accept(self, registration: Registration, password: str | None, text: str) -> User:
        """The same without signing in."""
        token, password_hash = await self._checked(registration, password, text)
        async with self._unit_of_work().for_organization(token.organization_id) as uow:
            user = await self._join(uow, registration, password_hash, token)
            await uow.commit()
        return user

    async def _checked(
        self, registration: Registration, password: str | None, text: str
    ) -> tuple[InvitationToken, Secret[str]]:
        """The hash of the password, if there is such an invitation for this address."""
        token = InvitationToken.parse(text)
        self._require_open()
        async with self._unit_of_work().for_organization(token.organization_id) as uow:
            _, invitation = await self._invitations.find_within(uow, token)
        if invitation.email != registration.email:
            raise InvalidLink
        return token, await self._accounts.hashed(registration, password)

    async def _join(
        self,
        uow: SelfServiceUnitOfWork,
        registration: Registration,
        password_hash: Secret[str],
        token: InvitationToken,
    ) -> User:
        beside = token.organization_id
        of_domain = await self._domains.hold(uow, registration.email, beside=beside)
        uow.for_organization(beside)
        await self._invitations.find_within(uow, token)  # or else a second use would say: taken
        user = await self._accounts.add_proven(uow, registration, password_hash, reason="invited")
        await self._invitations.accept_within(uow, user, token)
        await self._domains.join(uow, of_domain, user)
        return user

    def _require_open(self) -> None:
        if self._mode is RegistrationMode.CLOSED:
            raise RegistrationClosed
