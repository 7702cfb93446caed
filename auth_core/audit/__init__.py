"""The audit trail: what happened to whom, written in the commit that made it happen (SEC-66)."""

from auth_core.audit.actions import AuditAction
from auth_core.audit.model import AuditRecord, AuditResult
from auth_core.audit.ports import AuditTrail, AuditUnitOfWork

__all__ = ["AuditAction", "AuditRecord", "AuditResult", "AuditTrail", "AuditUnitOfWork"]
