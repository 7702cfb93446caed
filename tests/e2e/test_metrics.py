"""The metrics of a service with two workers: any scrape says the sum of all."""

import json
import re
import secrets
import socket

import httpx
import pytest

from tests.api.registered_clients import basic
from tests.e2e.running import ANSWER_SECONDS, Service, Services, eventually, free_port

ROUTE = "/api/v1/auth/config"
SECRET = secrets.token_hex(32)
CLIENTS = [{"client_id": "prometheus", "client_secret": SECRET, "allow": ["metrics"]}]
TWO = {
    "WORKERS": "2",
    "ENVIRONMENT": "development",
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "info",
    "ENABLE_METRICS": "true",
    "AUTH_CLIENTS": json.dumps(CLIENTS),
}


def counted(text: str, metric: str, *labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    lines = [line for line in text.splitlines() if line.startswith(metric)]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(e in line for e in labels))


def logged(service: Service) -> int:
    """How many requests for the route both workers have written into the access log."""
    return len(re.findall(rf'"route": ?"{re.escape(ROUTE)}"', service.output))


def ask_both(service: Service) -> None:
    for _ in range(3):
        assert {200} == {answer.status_code for answer in service.ask_each(ROUTE)}


def agrees(service: Service, text: str) -> bool:
    """Whether a scrape says what the logs do. An answer comes before it is counted and logged."""
    total = counted(text, "fm_auth_http_requests_total", f'route="{ROUTE}"')
    return logged(service) == total >= 6


def test_whichever_worker_is_asked_it_knows_of_all(services: Services) -> None:
    service = services(TWO).start()
    ask_both(service)

    def both_know() -> list[str]:
        answers = service.ask_each("/metrics", headers=basic("prometheus", SECRET))
        assert {200} == {answer.status_code for answer in answers}
        texts = [answer.text for answer in answers]
        return texts if len(texts) > 1 and all(agrees(service, text) for text in texts) else []

    for text in eventually(both_know):
        assert 2 == counted(text, "fm_auth_workers")
        assert 30 == counted(text, "fm_auth_postgres_pool_limit")


def test_a_port_of_its_own_serves_the_sum_and_nothing_else(services: Services) -> None:
    port = free_port()
    service = services(TWO | {"AUTH_METRICS_PORT": str(port)}).start()
    ask_both(service)
    inside = httpx.Client(
        base_url=f"http://127.0.0.1:{port}", timeout=ANSWER_SECONDS, trust_env=False
    )

    def all_is_known() -> bool:
        text = inside.get("/metrics").text
        measured = counted(text, "fm_auth_signing_key_activated") > 0
        return measured and agrees(service, text)

    with inside:
        assert eventually(all_is_known)
        assert 404 == inside.get(ROUTE).status_code
        answer = service.client.get("/metrics", headers=basic("prometheus", SECRET))
        assert 404 == answer.status_code
        assert 0 == service.end()
        with pytest.raises(httpx.TransportError):
            inside.get("/metrics")


def test_a_taken_port_is_told_in_one_line(services: Services) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, said = services(
            {"ENABLE_METRICS": "true", "AUTH_METRICS_PORT": str(port)}
        ).refusal()

    assert 0 != status
    assert f"cannot listen on 127.0.0.1:{port} for metrics" in said
    assert "Traceback" not in said
