"""Events on their way out: as CloudEvents, by a relay, to those who pass them on."""

from auth_core.events.model import (
    DEPLOYMENT,
    ENVELOPE,
    Backlog,
    CloudEvent,
    EventSource,
    PublishingFailed,
    RecordedEvent,
    subject_of,
)
from auth_core.events.ports import EventLog, EventPublisher, EventsUnitOfWork, Waiting
from auth_core.events.relay import EventRelay, EventRelayPolicy, Events

__all__ = [
    "DEPLOYMENT",
    "ENVELOPE",
    "Backlog",
    "CloudEvent",
    "EventLog",
    "EventPublisher",
    "EventRelay",
    "EventRelayPolicy",
    "EventSource",
    "Events",
    "EventsUnitOfWork",
    "PublishingFailed",
    "RecordedEvent",
    "Waiting",
    "subject_of",
]
