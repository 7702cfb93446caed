"""What proves that a person owns an account. One module per kind of credential."""

from auth_core.credentials.attempts import AttemptPolicy, SignInAttempts
from auth_core.credentials.blocklist import Blocklist, BloomFilter, shipped_blocklist
from auth_core.credentials.events import CredentialStuffingSuspected
from auth_core.credentials.failures import FailurePolicy
from auth_core.credentials.one_time import (
    CODE_DIGITS,
    LIFETIMES,
    MAX_ATTEMPTS,
    OF_AN_ACCOUNT,
    OneTimeSecret,
    OneTimeSecretId,
    OneTimeSecretRepository,
    OneTimeSecretsUnitOfWork,
    Purpose,
    code_digest,
    new_code,
    new_token,
    token_digest,
)
from auth_core.credentials.outdated import OutdatedHashes, OutdatedPage
from auth_core.credentials.password import (
    DEVELOPMENT_PASSWORD_MIN,
    PASSWORD_MAX_BYTES,
    PASSWORD_MIN,
    Account,
    Collision,
    CollisionKind,
    CredentialRepository,
    CredentialsUnitOfWork,
    ForeignHashes,
    PasswordHasher,
    normalize_password,
    parse_password,
)
from auth_core.credentials.policy import (
    SECOND_FACTOR_MIN,
    BreachedPasswords,
    BreachLookup,
    OnLookupFailure,
    PasswordPolicy,
    PasswordRules,
)
from auth_core.credentials.proving import PasswordProof, Proof, ProvingUnitOfWork
from auth_core.credentials.service import AccountService
from auth_core.credentials.transfer import AccountTransfer, Entry, Refusal, TransferRecord

__all__ = [
    "CODE_DIGITS",
    "DEVELOPMENT_PASSWORD_MIN",
    "LIFETIMES",
    "MAX_ATTEMPTS",
    "OF_AN_ACCOUNT",
    "PASSWORD_MAX_BYTES",
    "PASSWORD_MIN",
    "SECOND_FACTOR_MIN",
    "Account",
    "AccountService",
    "AccountTransfer",
    "AttemptPolicy",
    "Blocklist",
    "BloomFilter",
    "BreachLookup",
    "BreachedPasswords",
    "Collision",
    "CollisionKind",
    "CredentialRepository",
    "CredentialStuffingSuspected",
    "CredentialsUnitOfWork",
    "Entry",
    "FailurePolicy",
    "ForeignHashes",
    "OnLookupFailure",
    "OneTimeSecret",
    "OneTimeSecretId",
    "OneTimeSecretRepository",
    "OneTimeSecretsUnitOfWork",
    "OutdatedHashes",
    "OutdatedPage",
    "PasswordHasher",
    "PasswordPolicy",
    "PasswordProof",
    "PasswordRules",
    "Proof",
    "ProvingUnitOfWork",
    "Purpose",
    "Refusal",
    "SignInAttempts",
    "TransferRecord",
    "code_digest",
    "new_code",
    "new_token",
    "normalize_password",
    "parse_password",
    "shipped_blocklist",
    "token_digest",
]
