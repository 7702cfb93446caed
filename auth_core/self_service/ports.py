"""What people do for themselves needs everything about their account, and mail."""

from typing import Protocol

from auth_core.credentials import CredentialsUnitOfWork, OneTimeSecretsUnitOfWork
from auth_core.kernel import MailUnitOfWork
from auth_core.organizations import MembershipsUnitOfWork
from auth_core.roles import GrantsUnitOfWork
from auth_core.sessions import SessionsUnitOfWork


class SelfServiceUnitOfWork(
    CredentialsUnitOfWork,
    OneTimeSecretsUnitOfWork,
    SessionsUnitOfWork,
    GrantsUnitOfWork,
    MembershipsUnitOfWork,
    MailUnitOfWork,
    Protocol,
):
    """A transaction over an account, its secrets and sessions, and the letters about them."""
