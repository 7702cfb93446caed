"""What the trail keeps. It names people by id only: erasing one leaves nothing here (SEC-71)."""

from datetime import datetime
from enum import StrEnum

import msgspec

from auth_core.audit.actions import AuditAction
from auth_core.kernel import (
    EventId,
    OrganizationId,
    SessionId,
    UserId,
    current_actor,
    current_session,
)


class AuditResult(StrEnum):
    """How it ended. ``failure`` is a wrong credential, ``refused`` a permission that lacks."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSED = "refused"


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: who did what to whom, when, where from, why, and how it ended.

    What: ``action`` and ``result``. Why: ``reason``, a stable word, never prose and never a secret.
    Whom: ``user_id``, the person that it is about, None when it is about nobody; ``target``, the
    thing, as ``kind:id`` (``team:0199…``, ``key:3f…``), never a name that somebody has typed.
    Who: ``actor_id``, None for the person themselves, an operator, or the service. Where:
    ``via_session_id``, the session of the request, whose row knows the device as long as the person
    is not erased; ``session_id`` is the session that it is about. ``organization_id`` is the tenant
    whose trail this belongs to, None for that of the platform. ``detail`` says more (roles before
    and after, why somebody acts for another user) and is emptied when ``user_id`` is erased.
    """

    id: EventId
    occurred_at: datetime
    action: AuditAction
    reason: str
    result: AuditResult = AuditResult.SUCCESS
    user_id: UserId | None = None
    session_id: SessionId | None = None
    organization_id: OrganizationId | None = None
    actor_id: UserId | None = msgspec.field(default_factory=current_actor)
    via_session_id: SessionId | None = msgspec.field(default_factory=current_session)
    target: str | None = None
    detail: str | None = None
