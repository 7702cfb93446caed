"""What people do for themselves needs everything about their account, and mail."""

from typing import Protocol

from auth_core.credentials import CredentialsUnitOfWork, OneTimeSecretsUnitOfWork
from auth_core.organizations import OrganizationsUnitOfWork
from auth_core.roles import GrantsUnitOfWork
from auth_core.sessions import SessionsUnitOfWork


class SelfServiceUnitOfWork(
    CredentialsUnitOfWork,
    OneTimeSecretsUnitOfWork,
    SessionsUnitOfWork,
    OrganizationsUnitOfWork,
    GrantsUnitOfWork,
    Protocol,
):
    """A transaction over an account, its secrets and sessions, its organizations, and letters."""
