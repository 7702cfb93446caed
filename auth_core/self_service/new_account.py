"""Making the accounts of people who register with a password."""

from auth_core.audit import AuditAction
from auth_core.credentials import PasswordHasher
from auth_core.kernel import Secret
from auth_core.self_service.new_password import NewPassword
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.trail import Trail
from auth_core.tokens import SignIn
from auth_core.users import Registration, User, UserService


class NewAccounts:
    """Makes them, in two steps: the hash takes long, so it comes before the transaction."""

    def __init__(
        self,
        users: UserService,
        hasher: PasswordHasher,
        sign_in: SignIn,
        passwords: NewPassword,
        trail: Trail,
    ) -> None:
        self._users = users
        self._hasher = hasher
        self._sign_in = sign_in
        self._passwords = passwords
        self._trail = trail

    async def hashed(self, registration: Registration, password: str | None) -> Secret[str]:
        """The hash of a password that will do.

        Raises PermissionDenied (nobody could sign in with one), InvalidInput, Unavailable.
        """
        self._sign_in.require_a_way_in()
        accepted = await self._passwords.accept(
            password, names=registration.names, field="password"
        )
        return await self._hasher.hash(accepted)

    async def add(
        self,
        uow: SelfServiceUnitOfWork,
        registration: Registration,
        password_hash: Secret[str],
        *,
        email_verified: bool = False,
    ) -> User:
        """Add the account to ``uow`` with its password; the caller commits.

        Raises UsernameTaken, EmailTaken.
        """
        user = await self._users.create(uow, registration, email_verified=email_verified)
        await uow.credentials.set_password(user.id, password_hash)
        return user

    async def add_proven(
        self,
        uow: SelfServiceUnitOfWork,
        registration: Registration,
        password_hash: Secret[str],
        *,
        reason: str,
    ) -> User:
        """The same with a proven address, and a record of how it was proven."""
        user = await self.add(uow, registration, password_hash, email_verified=True)
        await self._trail.record(uow, user.id, AuditAction.USER_REGISTERED, reason=reason)
        return user
