"""A signed-in person shows their password once more before something that matters (SEC-23)."""

from collections.abc import Callable

from auth_core.credentials import Account, CredentialsUnitOfWork, PasswordProof
from auth_core.kernel import AuthenticationFailed, Email, ReauthenticationFailed, Username
from auth_core.self_service.new_password import NewPassword
from auth_core.users import User


class OwnerCheck:
    """Checks the password of an account."""

    def __init__(
        self,
        unit_of_work: Callable[[], CredentialsUnitOfWork],
        proof: PasswordProof,
        passwords: NewPassword,
        *,
        development: bool,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._proof = proof
        self._passwords = passwords
        self._development = development

    async def require(self, user: User, password: str | None) -> Account:
        """The account as it is now.

        Raises ReauthenticationFailed, PermissionDenied (no passwords here), Unavailable.

        In development an account without a password needs none.
        """
        account = await self.proven(user.username, password)
        if account is None or account.user.id != user.id or not account.user.is_active:
            raise ReauthenticationFailed
        return account

    async def proven(self, name: Username | Email, password: str | None) -> Account | None:
        """The account, active or leaving, if the password is right; as costly if not (SEC-01).

        Failures count as those of a sign-in do (SEC-11).

        Raises PermissionDenied (no passwords here), Unavailable.
        """
        self._passwords.require_enabled()
        async with self._unit_of_work() as uow:
            account = await uow.credentials.account(name)
        if account is not None and account.password_hash is None and self._development:
            return account
        if password is None:
            return None
        try:
            proof = await self._proof.prove(account, password, leaving=True)
        except AuthenticationFailed:
            return None
        async with self._unit_of_work() as uow:
            await self._proof.settle(uow, proof)
            await uow.commit()
        return proof.account
