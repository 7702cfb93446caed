"""The settings of events and of those who pass them on."""

from app.settings import connect, parse
from app.settings.field import Field

EVENTS = (
    Field(
        name="AUTH_EVENT_RETENTION_DAYS",
        attribute="events.retention_days",
        kind=parse.integer(1, 3650),
        default="30",
        description="How long events are kept in the outbox, relayed or not, for replays",
    ),
    Field(
        name="AUTH_EVENT_STREAM_LENGTH",
        attribute="events.stream_length",
        kind=parse.integer(0, 1_000_000_000),
        default="100000",
        description="About how many events the Redis stream `auth:events` keeps; 0 turns it off",
    ),
    Field(
        name="AUTH_NATS_URL",
        attribute="events.nats_url",
        kind=connect.nats_url(),
        default_note="not set: no events to NATS",
        example="nats://fm-auth:password@localhost:4222",
        secret=True,
        description="NATS servers with JetStream that get the events as well, separated by commas;"
        " needs the extra `nats`",
    ),
    Field(
        name="AUTH_NATS_STREAM",
        attribute="events.nats_stream",
        kind=parse.stream_name(),
        default="AUTH_EVENTS",
        description="The JetStream stream of `auth.events.>`; made when there is none",
    ),
    Field(
        name="AUTH_NATS_STREAM_LENGTH",
        attribute="events.nats_stream_length",
        kind=parse.integer(1, 1_000_000_000),
        default="100000",
        description="How many events that stream keeps if the service makes it",
    ),
)
