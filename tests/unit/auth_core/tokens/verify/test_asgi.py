"""The middleware answers as the service does, and lets nobody through by mistake."""

import json

import pytest

from auth_core.kernel import InvalidToken, TokenExpired, Unavailable
from auth_core.tokens.verify import BearerMiddleware


class Stub:
    """Accepts "good"; anything else is refused as it says."""

    async def verify(self, token):
        refusals = {"old": TokenExpired(), "down": Unavailable(retry_after=7)}
        if token != "good":
            raise refusals.get(token, InvalidToken())
        return "claims"


async def ask(authorization=None, *, path="/", method="GET", kind="http", **extra):
    seen, sent = [], []

    async def app(scope, _receive, _send):
        seen.append(scope["auth"])

    async def receive():
        return {"type": f"{kind}.connect"}

    async def send(message):
        sent.append(message)

    values = [authorization] if isinstance(authorization, str) else authorization or []
    headers = [(b"Authorization", value.encode()) for value in values]
    scope = {"type": kind, "path": path, "headers": headers, **extra}
    if kind == "http":
        scope["method"] = method
    await BearerMiddleware(app, Stub(), exempt=["/health"])(scope, receive, send)
    return seen, sent


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_valid_token_passes_with_its_claims(scheme):
    assert (["claims"], []) == await ask(f"{scheme} good")


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "authentication_required"),
        ("Basic good", 401, "authentication_required"),
        ("Bearer bad", 401, "invalid_token"),
        ("Bearer old", 401, "token_expired"),
        (["Bearer good", "Bearer good"], 401, "invalid_token"),
        ("Bearer down", 503, "service_unavailable"),
    ],
)
async def test_others_get_a_problem_in_the_shape_of_the_service(authorization, status, code):
    seen, (start, body) = await ask(authorization, request_id="r-1")

    headers = dict(start["headers"])
    problem = json.loads(body["body"])
    assert ([], status, code) == (seen, start["status"], problem["code"])
    assert b"application/problem+json" == headers[b"content-type"]
    assert ("r-1", status) == (problem["request_id"], problem["status"])
    assert isinstance(problem["detail"], str)
    if status == 503:
        assert b"7" == headers[b"retry-after"]
    else:
        assert headers[b"www-authenticate"].startswith(b'Bearer realm="faultmaven-auth"')
        assert (code != "authentication_required") == (b"error=" in headers[b"www-authenticate"])


async def test_only_whole_paths_are_exempt():
    assert ([None], []) == await ask(path="/health")
    for path in ("/health/", "/Health", "//health", "/health/x"):
        assert [] == (await ask(path=path))[0]


async def test_a_preflight_passes_without_claims():
    assert ([None], []) == await ask(method="OPTIONS")


async def test_a_web_socket_without_a_token_is_closed():
    seen, sent = await ask(kind="websocket")

    assert ([], [{"type": "websocket.close", "code": 1008}]) == (seen, sent)
    assert ["claims"] == (await ask("Bearer good", kind="websocket"))[0]
