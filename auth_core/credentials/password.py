"""The password as a credential: what may be one, and where its hash lives.

NIST SP 800-63B-4 §3.1.1.2: length in code points after NFC, no composition rules, no truncation.
"""

import unicodedata
from typing import Protocol

import msgspec

from auth_core.kernel import Email, FieldProblem, InvalidInput, Secret, UserId, Username
from auth_core.users import User, UsersUnitOfWork

PASSWORD_MIN = 15
"""Code points; the password is the only factor."""
DEVELOPMENT_PASSWORD_MIN = 8
PASSWORD_MAX_BYTES = 1024


def parse_password(
    text: str, *, minimum: int = PASSWORD_MIN, field: str = "password"
) -> Secret[str]:
    """A new password in NFC; raises InvalidInput when too short, too long or not encodable."""
    normalized = normalize_password(text)
    if normalized is None:
        raise _invalid(field, "too_long", f"at most {PASSWORD_MAX_BYTES} bytes of valid UTF-8")
    if len(normalized.reveal()) < minimum:
        raise _invalid(field, "too_short", f"at least {minimum} characters; any characters will do")
    return normalized


def normalize_password(text: str) -> Secret[str] | None:
    """The NFC form that is hashed, or None for what can never be a password (SEC-03, SEC-04)."""
    if len(text) > PASSWORD_MAX_BYTES:
        return None
    normalized = unicodedata.normalize("NFC", text)
    try:
        size = len(normalized.encode())
    except UnicodeEncodeError:  # an unpaired surrogate
        return None
    return Secret(normalized) if size <= PASSWORD_MAX_BYTES else None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A user with the PHC string of their password, if they have one."""

    user: User
    password_hash: Secret[str] | None
    must_change: bool = False
    """The password opens nothing but the way to another one."""


class PasswordHasher(Protocol):
    """A slow one-way function. Bounded: raises Unavailable when overloaded (SEC-08)."""

    async def hash(self, password: Secret[str]) -> Secret[str]:
        """A PHC string with its own random salt."""
        ...

    async def verify(self, password: Secret[str], password_hash: Secret[str] | None) -> bool:
        """Whether the password matches. None costs the same time and is never a match (SEC-01)."""
        ...


class CredentialRepository(Protocol):
    """The credentials of accounts."""

    async def account(self, name: Username | Email) -> Account | None:
        """The account with this canonical name and its password hash in one read, or None."""
        ...

    async def set_password(self, user_id: UserId, password_hash: Secret[str]) -> None:
        """Store or replace the one password of a user; nothing requires a change then."""
        ...

    async def require_change(self, user_id: UserId) -> None:
        """The password of this user must be changed; a no-op for a user who has none."""
        ...


class CredentialsUnitOfWork(UsersUnitOfWork, Protocol):
    """A transaction over users and their credentials."""

    @property
    def credentials(self) -> CredentialRepository:
        """The credentials, as this transaction sees them."""
        ...


def _invalid(field: str, kind: str, message: str) -> InvalidInput:
    return InvalidInput(FieldProblem(field=field, type=kind, message=message))
