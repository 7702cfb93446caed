"""What a deployment lets people do for themselves."""

from datetime import timedelta
from enum import StrEnum

import msgspec


class RegistrationMode(StrEnum):
    """Who gets an account."""

    OPEN = "open"
    """Everybody, at once."""
    VERIFIED = "verified"
    """Everybody who proves their address first."""
    INVITE = "invite"
    """Whoever an administrator has invited."""
    CLOSED = "closed"
    """Nobody; administrators make accounts."""


class SelfServicePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """``email_sign_in``: a mailed link or code signs in.

    Mail is no authenticator under NIST SP 800-63B-4 §3.1.3, so that is a deployment's own choice.
    """

    registration: RegistrationMode = RegistrationMode.VERIFIED
    email_sign_in: bool = False
    deletion_grace: timedelta = timedelta(days=30)
    """How long an account can be restored after its owner has asked to be deleted."""
