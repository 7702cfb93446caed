"""Events as they are stored, and as others get them (CloudEvents 1.0.2, JSON format)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from auth_core.kernel import DomainEvent, EventId

DEPLOYMENT: Final = "deployment"
"""The subject of events that are about no user and no organization."""

ENVELOPE: Final = frozenset({"id", "type", "occurred_at", "traceparent"})
"""What of a stored event stands beside its ``data``, and not in it."""
_SEQUENCE_DIGITS = 19  # of the largest bigint


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is stored. ``payload`` is all of it, as its struct is encoded.

    ``sequence`` grows along each subject, and is one event's alone.
    """

    sequence: int
    id: EventId
    type: str
    occurred_at: datetime
    payload: dict[str, Any]

    @classmethod
    def of(cls, event: DomainEvent, sequence: int) -> "RecordedEvent":
        """What storage gives back for ``event``."""
        return cls(
            sequence=sequence,
            id=event.id,
            type=event.type,
            occurred_at=event.occurred_at,
            payload=msgspec.json.decode(msgspec.json.encode(event)),
        )


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event as others get it: CloudEvents 1.0.2 in the JSON format, structured mode.

    ``id`` is the same on every repeat. ``subject`` is the id of the user, else of the organization,
    else `DEPLOYMENT`: events of one subject come in order. The four last are extension attributes;
    ``sequence`` (of the CloudEvents sequence extension) grows along each subject, as text;
    ``traceparent`` (of the distributed tracing extension) links to the request that it came from.
    ``data`` holds ids, times and words of ours only.
    """

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    dataschema: str
    data: dict[str, Any]
    organizationid: str | None = None
    actorid: str | None = None
    sequence: str | None = None
    traceparent: str | None = None

    def encoded(self) -> bytes:
        """The JSON text."""
        return _encode(self)


_encode = msgspec.json.Encoder().encode


class EventSource(msgspec.Struct, frozen=True, kw_only=True):
    """Who tells. ``uri`` is the ``source`` of each event, the issuer of tokens, too.

    ``schemas`` is the URL below which the JSON Schemas of the types are served.
    """

    uri: str
    schemas: str

    def told(self, event: RecordedEvent) -> CloudEvent:
        """What others get of a stored event, also one of a type that this version does not know."""
        payload = event.payload
        return CloudEvent(
            specversion="1.0",
            id=str(event.id),
            source=self.uri,
            type=event.type,
            subject=subject_of(payload),
            time=event.occurred_at,
            datacontenttype="application/json",
            dataschema=f"{self.schemas}/{event.type}",
            data={name: value for name, value in payload.items() if name not in ENVELOPE},
            organizationid=payload.get("organization_id"),
            actorid=payload.get("actor_id"),
            sequence=str(event.sequence).zfill(_SEQUENCE_DIGITS),
            traceparent=payload.get("traceparent"),
        )


def subject_of(payload: Mapping[str, Any]) -> str:
    """Whom or what an event is about, from its payload."""
    return payload.get("user_id") or payload.get("organization_id") or DEPLOYMENT


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What a publisher has not taken yet: how many events, and when the oldest one happened."""

    publisher: str
    depth: int
    oldest: datetime | None


class PublishingFailed(Exception):
    """A publisher did not take events. ``reason`` is a code for an operator: ``redis_refused``.

    ``advice`` is what to do about it, in words, if that is known.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        self.reason = reason
        self.advice = advice
        super().__init__(reason)
