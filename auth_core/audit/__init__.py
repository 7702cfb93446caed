"""The audit trail: what happened to whom, written in the commit that made it happen (SEC-66).

Records are chained by their hashes soon after, beside the requests.
"""

from auth_core.audit.actions import AuditAction
from auth_core.audit.chain import PLATFORM_CHAIN, Link, TrailEntry, chain_of, exported
from auth_core.audit.heads import ChainState, HeadSealer
from auth_core.audit.model import AuditRecord, AuditResult
from auth_core.audit.ports import AuditLog, AuditLogUnitOfWork, AuditTrail, AuditUnitOfWork
from auth_core.audit.query import AuditQuery
from auth_core.audit.sealing import AuditSealing
from auth_core.audit.service import AuditService
from auth_core.audit.trimming import AuditTrimming
from auth_core.audit.verification import AuditVerification, ChainReport, Fault, Finding

__all__ = [
    "PLATFORM_CHAIN",
    "AuditAction",
    "AuditLog",
    "AuditLogUnitOfWork",
    "AuditQuery",
    "AuditRecord",
    "AuditResult",
    "AuditSealing",
    "AuditService",
    "AuditTrail",
    "AuditTrimming",
    "AuditUnitOfWork",
    "AuditVerification",
    "ChainReport",
    "ChainState",
    "Fault",
    "Finding",
    "HeadSealer",
    "Link",
    "TrailEntry",
    "chain_of",
    "exported",
]
