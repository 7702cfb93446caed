"""All that people do for themselves, put together."""

from collections.abc import Callable

from auth_core.credentials import PasswordHasher, PasswordProof
from auth_core.kernel import Clock, Entropy, Ids
from auth_core.keys import Sealer
from auth_core.self_service.change_email import ChangeEmailFlow
from auth_core.self_service.change_password import ChangePasswordFlow
from auth_core.self_service.deletion import DeletionFlow
from auth_core.self_service.mailed import MailedSecrets
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
from auth_core.tokens import SignIn, TokenIssuer
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
        tokens: TokenIssuer,
        hasher: PasswordHasher,
        sealer: Sealer,
        cache: UserCache,
        clock: Clock,
        ids: Ids,
        entropy: Entropy,
        policy: SelfServicePolicy,
        passwords: NewPassword,
        proof: PasswordProof,
        development: bool,
    ) -> None:
        mailed, trail = MailedSecrets(clock, ids, entropy, sealer), Trail(clock, ids)
        start = SessionStart(sessions, tokens, sign_in)
        again = OwnerCheck(unit_of_work, proof, passwords, development=development)
        mode, enabled, grace = policy.registration, policy.email_sign_in, policy.deletion_grace
        self.registration = RegistrationFlow(
            unit_of_work, users, hasher, sign_in, mailed, passwords, start, trail=trail, mode=mode
        )
        self.verify_email = VerifyEmailFlow(unit_of_work, mailed, trail, cache, clock)
        self.reset_password = ResetPasswordFlow(
            *(unit_of_work, sessions, hasher, mailed, passwords, trail, clock)
        )
        self.change_password = ChangePasswordFlow(
            *(unit_of_work, sessions, again, hasher, mailed, passwords, start),
            trail=trail,
            clock=clock,
        )
        self.change_email = ChangeEmailFlow(unit_of_work, again, mailed, trail, cache, clock)
        self.sign_in = MailSignInFlow(unit_of_work, mailed, start, trail, clock, enabled=enabled)
        self.deletion = DeletionFlow(
            unit_of_work, sessions, again, mailed, start, trail, clock, grace=grace
        )
