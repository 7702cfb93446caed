"""All that people do for themselves, put together."""

from collections.abc import Callable

from auth_core.credentials import PasswordHasher
from auth_core.kernel import Clock
from auth_core.organizations import Organizations
from auth_core.self_service.change_email import ChangeEmailFlow
from auth_core.self_service.change_password import ChangePasswordFlow
from auth_core.self_service.deletion import DeletionFlow
from auth_core.self_service.joining import JoiningFlow
from auth_core.self_service.mailed import MailedSecrets
from auth_core.self_service.new_account import NewAccounts
from auth_core.self_service.new_password import NewPassword
from auth_core.self_service.owner_check import OwnerCheck
from auth_core.self_service.policy import SelfServicePolicy
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.registration import RegistrationFlow
from auth_core.self_service.reset_password import ResetPasswordFlow
from auth_core.self_service.sign_in import SessionStart
from auth_core.self_service.sign_in_by_mail import MailSignInFlow
from auth_core.self_service.trail import Trail
from auth_core.self_service.verify_email import VerifyEmailFlow
from auth_core.sessions import SessionService
from auth_core.tokens import SignIn
from auth_core.users import UserCache, UserService


class SelfService:
    """One attribute for each flow."""

    def __init__(
        self,
        unit_of_work: Callable[[], SelfServiceUnitOfWork],
        *,
        users: UserService,
        sessions: SessionService,
        sign_in: SignIn,
        start: SessionStart,
        hasher: PasswordHasher,
        cache: UserCache,
        organizations: Organizations,
        clock: Clock,
        policy: SelfServicePolicy,
        passwords: NewPassword,
        again: OwnerCheck,
        mailed: MailedSecrets,
        trail: Trail,
    ) -> None:
        mode, enabled, grace = policy.registration, policy.email_sign_in, policy.deletion_grace
        invitations, domains = organizations.invitations, organizations.joining
        accounts = NewAccounts(users, hasher, sign_in, passwords, trail)
        self.registration = RegistrationFlow(
            unit_of_work, accounts, sign_in, mailed, start, domains, trail=trail, mode=mode
        )
        self.joining = JoiningFlow(unit_of_work, accounts, start, invitations, domains, mode=mode)
        self.reset_password = ResetPasswordFlow(
            *(unit_of_work, sessions, hasher, mailed, passwords, trail, clock)
        )
        self.change_password = ChangePasswordFlow(
            *(unit_of_work, sessions, again, hasher, mailed, passwords, start),
            trail=trail,
            clock=clock,
        )
        addresses = (mailed, domains, trail, cache, clock)
        self.verify_email = VerifyEmailFlow(unit_of_work, *addresses)
        self.change_email = ChangeEmailFlow(unit_of_work, again, *addresses)
        self.sign_in = MailSignInFlow(unit_of_work, mailed, start, trail, clock, enabled=enabled)
        self.deletion = DeletionFlow(
            unit_of_work, sessions, again, mailed, start, trail, clock, grace=grace
        )
