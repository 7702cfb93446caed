"""What a person may ask of their data: all of it in one document, and its erasure (SEC-71)."""

from auth_core.privacy.model import (
    MAX_RECORDS,
    PRESENT,
    SCHEMA_VERSION,
    ErasureReason,
    PersonalData,
    as_json,
)
from auth_core.privacy.ports import PersonalDataRepository, PrivacyUnitOfWork
from auth_core.privacy.service import PersonalDataService

__all__ = [
    "MAX_RECORDS",
    "PRESENT",
    "SCHEMA_VERSION",
    "ErasureReason",
    "PersonalData",
    "PersonalDataRepository",
    "PersonalDataService",
    "PrivacyUnitOfWork",
    "as_json",
]
