"""Spans: words of ours only, and nothing where there are no traces."""

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from adapters.postgres.statement import combined
from adapters.postgres.tables import users
from adapters.tracing import Spans, export, remote_context, traceparent_of, watch
from adapters.tracing.databases import summary
from adapters.tracing.spans import failure_word
from auth_core.kernel import AuthenticationRequired, Misconfigured, Unavailable
from auth_core.mail import MailServerDown
from tests.integration.postgres.test_query_plans import STATEMENTS

TABLES = set(users.metadata.tables)
OPERATIONS = {"SELECT", "INSERT", "UPDATE", "DELETE"}


@pytest.mark.sec("SEC-67")
def test_a_statement_is_told_by_its_operations_and_tables():
    for name, statement in STATEMENTS.items():
        words = summary(statement.sql).split()

        assert words[0] in OPERATIONS, name
        assert set(words[1:]) <= OPERATIONS | TABLES, name


def test_writes_that_travel_together_are_all_told():
    together = combined([STATEMENTS["users._RECORD_LOGIN"], STATEMENTS["outbox._ADD"]])

    assert "INSERT outbox UPDATE users" == summary(together)
    assert "COMMIT" == summary("COMMIT")
    assert "ROLLBACK" == summary("ROLLBACK; SELECT pg_logical_emit_message(true, 'fm-auth', '')")


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize(
    ("error", "word"),
    [
        (AuthenticationRequired(), "authentication_required"),
        (MailServerDown("smtp_421"), "smtp_421"),
        (RuntimeError("a canary"), "RuntimeError"),
        (type("Odd", (Exception,), {"reason": "a canary: text"})(), "Odd"),
        (type("Refused", (Exception,), {"sqlstate": "23505"})("canary"), "23505"),
    ],
)
def test_a_failure_is_a_word(error, word):
    assert word == failure_word(error)


def test_a_traceparent_and_back():
    text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    context = remote_context(text)

    assert context is not None
    assert (text, True) == (traceparent_of(context), context.is_remote)
    for none in (None, "", "00-0-0-0"):
        assert remote_context(none) is None


class Target:
    """Something with two methods."""

    async def fails(self) -> None:
        raise Unavailable

    async def answers(self) -> int:
        return 7


async def test_only_one_object_is_watched_and_it_does_as_before():
    target, other = Target(), Target()
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("test")
    spans = Spans(tracer)
    watch(target, "fails", spans, "fails", 0, {})

    assert not spans.recorded
    assert 7 == await target.answers()
    with pytest.raises(Unavailable):
        await target.fails()
    assert {"fails"} == vars(target).keys()
    assert {} == vars(other)


def test_ids_are_not_those_of_the_shared_generator(monkeypatch):
    """Which forked workers have in common."""
    import random

    ids = []
    for _ in range(2):
        random.seed(7)
        own = export._OwnIds()
        ids += [own.generate_trace_id(), own.generate_span_id()]

    assert 4 == len(set(ids))


LOADED = """
import sys
for unused in ("advanced_alchemy", "pydantic", "opentelemetry.sdk.metrics"):
    sys.modules[unused] = None
import app.server, app.container, app.settings
app.container.Container(app.settings.load_settings({
    "DATABASE_URL": "postgresql://u:p@h/d", "REDIS_URL": "redis://h", "ENVIRONMENT": "development",
    "AUTH_MASTER_KEY": "00" * 31 + "01", "OTEL_SERVICE_NAME": "x", "ENABLE_TRACING": "false"}))
print(sorted(name for name in sys.modules if name.startswith((
    "opentelemetry.trace", "opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf",
    "adapters.tracing", "app.tracing"))))
"""


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100", "max_queue_size"),  # less than a batch
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "schedule_delay_millis"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    ],
)
def test_what_the_sdk_refuses_is_for_an_operator(monkeypatch, name, value, told):
    monkeypatch.setenv(name, value)
    collector = export.Collector(
        endpoint="http://127.0.0.1:1/v1/traces",
        headers={},
        sampler="always_on",
        ratio=1.0,
        resource={},
    )

    with pytest.raises(Misconfigured, match=told):
        export.TraceExport(collector)


def test_nothing_is_loaded_where_traces_are_off():
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=True,
    )

    assert "[]\n" == done.stdout
