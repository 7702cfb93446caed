"""The one place that decides whether a text may become a password in these flows."""

from auth_core.credentials import PasswordPolicy
from auth_core.kernel import FieldProblem, InvalidInput, PermissionDenied, Secret


class NewPassword:
    """The rules of this deployment for passwords that people choose."""

    def __init__(self, policy: PasswordPolicy, *, enabled: bool) -> None:
        self._policy = policy
        self._enabled = enabled

    def require_enabled(self) -> None:
        """Raises PermissionDenied where no password signs in: none is set there (SEC-60)."""
        if not self._enabled:
            message = "Signing in with a password is turned off here."
            raise PermissionDenied(message)

    async def accept(
        self,
        text: str | None,
        *,
        names: tuple[str, ...] = (),
        field: str = "new_password",
    ) -> Secret[str]:
        """The password to hash. ``names`` are the account's own, which it must not be.

        Raises InvalidInput naming ``field``, PermissionDenied, Unavailable (breach lookup).
        """
        self.require_enabled()
        if text is None:
            raise InvalidInput(
                FieldProblem(field=field, type="missing", message="a password is required")
            )
        return await self._policy.check(text, names=names, field=field)
