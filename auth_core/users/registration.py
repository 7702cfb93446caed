"""What a person may say about themselves when they register, checked as a whole."""

from collections.abc import Callable
from typing import Self, TypeVar

import msgspec

from auth_core.kernel import Email, FieldProblem, InvalidInput, Username, display_name
from auth_core.kernel.identity import DEFAULT_EMAIL_DOMAIN

T = TypeVar("T")


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """A valid registration: canonical names, defaults filled in."""

    username: Username
    email: Email
    display_name: str

    @property
    def names(self) -> tuple[str, ...]:
        """What its owner is called: no password for this account."""
        return self.username.value, self.email.value, self.display_name

    @classmethod
    def parse(
        cls, *, username: str, email: str | None = None, display_name: str | None = None
    ) -> Self:
        """Check every field and report all problems at once; raises InvalidInput.

        Without ``email`` the account gets ``<username>@dev.faultmaven.local``, or the user name
        itself when that is an address; without ``display_name`` one is made from the user name.
        """
        problems: list[FieldProblem] = []
        name = _collect(problems, lambda: Username.parse(username))
        address = _collect(problems, lambda: None if email is None else Email.parse(email))
        shown = _collect(problems, lambda: _shown(display_name))
        if name and address and "@" in name.value and address.value != name.value:
            # or else somebody could squat on another person's address as a user name
            problems.append(
                FieldProblem(
                    field="email",
                    type="mismatch",
                    message="must equal a user name that is an e-mail address",
                )
            )
        if name and (address or name.default_email()).value.endswith(f"@{DEFAULT_EMAIL_DOMAIN}"):
            problems += _reserved(name, address)
        if problems or name is None:
            raise InvalidInput(*problems)
        return cls(
            username=name,
            email=address or name.default_email(),
            display_name=shown or name.default_display_name(),
        )


def _reserved(name: Username, address: Email | None) -> list[FieldProblem]:
    """Nobody may take the address that another user name gets by default."""
    if "@" not in name.value and address in {None, name.default_email()}:
        return []
    field = "username" if "@" in name.value else "email"
    return [
        FieldProblem(field=field, type="reserved", message="an address of this domain is reserved")
    ]


def _shown(text: str | None) -> str | None:
    return display_name(text) if text and not text.isspace() else None


def _collect(problems: list[FieldProblem], parse: Callable[[], T]) -> T | None:
    try:
        return parse()
    except InvalidInput as invalid:
        problems.extend(invalid.problems)
        return None
