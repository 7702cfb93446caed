"""What administrators do with the accounts of others, and what they may not do."""

from auth_core.administration.impersonation import (
    IMPERSONATION_MAX,
    Impersonation,
    ImpersonationUnitOfWork,
)
from auth_core.administration.service import Administration, AdministrationUnitOfWork

__all__ = [
    "IMPERSONATION_MAX",
    "Administration",
    "AdministrationUnitOfWork",
    "Impersonation",
    "ImpersonationUnitOfWork",
]
