"""What is asked of PostgreSQL and Redis. No statement, key or parameter is in a span."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from opentelemetry.trace import SpanKind

from adapters.tracing.spans import Attributes, Spans, traceparent_of
from adapters.tracing.watching import Method, replace, watch
from auth_core.kernel import DomainEvent

_POSTGRES: Final[Attributes] = {"db.system.name": "postgresql"}
_WAIT: Final = "wait for a connection"
_SUMMARY_MAX: Final = 255
_CTE = re.compile(r"\b([a-z_0-9]+)(?:\([a-z_0-9, ]*\))?\s+AS\s+(?:NOT\s+)?(?:MATERIALIZED\s+)?\(")
_PART = re.compile(
    r"\b(?:(?P<read>SELECT)\b|(?P<write>INSERT INTO|DELETE FROM|UPDATE) (?P<written>[a-z_]+)\b"
    r"|(?:FROM|JOIN) (?P<table>[a-z_]+)\b(?!\())"
)


@lru_cache(maxsize=1024)
def summary(sql: str) -> str:
    """The operations of a statement and their tables: ``UPDATE sessions INSERT outbox``."""
    ctes = set(_CTE.findall(sql))
    parts: list[list[str]] = []
    for found in _PART.finditer(sql):
        if found["read"] is not None:
            parts.append(["SELECT"])
        elif found["write"] is not None:
            parts.append([found["write"].partition(" ")[0], found["written"]])
        elif parts and found["table"] not in {*ctes, *parts[-1]}:
            parts[-1].append(found["table"])
    words = dict.fromkeys(" ".join(part) for part in parts if len(part) > 1)
    return " ".join(words or sql.split()[:1]).rstrip(";")[:_SUMMARY_MAX]


class _Traced:
    """A connection whose statements are spans; it is the pool's own in all else."""

    __slots__ = ("_attributes", "_spans", "bare")

    def __init__(self, bare: Any, spans: Spans, attributes: Attributes) -> None:
        self.bare = bare
        self._spans = spans
        self._attributes = attributes

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)

    async def fetch(self, sql: str, *arguments: object) -> Any:
        return await self._run(self.bare.fetch, sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> Any:
        return await self._run(self.bare.fetchrow, sql, *arguments)

    async def execute(self, sql: str, *arguments: object, **options: Any) -> Any:
        return await self._run(self.bare.execute, sql, *arguments, **options)

    async def _run(
        self, method: Callable[..., Awaitable[Any]], sql: str, *arguments: object, **options: Any
    ) -> Any:
        about = summary(sql)
        attributes = {
            **self._attributes,
            "db.operation.name": about.partition(" ")[0],
            "db.query.summary": about,
        }
        with self._spans.leaf(about, SpanKind.CLIENT, attributes):
            return await method(sql, *arguments, **options)


def trace_database(database: object, spans: Spans) -> None:
    """Have each statement of a traced request be a span, and the wait for a connection, too."""

    def acquiring(acquire: Method) -> Method:
        async def acquired() -> Any:
            connection = await acquire()
            return _Traced(connection, spans, _where(connection)) if spans.recorded else connection

        return acquired

    def releasing(release: Method) -> Method:
        async def released(connection: Any, **options: Any) -> None:
            bare = connection.bare if isinstance(connection, _Traced) else connection
            await release(bare, **options)

        return released

    replace(database, "acquire", acquiring)
    replace(database, "release", releasing)
    # most of the time there is one, and nobody waits
    watch(database, "_wait_for_connection", spans, _WAIT, SpanKind.INTERNAL, _POSTGRES)


def _where(connection: Any) -> Attributes:
    """Which of the servers it is that the connection leads to."""
    held = connection._con  # noqa: SLF001 - asyncpg tells nobody
    found = {**_POSTGRES, "db.namespace": str(held._params.database)}  # noqa: SLF001
    address = held._addr  # noqa: SLF001
    if isinstance(address, tuple):
        return found | {"server.address": str(address[0]), "server.port": int(address[1])}
    return found | {"server.address": str(address)}


def created_in(spans: Spans) -> Callable[[Sequence[DomainEvent]], Sequence[DomainEvent]]:
    """What has events name the span of their making, so that whoever gets them can link to it."""

    def created(events: Sequence[DomainEvent]) -> Sequence[DomainEvent]:
        if not spans.recorded:
            return events
        return [_created(event, spans) for event in events]

    return created


def _created(event: DomainEvent, spans: Spans) -> DomainEvent:
    context = spans.moment(
        "create outbox",
        SpanKind.PRODUCER,
        {
            "messaging.system": "fm_auth",
            "messaging.destination.name": "outbox",
            "messaging.operation.name": "create",
            "messaging.operation.type": "create",
            "messaging.message.id": str(event.id),
            "cloudevents.event_type": event.type,
        },
    )
    return msgspec.structs.replace(event, traceparent=traceparent_of(context))


def trace_redis(
    target: object,
    spans: Spans,
    operations: Mapping[str, str],
    place: Attributes,
    reachable: Callable[[], bool],
) -> None:
    """Have calls of these methods be spans, with the commands that they send.

    Without a connection (``reachable``) nothing is sent, and there is no span.
    """
    for name, command in operations.items():
        attributes = {"db.system.name": "redis", "db.operation.name": command, **place}
        watch(target, name, _While(spans, reachable), command, SpanKind.CLIENT, attributes)


class _While(Spans):
    """Spans as long as a condition holds."""

    def __init__(self, spans: Spans, holds: Callable[[], bool]) -> None:
        super().__init__(spans._tracer)  # noqa: SLF001 - the same class
        self._holds = holds

    @property
    def recorded(self) -> bool:
        return super().recorded and self._holds()
