"""One-time secrets: links and codes that prove who reads the mail of an address.

Only digests are stored. The token of a link has 256 bits, so its plain SHA-256 tells nothing. A
code has 20, so its digest covers the challenge as well: 256 bits that only the client that asked
ever got, and of which the row holds another digest. Nobody guesses a code from a copy of the table,
and no code opens the flow of another client (SEC-16, SEC-20, SEC-49).
"""

import base64
import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, Protocol
from uuid import UUID

import msgspec

from auth_core.kernel import Email, Entropy, Secret, UnitOfWork, UserId

OneTimeSecretId = NewType("OneTimeSecretId", UUID)

TOKEN_BYTES = 32
CODE_DIGITS = 6
MAX_ATTEMPTS = 5
"""Tries at the code of one challenge (SEC-20)."""


class Purpose(StrEnum):
    """What a secret is good for, and for nothing else."""

    VERIFY_REGISTRATION = "verify_registration"
    INVITATION = "invitation"
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a purpose
    CHANGE_EMAIL = "change_email"
    SIGN_IN_LINK = "sign_in_link"
    SIGN_IN_CODE = "sign_in_code"


OF_AN_ACCOUNT = frozenset(Purpose) - {Purpose.VERIFY_REGISTRATION, Purpose.INVITATION}
"""All of these are void once the password or the address of the account has changed (SEC-16)."""

LIFETIMES: Mapping[Purpose, timedelta] = {
    Purpose.VERIFY_REGISTRATION: timedelta(minutes=60),
    # grants no account: whoever holds it may make one, for the invited address only
    Purpose.INVITATION: timedelta(days=3),
    Purpose.VERIFY_EMAIL: timedelta(minutes=60),
    Purpose.CHANGE_EMAIL: timedelta(minutes=60),
    # Greylisting delays a first letter by up to a quarter of an hour (RFC 6647 §4.1): ten minutes
    # would shut out people whose mail is slow. It changes a password and signs nobody in.
    Purpose.RESET_PASSWORD: timedelta(minutes=30),
    # these sign in (ASVS 6.5.5)
    Purpose.SIGN_IN_LINK: timedelta(minutes=10),
    Purpose.SIGN_IN_CODE: timedelta(minutes=10),
}


class OneTimeSecret(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``subject`` has at most one for each purpose: a new one replaces it.

    ``email`` is the address that it was sent to and proves. ``digest`` finds it: of the link's
    token, or of the challenge whose code has ``code_digest``.
    """

    id: OneTimeSecretId
    purpose: Purpose
    subject: str
    digest: bytes
    email: Email
    created_at: datetime
    expires_at: datetime
    user_id: UserId | None = None
    code_digest: bytes | None = None
    sealed_payload: bytes | None = None
    attempts: int = 0
    consumed_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it can still be redeemed."""
        return self.consumed_at is None and now < self.expires_at and self.attempts < MAX_ATTEMPTS


def new_token(entropy: Entropy) -> Secret[str]:
    """256 random bits in base64url, for a link or a challenge."""
    return Secret(base64.urlsafe_b64encode(entropy.token_bytes(TOKEN_BYTES)).rstrip(b"=").decode())


def new_code(entropy: Entropy) -> Secret[str]:
    """Six random digits; the bias of the remainder is below 10^-13."""
    return Secret(f"{int.from_bytes(entropy.token_bytes(8)) % 10**CODE_DIGITS:0{CODE_DIGITS}d}")


def token_digest(token: str) -> bytes:
    """SHA-256 of the token of a link, or of a challenge."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def code_digest(challenge: str, code: str) -> bytes:
    """SHA-256 of a code, bound to its challenge; spaces in the code do not count."""
    typed = "".join(code.split())
    return hashlib.sha256(f"{challenge}\0{typed}".encode(errors="surrogatepass")).digest()


class OneTimeSecretRepository(Protocol):
    """The secrets that are on their way."""

    async def issue(self, secret: OneTimeSecret) -> None:
        """Store it in place of the one that its subject has for its purpose, used or not."""
        ...

    async def find(self, purpose: Purpose, digest: bytes, now: datetime) -> OneTimeSecret | None:
        """The live secret with this digest, untouched, or None."""
        ...

    async def redeem(self, purpose: Purpose, digest: bytes, now: datetime) -> OneTimeSecret | None:
        """Consume the live secret with this digest, or None.

        One statement: of any number of racing callers whose transactions commit, one gets it.
        """
        ...

    async def try_code(
        self, purpose: Purpose, digest: bytes, code_digest: bytes, now: datetime
    ) -> OneTimeSecret | None:
        """Count one try at a live challenge, or None; consumed if, and only if, the code is right.

        One statement. The caller commits, whatever came of it, or else the try did not count.
        """
        ...

    async def void(self, user_id: UserId, purposes: Collection[Purpose], now: datetime) -> None:
        """Consume all secrets of a user for these purposes."""
        ...

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` that expired before ``before``; returns how many."""
        ...


class OneTimeSecretsUnitOfWork(UnitOfWork, Protocol):
    """A transaction over one-time secrets.

    Whoever changes an account by one takes the secret first, then the account: one order for all.
    """

    @property
    def one_time_secrets(self) -> OneTimeSecretRepository:
        """The secrets, as this transaction sees them."""
        ...
