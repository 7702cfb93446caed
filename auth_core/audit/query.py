"""Looking into the trail."""

from datetime import datetime
from uuid import UUID

import msgspec

from auth_core.kernel import OrganizationId, UserId


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What to find; None means any. ``since`` is included, ``until`` is not.

    ``before`` goes on after the record with this id: they come by id, the newest first.
    """

    organization_id: OrganizationId | None = None
    action: str | None = None
    result: str | None = None
    user_id: UserId | None = None
    actor_id: UserId | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None
    limit: int = 50
