"""Traces as a collector gets them: what a request did, what came of it later, and no secret."""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from adapters.tracing import export
from app.container import Container
from app.settings import load_settings
from tests.api.asking import AUTH, JSON, ask_raw
from tests.collector import Collector, Span, collecting
from tests.hearing import capture_logs_of
from tests.integration.mail.conftest import MailServer
from tests.integration.tracing.conftest import Traced, new_trace, telling
from tests.receiving import Receiver
from tests.serving import bearer

Found = Callable[[Collector], Any]


def name() -> str:
    return f"user-{secrets.token_hex(6)}"


async def found(collector: Collector, probe: Found) -> Any:
    """What ``probe`` finds in the end; the service goes on meanwhile."""
    return await asyncio.to_thread(collector.wait, probe)


def named(trace_id: str, *names: str) -> Callable[[Collector], list[Span]]:
    """The spans of a trace, once there are these among them."""

    def probe(collector: Collector) -> list[Span]:
        spans = collector.of(trace_id)
        return spans if {span.name for span in spans} >= set(names) else []

    return probe


async def sign_up(traced: Traced, traceparent: str, **more: Any) -> dict[str, Any]:
    answer = await traced.client.post(
        f"{AUTH}/dev-register",
        json={"username": name(), **more},
        headers={"traceparent": traceparent},
    )
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


def one(spans: list[Span], wanted: str) -> Span:
    [span] = [span for span in spans if span.name == wanted]
    return span


async def test_a_request_is_seen_down_to_the_database(traced: Traced) -> None:
    trace_id, traceparent = new_trace()
    await sign_up(traced, traceparent)

    route = f"POST {AUTH}/dev-register"
    spans = await found(traced.collector, named(trace_id, route))

    server = one(spans, route)
    assert ("SERVER", traceparent[36:52], 201, False) == (
        server.kind,
        server.parent_id,
        server.attributes["http.response.status_code"],
        server.failed,
    )
    assert f"{AUTH}/dev-register" == server.attributes["http.route"]
    ids = {span.span_id: span for span in spans}
    for span in spans:
        assert span is server or span.parent_id in ids
    insert = one(spans, "INSERT users")
    assert ("CLIENT", "postgresql", "INSERT", "INSERT users") == (
        insert.kind,
        *(insert.attributes[f"db.{n}"] for n in ("system.name", "operation.name", "query.summary")),
    )
    assert "UserService.create" == ids[insert.parent_id].name
    assert {"fm-auth-service", "development"} <= set(map(str, server.resource.values()))
    assert "the key" == traced.collector.headers[-1]["api-key"]
    assert {"/v1/traces"} == set(traced.collector.paths)


async def test_a_warm_request_is_three_spans(traced: Traced) -> None:
    """The caller, who that is, and the one question to Redis."""
    _, traceparent = new_trace()
    token = bearer((await sign_up(traced, traceparent))["access_token"])
    await traced.client.get(f"{AUTH}/me", headers=token)
    # the cache is not to be trusted before Redis is connected, and may forget at any time
    for _ in range(100):
        trace_id, traceparent = new_trace()
        headers = token | {"traceparent": traceparent}
        assert 200 == (await traced.client.get(f"{AUTH}/me", headers=headers)).status_code
        spans = await found(traced.collector, named(trace_id, f"GET {AUTH}/me"))
        if len(spans) == 3:
            break

    assert {f"GET {AUTH}/me", "Authenticator.authenticate", "MGET"} == {s.name for s in spans}
    assert "redis" == one(spans, "MGET").attributes["db.system.name"]


async def test_whoever_gets_an_event_can_link_to_its_making(
    traced: Traced, database: asyncpg.Connection
) -> None:
    trace_id, traceparent = new_trace()
    user_id = (await sign_up(traced, traceparent))["user"]["user_id"]

    def published(collector: Collector) -> list[Span]:
        # a batch may have events of other traces as well, and lies in that of its first
        made = {span.context[3:52] for span in collector.of(trace_id)}
        spans = [span for span in list(collector.spans) if span.name == "publish auth:events"]
        return [span for span in spans if made & {*span.links}]

    [batch, *_] = await found(traced.collector, published)

    created = [span for span in list(traced.collector.spans) if span.name == "create outbox"]
    made = {span.context: span for span in created if span.trace_id == trace_id}
    rows = await database.fetch("SELECT payload FROM outbox WHERE user_id::text = $1", user_id)
    events = [json.loads(row["payload"]) for row in rows]
    assert {"user.created", "user.logged_in"} <= {event["type"] for event in events}
    for event in events:
        attributes = made[event["traceparent"]].attributes
        assert (event["id"], event["type"]) == (
            attributes["messaging.message.id"],
            attributes["cloudevents.event_type"],
        )
    assert batch.parent_id in {span.span_id for span in created}


@pytest.mark.sec("SEC-67")
async def test_a_receiver_of_webhooks_is_told_of_the_trace_and_of_no_baggage(
    traced: Traced, receiver: Receiver, database: asyncpg.Connection
) -> None:
    admin = (await sign_up(traced, new_trace()[1]))["user"]
    await database.execute(
        "UPDATE users SET roles = array['platform_admin'] WHERE id::text = $1", admin["user_id"]
    )
    again = await traced.client.post(f"{AUTH}/dev-login", json={"username": admin["username"]})
    token = bearer(again.json()["access_token"])
    body = {"url": f"{receiver.url}/a-secret-path?a=b", "event_types": ["user.created"]}
    made = await traced.client.post("/api/v1/webhooks", json=body, headers=token)
    assert 201 == made.status_code, made.text
    trace_id, traceparent = new_trace()
    answer = await traced.client.post(
        f"{AUTH}/dev-register",
        json={"username": name()},
        headers={"traceparent": traceparent, "baggage": "canary=bag"},
    )
    assert 201 == answer.status_code

    spans = await found(traced.collector, named(trace_id, "POST"))

    delivery = one(spans, "POST")
    [received] = [each for each in receiver.received if trace_id in str(each.headers)]
    assert delivery.context == received.headers["traceparent"]
    ids = {span.span_id: span for span in spans}
    assert ids[delivery.parent_id].context == received.event["traceparent"]
    assert "user.created" == delivery.attributes["cloudevents.event_type"]
    assert ("127.0.0.1", 204) == (
        delivery.attributes["server.address"],
        delivery.attributes["http.response.status_code"],
    )
    assert not any("a-secret-path" in str(span) or "canary" in str(span) for span in spans)
    assert "canary" not in str(received)
    removed = await traced.client.delete(
        f"/api/v1/webhooks/{made.json()['webhook_id']}", headers=token
    )
    assert 204 == removed.status_code


async def test_a_letter_is_in_the_trace_of_the_request_that_it_comes_from(
    traced: Traced, mail_server: MailServer
) -> None:
    email = f"{name()}@example.com"
    await sign_up(traced, new_trace()[1], email=email)
    trace_id, traceparent = new_trace()
    answer = await traced.client.post(
        f"{AUTH}/verify-email/resend", json={"email": email}, headers={"traceparent": traceparent}
    )
    assert 202 == answer.status_code

    # the letter may be out before the request has ended
    route = f"POST {AUTH}/verify-email/resend"
    spans = await found(traced.collector, named(trace_id, "SMTP", route))

    letter = one(spans, "SMTP")
    assert one(spans, route).span_id == letter.parent_id
    assert {
        "rpc.system": "smtp",
        "server.address": "127.0.0.1",
        "server.port": mail_server.port,
    } == letter.attributes
    assert any(email == taken["To"] for taken in mail_server.taken)


async def test_what_a_caller_does_not_keep_we_do_not_keep_and_it_goes_on(
    traced: Traced, database: asyncpg.Connection
) -> None:
    trace_id, traceparent = new_trace(kept=False)
    user_id = (await sign_up(traced, traceparent))["user"]["user_id"]
    later, kept = new_trace()
    await sign_up(traced, kept)
    await found(traced.collector, named(later, f"POST {AUTH}/dev-register"))

    assert [] == traced.collector.of(trace_id)
    rows = await database.fetch("SELECT payload FROM outbox WHERE user_id::text = $1", user_id)
    carried = {json.loads(row["payload"])["traceparent"] for row in rows}
    assert all(each.startswith(f"00-{trace_id}-") and each.endswith("-00") for each in carried)
    assert trace_id in [line["trace_id"] for line in traced.lines]


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("vendor=a,other=b", "vendor=a,other=b"),
        ("canary@@@", ""),
        ("vendor=" + "canary" * 100, ""),
        ("", ""),
    ],
    ids=["in order", "malformed", "too long", "empty"],
)
async def test_a_tracestate_is_kept_if_it_is_in_order(
    traced: Traced, state: str, kept: str
) -> None:
    trace_id, traceparent = new_trace()
    headers = {"traceparent": traceparent, "tracestate": state}
    with capture_logs_of("") as heard:
        await traced.client.get("/", headers=headers)

    [span] = await found(traced.collector, named(trace_id, "GET /"))
    assert kept == span.state
    assert "canary" not in str(heard)


async def test_a_malformed_traceparent_is_none(traced: Traced) -> None:
    trace_id, traceparent = new_trace()
    for sent in (f"{traceparent}-x", traceparent.upper(), f"ff{traceparent[2:]}"):
        await traced.client.get(f"{AUTH}/config", headers={"traceparent": sent})

    def begun(collector: Collector) -> list[Span]:
        spans = [span for span in collector.spans if span.name == f"GET {AUTH}/config"]
        return spans if len(spans) >= 3 else []

    spans = await found(traced.collector, begun)
    assert {""} == {span.parent_id for span in spans}
    assert trace_id not in {span.trace_id for span in spans}
    assert len(spans) == len({span.trace_id for span in spans})


async def test_what_goes_wrong_has_its_code(traced: Traced) -> None:
    for method, path, body, wanted, span_name in (
        ("GET", f"{AUTH}/me", None, (401, "authentication_required"), f"GET {AUTH}/me"),
        ("GET", f"/nothing/{name()}", None, (404, "not_found"), "GET"),
        ("BREW", f"{AUTH}/me", None, (405, "method_not_allowed"), "HTTP"),
        ("POST", f"{AUTH}/dev-login", {}, (422, "validation_failed"), f"POST {AUTH}/dev-login"),
        (
            "POST",
            f"{AUTH}/dev-login",
            {"username": name()},
            (401, "authentication_failed"),
            f"POST {AUTH}/dev-login",
        ),
    ):
        trace_id, traceparent = new_trace()
        await traced.client.request(method, path, json=body, headers={"traceparent": traceparent})

        spans = await found(traced.collector, named(trace_id, span_name))
        [span] = [each for each in spans if each.kind == "SERVER"]
        attributes = span.attributes
        assert wanted == (attributes["http.response.status_code"], attributes["error.type"])
        assert not span.failed, "what a caller does wrong is no fault of ours"
        assert "BREW" not in str(span)


async def test_nobody_looks_for_probes(traced: Traced) -> None:
    trace_id, traceparent = new_trace()
    later, kept = new_trace()
    for path in ("/health", "/health/ready"):
        await traced.client.get(path, headers={"traceparent": traceparent})
    await traced.client.get("/", headers={"traceparent": kept})
    await found(traced.collector, named(later, "GET /"))

    assert [] == traced.collector.of(trace_id)


@pytest.mark.sec("SEC-67")
async def test_no_secret_and_nobody_is_in_a_trace(traced: Traced) -> None:
    def canary(what: str) -> str:
        return f"canary-{secrets.token_hex(8)}-{what}"

    who, password, wrong, cookie = name(), canary("pass"), canary("wrong"), canary("cookie")
    email, shown, client = f"{who}@example.com", canary("shown"), traced.client
    user = await sign_up(traced, new_trace()[1], email=email, password=password, display_name=shown)
    token = bearer(user["access_token"])
    seen = token | {"Cookie": f"a={cookie}", "X-Request-ID": canary("request"), "User-Agent": shown}
    user_id = user["user"]["user_id"]
    last, traceparent = new_trace()
    answers = [
        await client.post(f"{AUTH}/login", json={"username": who, "password": password}),
        await client.post(f"{AUTH}/login", json={"username": who, "password": wrong}),
        await client.post(
            f"{AUTH}/login", content=f'{{"password": "{wrong}'.encode(), headers=JSON
        ),
        await client.get(f"{AUTH}/me?access_token={wrong}", headers=seen),
        await client.get(f"{AUTH}/me", headers=bearer(wrong)),
        await client.get(f"/api/v1/users/{user_id}", headers=seen),
        await client.get(f"/{wrong}/{email}"),
        await client.post(f"{AUTH}/refresh", json={"refresh_token": user["refresh_token"]}),
        await client.post(f"{AUTH}/refresh", json={"refresh_token": wrong}),
        await client.delete(f"{AUTH}/users/{who}", headers=seen),
        await ask_raw(client, "GET", f"{AUTH}/me", headers=[(b"authorization", wrong.encode())]),
        await client.get("/", headers={"traceparent": traceparent}),
    ]
    assert {200, 401, 404, 422} <= {answer.status_code for answer in answers}
    await found(traced.collector, named(last, "GET /"))

    secret_words = {
        *(who, email, password, wrong, cookie, shown, user_id, user["session_id"], "canary"),
        *(user[token].rpartition(".")[2] for token in ("access_token", "refresh_token")),
    }
    told = b"".join(traced.collector.bodies).decode("latin-1")
    assert [] == [word for word in secret_words if word in told]
    assert {""} == {span.said for span in traced.collector.spans}


async def test_log_and_trace_name_each_other(
    traced: Traced, environ: dict[str, str], collector: Collector
) -> None:
    trace_id, traceparent = new_trace()
    await traced.client.get("/", headers={"traceparent": traceparent})
    [span] = await found(traced.collector, named(trace_id, "GET /"))
    [line] = [line for line in traced.lines if line["trace_id"] == trace_id]
    assert span.span_id == line["span_id"]

    async with telling(environ, collector) as untraced:
        await untraced.client.get("/", headers={"traceparent": traceparent})
        await untraced.client.get("/")

    with_trace, without = untraced.lines
    assert (trace_id, None) == (with_trace["trace_id"], with_trace["span_id"])
    assert None is without["trace_id"] is without["span_id"]
    assert 1 == len(collector.of(trace_id))


async def test_a_share_is_a_share_of_the_traces_that_begin_here(
    environ: dict[str, str], collector: Collector
) -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    service = {"OTEL_SERVICE_NAME": "share", "OTEL_RESOURCE_ATTRIBUTES": "team=a%20b"}
    async with telling(environ | collector.settings | sampler | service, collector) as traced:
        for _ in range(5):
            await traced.client.get("/")
        trace_id, traceparent = new_trace()
        await traced.client.get("/", headers={"traceparent": traceparent})
        await found(collector, named(trace_id, "GET /"))

    [span] = [span for span in collector.spans if span.resource["service.name"] == "share"]
    assert (trace_id, "a b") == (span.trace_id, span.resource["team"])


async def test_a_collector_that_refuses_is_told_of_once_and_again_when_it_takes(
    environ: dict[str, str],
) -> None:
    with collecting() as collector, capture_logs_of("traces_") as heard:
        collector.status = 400
        async with telling(environ | collector.settings, collector) as traced:
            for count in range(1, 4):
                assert 200 == (await traced.client.get("/")).status_code
                await found(collector, lambda c, count=count: len(c.paths) >= count)
            collector.status = 200
            trace_id, traceparent = new_trace()
            await traced.client.get("/", headers={"traceparent": traceparent})
            await found(collector, named(trace_id, "GET /"))

    assert ["traces_not_taken", "traces_taken_again"] == [line["event"] for line in heard]


async def test_a_collector_that_hangs_keeps_neither_a_request_nor_the_stop(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
    with collecting() as collector:
        collector.hold.clear()
        async with telling(environ | collector.settings, collector) as traced:
            for _ in range(5):
                assert 200 == (await traced.client.get("/")).status_code

        assert [] == collector.paths, "nobody has waited for its answer"
        collector.hold.set()
        await found(collector, lambda collector: collector.paths)


async def test_the_last_spans_leave_before_the_end(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CLOSE_SECONDS", 60.0)
    with collecting() as collector:
        # what is sent before it stops would have to wait for an hour
        async with telling(environ | collector.settings, collector, every=3_600_000) as traced:
            trace_id, traceparent = new_trace()
            await traced.client.get("/", headers={"traceparent": traceparent})
            assert [] == collector.paths

        assert ["GET /"] == [span.name for span in collector.of(trace_id)]


async def test_nobody_there_is_told_once_and_requests_go_on(
    environ: dict[str, str], collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CLOSE_SECONDS", 60.0)
    nobody = collector.settings | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    with capture_logs_of("traces_") as heard:
        async with telling(environ | nobody, collector) as traced:
            for _ in range(5):
                assert 200 == (await traced.client.get("/")).status_code
                await asyncio.sleep(0.1)

    assert ["traces_not_taken"] == [line["event"] for line in heard]


def test_switched_off_by_its_own_name_nothing_is_made(environ: dict[str, str]) -> None:
    for settings in ({}, {"ENABLE_TRACING": "true", "OTEL_SDK_DISABLED": "true"}):
        container = Container(load_settings(environ | settings))

        assert container.traces is None
        assert "read" not in vars(container.session_cache)
        assert container.core.noted is None
