"""What proves that a person owns an account. One module per kind of credential."""

from auth_core.credentials.attempts import AttemptPolicy, SignInAttempts
from auth_core.credentials.events import CredentialStuffingSuspected
from auth_core.credentials.password import (
    DEVELOPMENT_PASSWORD_MIN,
    PASSWORD_MAX_BYTES,
    PASSWORD_MIN,
    Account,
    CredentialRepository,
    CredentialsUnitOfWork,
    PasswordHasher,
    normalize_password,
    parse_password,
)
from auth_core.credentials.service import AccountService

__all__ = [
    "DEVELOPMENT_PASSWORD_MIN",
    "PASSWORD_MAX_BYTES",
    "PASSWORD_MIN",
    "Account",
    "AccountService",
    "AttemptPolicy",
    "CredentialRepository",
    "CredentialStuffingSuspected",
    "CredentialsUnitOfWork",
    "PasswordHasher",
    "SignInAttempts",
    "normalize_password",
    "parse_password",
]
