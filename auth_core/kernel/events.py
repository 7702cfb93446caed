"""Domain events: what happened, told once, in the same commit as the change.

Payloads name people by id only, so that erasing an account leaves nothing to erase here (SEC-71).
"""

from datetime import datetime

import msgspec

from auth_core.kernel.actor import current_actor
from auth_core.kernel.ids import EventId, OrganizationId, UserId
from auth_core.kernel.trace import traceparent_or_nothing


class DomainEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all events. ``user_id`` is the subject: events of one subject stay in order.

    Events about the deployment itself, such as its keys, have no user. ``actor_id`` is the
    administrator who did it, in their own name or in that of the subject. ``traceparent`` is the
    trace of the request that it came from (W3C Trace Context), if that had one.
    """

    id: EventId
    occurred_at: datetime
    user_id: UserId | None
    organization_id: OrganizationId | None = None
    actor_id: UserId | None = msgspec.field(default_factory=current_actor)
    traceparent: str | msgspec.UnsetType = msgspec.field(default_factory=traceparent_or_nothing)

    @property
    def type(self) -> str:
        """The wire name, e.g. ``user.created``."""
        return str(self.__struct_config__.tag)
