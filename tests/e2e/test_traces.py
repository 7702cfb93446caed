"""Traces of a service as people run it: of all of its workers."""

import sys
from pathlib import Path

from tests.collector import Collector, Span, collecting
from tests.e2e.running import Services

ROUTE = "/api/v1/auth/config"
NAMING = (
    "import os, threading; os.register_at_fork(before=lambda: os.write(2, "
    "f'threads at a fork: {[each.name for each in threading.enumerate()]}\\n'.encode())); "
    "from app.cli import main; main()"
)


def told(collector: Collector) -> list[Span]:
    """The spans of the route, once two workers have sent some of theirs."""
    spans = [span for span in list(collector.spans) if span.name == f"GET {ROUTE}"]
    workers = {span.resource["process.pid"] for span in spans}
    return spans if len(workers) == 2 and len(spans) >= 6 else []


def test_each_worker_tells_and_its_thread_begins_after_the_fork(services: Services) -> None:
    with collecting() as collector:
        settings = {"WORKERS": "2", "ENVIRONMENT": "development", "NO_PROXY": "127.0.0.1"}
        often = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
        service = services(
            settings | often | collector.settings, command=(sys.executable, "-c", NAMING, "serve")
        ).start()
        for _ in range(3):
            answers = service.ask_each(ROUTE)
            assert {200} == {answer.status_code for answer in answers}

        spans = collector.wait(told)
        assert len(spans) == len({span.trace_id for span in spans})
        assert 0 == service.end()

    forks = [line for line in service.output.splitlines() if "threads at a fork" in line]
    assert 2 == len(forks)
    assert not any("Otel" in fork for fork in forks)


def test_without_the_extra_the_start_says_what_to_install(
    services: Services, tmp_path: Path
) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").touch()

    status, said = services({"ENABLE_TRACING": "true", "PYTHONPATH": str(tmp_path)}).refusal()

    assert 78 == status
    assert "ENABLE_TRACING needs the extra otel: pip install 'fm-auth-service[otel]'" in said
    assert "Traceback" not in said


def test_what_the_sdk_refuses_is_one_line(services: Services) -> None:
    status, said = services({"ENABLE_TRACING": "true", "OTEL_BSP_MAX_QUEUE_SIZE": "100"}).refusal()

    assert 78 == status
    assert "OpenTelemetry refuses its settings" in said
    assert "Traceback" not in said
