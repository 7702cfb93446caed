"""The one place that decides whether a text may become a password in these flows."""

from auth_core.credentials import DEVELOPMENT_PASSWORD_MIN, PASSWORD_MIN, parse_password
from auth_core.kernel import FieldProblem, InvalidInput, PermissionDenied, Secret


class NewPassword:
    """The rules of this deployment for passwords that people choose."""

    def __init__(self, *, development: bool, enabled: bool) -> None:
        self._enabled = enabled or development
        self._minimum = DEVELOPMENT_PASSWORD_MIN if development else PASSWORD_MIN

    def require_enabled(self) -> None:
        """Raises PermissionDenied where no password signs in: none is set there (SEC-60)."""
        if not self._enabled:
            message = "Signing in with a password is turned off here."
            raise PermissionDenied(message)

    def accept(
        self,
        text: str | None,
        *,
        names: tuple[str, ...] = (),  # noqa: ARG002 - the blocklist will ask for them
        field: str = "new_password",
    ) -> Secret[str]:
        """The password to hash. ``names`` are the account's own, which it must not be.

        Raises InvalidInput naming ``field``, PermissionDenied.
        """
        self.require_enabled()
        if text is None:
            raise InvalidInput(
                FieldProblem(field=field, type="missing", message="a password is required")
            )
        return parse_password(text, minimum=self._minimum, field=field)
