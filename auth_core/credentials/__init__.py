"""What proves that a person owns an account. One module per kind of credential."""

from auth_core.credentials.blocklist import Blocklist, BloomFilter, shipped_blocklist
from auth_core.credentials.failures import FailurePolicy
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
    "DEVELOPMENT_PASSWORD_MIN",
    "PASSWORD_MAX_BYTES",
    "PASSWORD_MIN",
    "SECOND_FACTOR_MIN",
    "Account",
    "AccountService",
    "AccountTransfer",
    "Blocklist",
    "BloomFilter",
    "BreachLookup",
    "BreachedPasswords",
    "Collision",
    "CollisionKind",
    "CredentialRepository",
    "CredentialsUnitOfWork",
    "Entry",
    "FailurePolicy",
    "ForeignHashes",
    "OnLookupFailure",
    "PasswordHasher",
    "PasswordPolicy",
    "PasswordProof",
    "PasswordRules",
    "Proof",
    "ProvingUnitOfWork",
    "Refusal",
    "TransferRecord",
    "normalize_password",
    "parse_password",
    "shipped_blocklist",
]
