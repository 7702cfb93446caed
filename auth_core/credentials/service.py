"""Accounts made by an operator: a user and their password, without a session."""

from collections.abc import Callable

from auth_core.credentials.password import CredentialsUnitOfWork, PasswordHasher
from auth_core.credentials.policy import PasswordPolicy
from auth_core.kernel import Secret
from auth_core.users import Registration, User, UserService


class AccountService:
    """Creates accounts on behalf of an operator."""

    def __init__(
        self,
        unit_of_work: Callable[[], CredentialsUnitOfWork],
        users: UserService,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._users = users
        self._hasher = hasher
        self._policy = policy

    async def create(
        self,
        registration: Registration,
        *,
        password: Secret[str] | None = None,
        roles: tuple[str, ...] = ("user",),
    ) -> User:
        """Create an account in one commit.

        Raises InvalidInput (the policy refuses the password), UsernameTaken, EmailTaken,
        Unavailable.
        """
        password_hash = None
        if password is not None:
            admitted = await self._policy.check(password.reveal(), names=registration.names)
            password_hash = await self._hasher.hash(admitted)
        async with self._unit_of_work() as uow:
            user = await self._users.create(uow, registration, roles=roles)
            if password_hash is not None:
                await uow.credentials.set_password(user.id, password_hash)
            await uow.commit()
        return user
