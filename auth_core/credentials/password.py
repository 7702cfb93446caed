"""The password as a credential: what may be one, and where its hash lives.

NIST SP 800-63B-4 §3.1.1.2: length in code points after NFC, no composition rules, no truncation.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
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
    """A user with the PHC string of their password, if they have one, and how it has fared."""

    user: User
    password_hash: Secret[str] | None
    consecutive_failures: int = 0
    last_failed_at: datetime | None = None
    disabled_at: datetime | None = None
    """When too many failures disabled the password; it stays so until it is reset (SEC-11)."""
    must_change: bool = False
    """An administrator asked for another password: this one opens nothing but its change."""


class CollisionKind(StrEnum):
    """With what a new account collides. The values are wire codes."""

    ALREADY_THERE = "already_there"
    """A stored account with the same id and the same user name: it is that one."""
    ID = "user_id_taken"
    USERNAME = "username_taken"
    EMAIL = "email_taken"


class Collision(msgspec.Struct, frozen=True):
    """An account that could not be stored."""

    user_id: UserId
    kind: CollisionKind


class PasswordHasher(Protocol):
    """A slow one-way function. Bounded: raises Unavailable when overloaded (SEC-08)."""

    async def hash(self, password: Secret[str]) -> Secret[str]:
        """A PHC string with its own random salt, under the current parameters and pepper key."""
        ...

    async def verify(self, password: Secret[str], password_hash: Secret[str] | None) -> bool:
        """Whether the password matches a hash of this or of a foreign kind.

        None, and a hash that cannot or may not be evaluated (unknown kind, missing pepper key, cost
        over the ceilings), cost the same time as one of ours and are never a match (SEC-01, SEC-09,
        SEC-10).
        """
        ...

    def is_current(self, password_hash: Secret[str]) -> bool:
        """Whether `hash` would make such a hash today; if not, the next login replaces it."""
        ...


class ForeignHashes(Protocol):
    """Hashes that other services made."""

    def accept(self, text: str) -> Secret[str]:
        """The form of ``text`` that is stored and that `PasswordHasher.verify` knows. No hashing.

        Raises InvalidInput on ``password_hash`` with the types ``unknown_format``, ``malformed`` or
        ``too_costly`` (SEC-09); no message quotes the hash.
        """
        ...


class CredentialRepository(Protocol):
    """The credentials of accounts."""

    async def account(self, name: Username | Email) -> Account | None:
        """The account with this canonical name and its password hash in one read, or None.

        Whether there is one takes no less work (SEC-01).
        """
        ...

    async def set_password(self, user_id: UserId, password_hash: Secret[str]) -> None:
        """Store or replace the one password of a user: with no failures, enabled, not to change."""
        ...

    async def verified(
        self, user_id: UserId, *, seen: Secret[str], upgraded: Secret[str] | None
    ) -> None:
        """Forget the failures, and store the same password under another hash unless that is None.

        One conditional write, no later than the commit: a no-op when the stored hash is no longer
        the one ``seen`` (a concurrent change wins, SEC-07) or the password is disabled.
        """
        ...

    async def record_failure(self, user_id: UserId | None, at: datetime, *, limit: int) -> int:
        """Count one more failure; at ``limit`` and beyond the password is disabled from ``at`` on.

        Returns the new count, exact under concurrency, or 0 for a user without a password. None is
        nobody: the same statement, and nothing is kept (SEC-01).
        """
        ...

    async def unlock(self, user_id: UserId) -> bool:
        """Forget the failures and enable the password; False when there was nothing to forget."""
        ...

    async def require_change(self, user_id: UserId) -> bool:
        """Let the password open nothing but its change; False when the user has none."""
        ...

    async def load(self, accounts: Sequence[Account]) -> list[Collision]:
        """Store new accounts with their credentials, and name those that collide.

        What collides with a stored account or an earlier one of ``accounts`` is left out, the
        others are stored. Their ids are distinct; at most some thousands at once.
        """
        ...

    async def portable(self, *, after: UserId | None, limit: int) -> list[Account]:
        """Up to ``limit`` whole accounts in order of id, after ``after``."""
        ...


class CredentialsUnitOfWork(UsersUnitOfWork, Protocol):
    """A transaction over users and their credentials."""

    @property
    def credentials(self) -> CredentialRepository:
        """The credentials, as this transaction sees them."""
        ...


def _invalid(field: str, kind: str, message: str) -> InvalidInput:
    return InvalidInput(FieldProblem(field=field, type=kind, message=message))
