"""Events in NATS JetStream. Needs the extra ``nats`` of the distribution."""

from adapters.nats.event_stream import NATS_SUBJECTS, NatsEventStream

__all__ = ["NATS_SUBJECTS", "NatsEventStream"]
