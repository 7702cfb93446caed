"""/metrics over HTTP: for whom it is, what it says, and what it never says."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.asking import AUTH, expect_problem
from tests.api.registered_clients import basic
from tests.serving import PATIENCE_SECONDS, Client, bearer, serving

READER_SECRET, OTHER_SECRET = secrets.token_hex(32), secrets.token_hex(32)
CLIENTS = [
    {"client_id": "prometheus", "client_secret": READER_SECRET, "allow": ["metrics"]},
    {"client_id": "gateway", "client_secret": OTHER_SECRET, "allow": ["introspect"]},
]
SETTINGS = {"ENABLE_METRICS": "true", "AUTH_CLIENTS": json.dumps(CLIENTS)}
READER = basic("prometheus", READER_SECRET)

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
async def counted(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a worker of its own that counts: nobody else's requests are in its numbers."""
    async with serving(environ | SETTINGS) as client:
        yield client


async def scrape(client: Client) -> Samples:
    answer = await client.get("/metrics", headers=READER)
    assert 200 == answer.status_code
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def measured(client: Client) -> Samples:
    """A scrape once all that is asked for beside the requests is known."""
    nothing: frozenset[tuple[str, str]] = frozenset()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await scrape(client)
            names = {name for name, _ in found}
            if (
                found.get(("fm_auth_redis_connected_workers", nothing))
                and "fm_auth_revocation_feed_as_of_timestamp_seconds" in names
                and "fm_auth_signing_key_activated_timestamp_seconds" in names
            ):
                return found
            await asyncio.sleep(0.05)


def requests(found: Samples, method: str, route: str, status: int) -> float:
    labels = {("method", method), ("route", route), ("status", str(status))}
    return found.get(("fm_auth_http_requests_total", frozenset(labels)), 0)


@pytest.mark.sec("SEC-44")
async def test_only_a_caller_with_the_permission_reads_it(counted: Client) -> None:
    answer = await counted.get("/metrics", headers=READER)
    assert 200 == answer.status_code
    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]
    assert "no-store" == answer.headers["cache-control"]

    token = (await counted.post(f"{AUTH}/dev-register", json={"username": _name()})).json()
    for headers, status in (
        ({}, 401),
        (bearer(token["access_token"]), 401),
        (basic("prometheus", OTHER_SECRET), 401),
        (basic("gateway", OTHER_SECRET), 403),
    ):
        refused = await counted.get("/metrics", headers=headers)
        assert status == refused.status_code
        assert "fm_auth" not in refused.text


@pytest.mark.parametrize(
    "settings", [{"ENABLE_METRICS": "false"}, {"AUTH_METRICS_PORT": "1"}], ids=["off", "own port"]
)
async def test_it_is_not_here_when_it_is_off_or_has_a_port_of_its_own(
    environ: dict[str, str], settings: dict[str, str]
) -> None:
    async with serving(environ | SETTINGS | settings) as client:
        answer = await client.get("/metrics", headers=READER)

        expect_problem(answer, 404, "endpoint_not_available")


async def test_requests_are_counted_by_template_on_either_way_through(counted: Client) -> None:
    registered = await counted.post(f"{AUTH}/dev-register", json={"username": _name()})
    headers = bearer(registered.json()["access_token"])
    for _ in range(3):
        assert 200 == (await counted.get(f"{AUTH}/me", headers=headers)).status_code
    assert 401 == (await counted.get(f"{AUTH}/me")).status_code
    for _ in range(2):  # a path with a parameter goes through Litestar
        await counted.get(f"/api/v1/users/{uuid4()}", headers=headers)
    await counted.post(f"{AUTH}/dev-login", json={})

    found = await scrape(counted)

    assert 3 == requests(found, "GET", f"{AUTH}/me", 200)
    assert 1 == requests(found, "GET", f"{AUTH}/me", 401)
    assert 2 == requests(found, "GET", "/api/v1/users/{user_id}", 404)
    assert 1 == requests(found, "POST", f"{AUTH}/dev-login", 422)
    labels = {("method", "GET"), ("route", f"{AUTH}/me")}
    assert 4 == found["fm_auth_http_request_duration_seconds_count", frozenset(labels)]


async def test_whatever_a_caller_invents_is_one_series(counted: Client) -> None:
    """Or anybody could fill the memory of the worker, and of Prometheus."""
    before = await scrape(counted)
    for number in range(50):
        await counted.get(f"/nothing/{number}/{secrets.token_hex(4)}")
        await counted.request(f"VERB{number}", f"/nothing/{number}")
        await counted.get(f"{AUTH}/users/{number}%2f..")
        await counted.get(f"/docs/{secrets.token_hex(4)}.js")
    after = await scrape(counted)

    assert 50 <= requests(after, "GET", "unmatched", 404)
    fresh = {
        tuple(sorted(labels))
        for name, labels in after.keys() - before.keys()
        if name == "fm_auth_http_requests_total"
    }
    assert len(fresh) <= 8
    assert {"GET", "other"} >= {dict(labels)["method"] for labels in fresh}


async def test_facts_of_every_part_arrive(counted: Client) -> None:
    name, password = _name(), secrets.token_urlsafe(16)
    body = {"username": name, "password": password}
    registered = await counted.post(f"{AUTH}/register", json=body)
    assert 201 == registered.status_code
    wrong = body | {"password": "not that one, I am afraid"}
    assert 401 == (await counted.post(f"{AUTH}/login", json=wrong)).status_code
    headers = bearer(registered.json()["access_token"])
    assert 200 == (await counted.get(f"{AUTH}/me", headers=headers)).status_code

    found = await measured(counted)

    def value(metric: str, **labels: str) -> float:
        return found[metric, frozenset(labels.items())]

    assert 1 == value("fm_auth_sign_ins_total", method="password", result="authentication_failed")
    assert 0 == value("fm_auth_sign_ins_total", method="password", result="success")
    assert 1 == value("fm_auth_password_checks_total", result="wrong")
    assert 1 == value("fm_auth_token_pairs_issued_total")
    assert 1 == value("fm_auth_session_cache_reads_total", result="miss")
    assert 2 <= value("fm_auth_password_hash_wait_seconds_count")
    assert 1 <= value("fm_auth_postgres_round_trips_total", origin="request")
    assert 1 <= value("fm_auth_postgres_round_trips_total", origin="background")
    assert 1 <= value("fm_auth_redis_round_trips_total")
    assert 15 == value("fm_auth_postgres_pool_limit")
    assert 1 == value("fm_auth_workers") == value("fm_auth_redis_connected_workers")
    assert value("fm_auth_revocation_feed_as_of_timestamp_seconds") > 1.7e9
    for use in ("access", "refresh"):
        assert value("fm_auth_signing_key_activated_timestamp_seconds", use=use) > 1.7e9
    assert value("fm_auth_outbox_depth", publisher="redis") >= 0
    assert value("fm_auth_outbox_lag_seconds", publisher="redis") >= 0
    assert value("fm_auth_letters_waiting") >= 0
    assert value("fm_auth_letters_lag_seconds") >= 0
    assert value("fm_auth_webhook_deliveries_waiting") >= 0
    assert value("fm_auth_webhook_deliveries_total", result="dead") >= 0


@pytest.mark.sec("SEC-67")
async def test_it_holds_nobodys_name_and_no_secret(counted: Client) -> None:
    name, password = _name(), f"pass {secrets.token_urlsafe(16)}"
    email = f"{name}@canary.example"
    body = {"username": name, "password": password, "email": email, "display_name": "Canary Bird"}
    registered = (await counted.post(f"{AUTH}/register", json=body)).json()
    token, refresh = registered["access_token"], registered["refresh_token"]
    user_id = registered["user"]["user_id"]
    for path in (f"/{password}", f"/{token}", f"/api/v1/users/{user_id}", f"{AUTH}/users/{name}"):
        await counted.get(path, headers=bearer(token) | {"X-Request-ID": "canary-request"})
        await counted.request(name.replace("-", "").upper(), path)
    await counted.post(f"{AUTH}/login", json={"username": email, "password": "wrong"})
    await counted.post(f"{AUTH}/refresh", json={"refresh_token": refresh})

    text = (await counted.get("/metrics", headers=READER)).text

    for canary in (
        *(name, name.replace("-", "").upper(), email, password, token, refresh, user_id),
        *(READER_SECRET, "Canary", "canary"),
    ):
        assert canary not in text


def _name() -> str:
    return f"user-{uuid4().hex[:12]}"
