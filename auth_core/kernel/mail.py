"""Mail: what is to be said to whom. It leaves only if the change that it tells of commits."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NewType, Protocol
from uuid import UUID

import msgspec

from auth_core.kernel.identity import DEFAULT_EMAIL_DOMAIN, Email
from auth_core.kernel.ports import UnitOfWork
from auth_core.kernel.trace import current_traceparent

LetterId = NewType("LetterId", UUID)

NOBODY = Email(f"nobody@{DEFAULT_EMAIL_DOMAIN}")
"""Takes the letters that are written for the time that it takes, and reach nobody (SEC-02)."""


def has_mailbox(email: Email) -> bool:
    """Whether mail can be sent there: the address that an account gets by default takes none."""
    return not email.value.endswith(f"@{DEFAULT_EMAIL_DOMAIN}")


class MailTemplate(StrEnum):
    """Every letter that the service writes."""

    VERIFY_REGISTRATION = "verify_registration"
    """Prove the address of a registration. ``token``, ``minutes``."""
    REGISTRATION_EXISTS = "registration_exists"
    """Somebody registered with an address that has an account."""
    USERNAME_TAKEN = "username_taken"
    """The user name of a registration is another account's. ``username``."""
    REGISTRATION_INVITATION = "registration_invitation"
    """Register here. ``token``, ``minutes``."""
    ORGANIZATION_INVITATION = "organization_invitation"
    """Join an organization. ``organization``, ``code`` (what accepts it), ``days``."""
    VERIFY_EMAIL = "verify_email"
    """Prove the address of an account. ``token``, ``minutes``."""
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a template
    """Choose a new password. ``token``, ``minutes``."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a template
    """A notice: the account has another password."""
    CHANGE_EMAIL = "change_email"
    """To the new address: prove it. ``token``, ``minutes``."""
    EMAIL_CHANGED = "email_changed"
    """To the old address: the account has another one. ``new_email``, masked."""
    SIGN_IN_LINK = "sign_in_link"
    """Sign in. ``token``, ``minutes``."""
    SIGN_IN_CODE = "sign_in_code"
    """Sign in. ``code``, ``minutes``."""
    DELETION_SCHEDULED = "deletion_scheduled"
    """The account will be erased. ``date`` (ISO 8601)."""
    DELETION_CANCELLED = "deletion_cancelled"
    """A notice: an administrator keeps the account from being erased."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One letter. ``values`` are what its template shows; some are secret, so repr hides them.

    ``locale`` is a BCP 47 tag or None; who renders it falls back to English. ``traceparent`` is the
    trace of the request that it came from (W3C Trace Context), if that had one.
    """

    id: LetterId
    to: Email
    template: MailTemplate
    values: Mapping[str, str]
    locale: str | None = None
    traceparent: str | None = msgspec.field(default_factory=current_traceparent)

    def __repr__(self) -> str:
        return f"Letter(id={self.id!r}, template={self.template.value!r})"


class MailOutbox(Protocol):
    """Letters on their way out, kept until a mail server has taken them."""

    async def enqueue(self, letter: Letter) -> None:
        """Record a letter in the current transaction."""
        ...

    async def withdraw(self, to: Email) -> int:
        """Remove every letter to an address, dead or not: its owner is erased (SEC-71).

        Returns how many. One that is being sent may arrive all the same.
        """
        ...


class MailUnitOfWork(UnitOfWork, Protocol):
    """A transaction that may send mail."""

    @property
    def mail(self) -> MailOutbox:
        """Where letters of this transaction are recorded."""
        ...
