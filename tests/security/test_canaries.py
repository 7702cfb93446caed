"""No secret leaves by a side door: canaries go through every route, then we look everywhere."""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import msgspec
import pytest
import redis.asyncio
import structlog
from litestar import Request, get, post
from litestar.params import JSONBody
from litestar.testing import AsyncTestClient

from adapters.crypto import JoseKeyGenerator
from app.api.answers import AuthTokens
from app.api.sign_in import AuthLoginRequest, AuthRegisterRequest
from app.container import Container
from app.main import create_app
from app.observability import configure_logging
from app.security import PUBLIC
from app.settings import describe, load_settings
from auth_core.kernel import MailTemplate, Secret
from auth_core.keys import KeyUse
from auth_core.users import Registration
from tests.api.asking import AUTH, JSON, ask_raw
from tests.mailbox import mailbox_of
from tests.serving import Client, bearer

NewName = Callable[[], str]

NOWHERE = "127.0.0.1:1"
KEY_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "k")
QUIETED = ("", "sqlalchemy", "httpx", "httpcore", "_granian", "granian", "granian.access")


class Canaries:
    """Secrets that must not be found again."""

    def __init__(self) -> None:
        self.all: dict[str, str] = {}

    def new(self, name: str) -> str:
        """A secret with letters, digits and a dash, as a person or a generator may choose it."""
        return self.add(name, f"Canary-{secrets.token_hex(12)}-{name.replace(' ', '-')}")

    def add(self, name: str, secret: str) -> str:
        """Watch this one, too."""
        self.all[name] = secret
        return secret

    def add_tokens(self, answer: dict[str, Any]) -> None:
        """Watch the tokens of an answer, whole and by their signatures."""
        for name in ("access_token", "refresh_token"):
            self.add(f"{name} {len(self.all)}", answer[name].rpartition(".")[2])

    def found_in(self, text: str) -> list[str]:
        """Which secrets are there, in plain or as the database shows bytes."""
        return [
            name
            for name, secret in self.all.items()
            if secret in text or secret.encode().hex() in text
        ]


class Flow(msgspec.Struct, frozen=True):
    """What a worker said and did while secrets went through it."""

    canaries: Canaries
    lines: list[bytes]
    answers: list[httpx.Response]
    container: Container


@post("/faults/body", opt=PUBLIC)
async def fail_with_body(data: JSONBody[AuthRegisterRequest]) -> None:
    """Fail with a password at hand."""
    password = data.password
    message = f"cannot handle {data!r}, { ({'password': password}) }"
    raise RuntimeError(message)


@get("/faults/headers", opt=PUBLIC)
async def fail_with_headers(request: Request[Any, Any, Any]) -> None:
    """Fail with all headers in the message."""
    message = f"cannot handle {dict(request.headers)}"
    raise RuntimeError(message) from ValueError(str(request.headers.get("authorization")))


@post("/faults/chain", opt=PUBLIC)
async def fail_in_a_chain(request: Request[Any, Any, Any]) -> None:
    """Log secrets on purpose, as careless code would, and fail."""
    sent = await request.json()
    log = structlog.get_logger("careless")
    log.warning("careless", password=sent["password"], headers=dict(request.headers))
    logging.getLogger("careless").error("password=%s", sent["password"])
    try:
        {}[str({"Authorization": request.headers["authorization"]})]
    except KeyError as error:
        logging.getLogger("careless").exception("lost")
        raise OSError({"secret": sent["password"]}) from error


@pytest.fixture(scope="module")
def lines() -> Iterator[list[bytes]]:
    """Every line that is logged, at the most talkative level."""
    levels = {name: logging.getLogger(name).level for name in QUIETED}
    handlers = {name: list(logging.getLogger(name).handlers) for name in QUIETED}
    before = structlog.get_config()
    written: list[bytes] = []
    configure_logging("debug", "json", write=written.append)
    yield written
    structlog.configure(**before)
    for name in QUIETED:
        logging.getLogger(name).setLevel(levels[name])
        logging.getLogger(name).handlers[:] = handlers[name]


@pytest.fixture(scope="module")
async def flow(
    environ: dict[str, str], postgres_url: str, redis_url: str, lines: list[bytes]
) -> AsyncIterator[Flow]:
    """A worker after secrets went through all of its routes, well and badly."""
    canaries = Canaries()
    url, password = _with_password(environ["DATABASE_URL"], canaries)
    canaries.add("database password", password)
    canaries.add("master key", environ["AUTH_MASTER_KEY"])
    own = {
        "DATABASE_URL": url,
        "DASHBOARD_USERNAME": f"seed-{secrets.token_hex(6)}",
        "DASHBOARD_PASSWORD": canaries.new("dashboard password"),
        "AUTH_CLIENTS": json.dumps(
            [
                {
                    "client_id": "canary-keeper",
                    "client_secret": canaries.new("client secret"),
                    "allow": ["introspect", "revoke", "revocations"],
                }
            ]
        ),
    }
    settings = load_settings(environ | own)
    access_line = configure_logging("debug", "json", write=lines.append)
    container = Container(settings, access_line)
    app = create_app(container)
    for handler in (fail_with_body, fail_with_headers, fail_in_a_chain):
        app.register(handler)
    answers: list[httpx.Response] = []
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        await _sign_ins(client, canaries, answers)
        await _mailed(client, environ, canaries, answers)
        await _failures(client, canaries, answers)
        await _faults(client, canaries, answers)
        await _registered_client(client, canaries, answers)
        await _webhooks(client, canaries, answers)
        await _import_of_a_key(Container(settings, access_line), canaries)
        ring = await container.core.keys.ring()
        for use in KeyUse:
            key = ring.active(use)
            assert key is not None
            jwk = json.loads(key.private_jwk.reveal())
            for member in KEY_MEMBERS:
                if member in jwk:
                    canaries.add(f"{member} of the {use} key", jwk[member])
        yield Flow(canaries, lines, answers, container)


def _with_password(url: str, canaries: Canaries) -> tuple[str, str]:
    """The URL with a password, which a server that trusts its socket does not ask for."""
    parts = urlsplit(url)
    if parts.password:
        return url, parts.password
    password = canaries.new("database password")
    user, _, location = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{location}")), password


async def _sign_ins(client: Client, canaries: Canaries, answers: list[httpx.Response]) -> None:
    for register, login in (("dev-register", "dev-login"), ("register", "login")):
        name = f"user-{secrets.token_hex(6)}"
        body = {"username": name, "password": canaries.new(f"password of {register}")}
        registered = await client.post(f"{AUTH}/{register}", json=body)
        logged_in = await client.post(f"{AUTH}/{login}", json=body)
        assert (201, 200) == (registered.status_code, logged_in.status_code)
        for answer in (registered, logged_in):
            canaries.add_tokens(answer.json())
        token = bearer(logged_in.json()["access_token"])
        refresh = registered.json()["refresh_token"]
        refreshed = await client.post(
            f"{AUTH}/refresh", json={"refresh_token": logged_in.json()["refresh_token"]}
        )
        canaries.add_tokens(refreshed.json())
        answers += [
            await client.get(f"{AUTH}/me", headers=token),
            await client.patch(f"{AUTH}/me", json={"display_name": "Me"}, headers=token),
            await client.get(f"{AUTH}/me/available-scopes", headers=token),
            await client.get(f"{AUTH}/me", headers=bearer(refresh)),
            await client.get(f"{AUTH}/sessions", headers=token),
            await client.delete(
                f"{AUTH}/sessions/{registered.json()['session_id']}", headers=token
            ),
            await client.post(f"{AUTH}/refresh", json={"refresh_token": refresh}),
            await client.post(f"{AUTH}/sessions/revoke-others", headers=token),
            await client.post(f"{AUTH}/logout", json={"refresh_token": refresh}, headers=token),
            await client.get(f"{AUTH}/me", headers=token),
            await client.post(
                f"{AUTH}/dev/revoke-all-tokens",
                headers=bearer(registered.json()["access_token"]),
            ),
            await client.post(f"{AUTH}/{register}", json=body),
        ]
    for path in ("/", "/health", "/health/ready", "/openapi.json", "/.well-known/jwks.json"):
        answers.append(await client.get(path))
    for path in ("/.well-known/openid-configuration", f"{AUTH}/config", f"{AUTH}/health", "/docs"):
        answers.append(await client.get(path))


async def _mailed(
    client: Client, environ: dict[str, str], canaries: Canaries, answers: list[httpx.Response]
) -> None:
    name = f"user-{secrets.token_hex(6)}"
    email, other = f"{name}@example.com", f"other-{name}@example.com"
    body = {"username": name, "email": email, "password": canaries.new("password before")}
    signed_up = (await client.post(f"{AUTH}/dev-register", json=body)).json()
    canaries.add_tokens(signed_up)
    changed, reset = canaries.new("changed password"), canaries.new("reset password")
    async with mailbox_of(environ) as mailbox:

        async def mailed(template: MailTemplate, address: str = email) -> dict[str, str]:
            token = await mailbox.token(address, template)
            return {"token": canaries.add(f"{template.value} token", token)}

        answers.append(await client.post(f"{AUTH}/verify-email/resend", json={"email": email}))
        proof = await mailed(MailTemplate.VERIFY_EMAIL)
        answers += [await client.post(f"{AUTH}/verify-email", json=proof) for _ in range(2)]
        answers.append(await client.post(f"{AUTH}/sign-in/link", json={"email": email}))
        link = await mailed(MailTemplate.SIGN_IN_LINK)
        signed_in = (await client.post(f"{AUTH}/sign-in/link/redeem", json=link)).json()
        canaries.add_tokens(signed_in)
        code = (await client.post(f"{AUTH}/sign-in/code", json={"email": email})).json()
        challenge = canaries.add("challenge", code["challenge_id"])
        wrong = {"challenge_id": challenge, "code": "not the code"}
        answers.append(await client.post(f"{AUTH}/sign-in/code/redeem", json=wrong))
        passwords = {"current_password": body["password"], "new_password": changed}
        fresh = await client.post(
            f"{AUTH}/me/password", json=passwords, headers=bearer(signed_in["access_token"])
        )
        canaries.add_tokens(fresh.json())
        headers = bearer(fresh.json()["access_token"])
        asked = {"new_email": other, "password": changed}
        answers.append(await client.post(f"{AUTH}/me/email", json=asked, headers=headers))
        moved = await mailed(MailTemplate.CHANGE_EMAIL, other)
        answers += [await client.post(f"{AUTH}/me/email/confirm", json=moved) for _ in range(2)]
        answers.append(await client.post(f"{AUTH}/forgot-password", json={"email": other}))
        forgotten = await mailed(MailTemplate.RESET_PASSWORD, other)
        await client.get("/account/reset-password", params=forgotten)  # whose form has the token
        sent = {**forgotten, "new_password": reset}
        answers += [await client.post(f"{AUTH}/reset-password", json=sent) for _ in range(2)]
        answers.append(await client.post("/account/reset-password", data=sent))
    assert {200, 202, 400} == {answer.status_code for answer in answers[-11:]}


async def _failures(client: Client, canaries: Canaries, answers: list[httpx.Response]) -> None:
    wrong, cookie = canaries.new("wrong password"), canaries.new("cookie")
    short, long = canaries.new("short")[:21], canaries.new("long") * 40
    presented = canaries.new("opaque token")
    headers = bearer(presented) | {"Cookie": f"session={cookie}"}
    for route in ("dev-register", "dev-login", "register", "login"):
        for body in (
            {"username": "nobody-at-all", "password": wrong},
            {"username": "a b", "password": wrong},
            {"username": "abc", "password": {"is": wrong}},
            {"username": "abc", "password": [wrong]},
            {"username": {"password": wrong}},
            {"username": f"user-{secrets.token_hex(6)}", "password": long},
            {"username": wrong + "!", "email": wrong, "display_name": wrong + "\n"},
            {"username": "abc", wrong: wrong, "email": short},
        ):
            if (route, body.get("password")) == ("dev-register", wrong):
                continue  # would be a good registration
            answers.append(await client.post(f"{AUTH}/{route}", json=body, headers=headers))
        answers += [
            await client.post(f"{AUTH}/{route}", content=content, headers=JSON | headers)
            for content in (
                f'{{"password": "{wrong}"'.encode(),
                f'{{"username": "abc", "password": "{wrong}\\ud800"}}'.encode(),
                f'"{wrong}"'.encode(),
                wrong.encode(),
                b"\xff" + wrong.encode(),
            )
        ]
        answers.append(await client.post(f"{AUTH}/{route}", data={"password": wrong}))
    for method, path in (
        ("GET", f"{AUTH}/me"),
        ("POST", f"{AUTH}/logout"),
        ("POST", "/v1/auth/logout"),
        ("GET", f"/{presented}"),
        ("GET", f"/docs/{presented}"),
        ("GET", f"{AUTH}/config?access_token={presented}&password={wrong}"),
        ("DELETE", f"{AUTH}/me?access_token={presented}"),
        ("OPTIONS", f"{AUTH}/me"),
    ):
        answers.append(await client.request(method, path, headers=headers))
    for scheme in ("Basic", "Token", "bearer", "DPoP"):
        odd = {"Authorization": f"{scheme} {presented}"}
        answers.append(await client.get(f"{AUTH}/me", headers=odd))
    answers.append(
        await ask_raw(
            client,
            "GET",
            f"{AUTH}/me",
            headers=[
                (b"authorization", b"Bearer \xff" + presented.encode()),
                (b"x-request-id", b"Bearer " + presented.encode()),
                (b"origin", presented.encode()),
            ],
        )
    )


async def _faults(client: Client, canaries: Canaries, answers: list[httpx.Response]) -> None:
    password, cookie = canaries.new("password in a fault"), canaries.new("cookie in a fault")
    token = canaries.new("token in a fault")
    headers = bearer(token) | {"Cookie": f"session={cookie}; other={cookie}"}
    body = {"username": "abcd", "password": password}
    faults = [
        await client.post("/faults/body", json=body, headers=headers),
        await client.get("/faults/headers", headers=headers),
        await client.post("/faults/chain", json=body, headers=headers),
    ]
    assert [500, 500, 500] == [answer.status_code for answer in faults]
    answers += faults


async def _registered_client(
    client: Client, canaries: Canaries, answers: list[httpx.Response]
) -> None:
    """Credentials in headers and forms, tokens in questions, and the feed."""
    secret, wrong = canaries.all["client secret"], canaries.new("wrong client secret")
    name = {"username": f"user-{secrets.token_hex(6)}"}
    bound = await client.post(f"{AUTH}/dev-register", json=name, auth=("canary-keeper", secret))
    assert 201 == bound.status_code
    canaries.add_tokens(bound.json())
    tokens = [bound.json()[kind] for kind in ("access_token", "refresh_token")]
    right, bad = [{"client_id": "canary-keeper", "client_secret": one} for one in (secret, wrong)]
    for token in (*tokens, canaries.new("token that is none")):
        forms = [{"token": token} | right, {"token": token} | bad, {"token": token, "x": wrong}]
        answers += [await client.post(f"{AUTH}/introspect", data=form) for form in forms]
        answers.append(
            await client.post(f"{AUTH}/introspect", data=forms[0], auth=("canary-keeper", secret))
        )
    twice = f"token=x&client_secret={secret}&client_secret={wrong}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answers += [
        await client.post(f"{AUTH}/introspect", content=twice, headers=form),
        await client.post(f"{AUTH}/introspect", params=right, data={"token": "x"}),
        await client.post(f"{AUTH}/introspect", json=right),
        await client.post(f"{AUTH}/dev-login", json=name, auth=("canary-keeper", wrong)),
        await client.post(f"{AUTH}/refresh", json={"refresh_token": tokens[1]}),
        await client.get(f"{AUTH}/revocations", auth=("canary-keeper", wrong)),
        await client.post(f"{AUTH}/revoke", data={"token": tokens[0]} | right),
        await client.get(f"{AUTH}/revocations", auth=("canary-keeper", secret)),
        await client.head(f"{AUTH}/revocations/stream", auth=("canary-keeper", secret)),
    ]
    assert {200, 400, 401} <= {answer.status_code for answer in answers[-21:]}


async def _webhooks(client: Client, canaries: Canaries, answers: list[httpx.Response]) -> None:
    """Secrets that sign, and a delivery that nobody takes."""
    name = {"username": f"user-{secrets.token_hex(6)}"}
    owner = (await client.post(f"{AUTH}/dev-register", json=name)).json()
    canaries.add_tokens(owner)
    headers, slug = bearer(owner["access_token"]), f"acme-{secrets.token_hex(6)}"
    made = await client.post(
        "/api/v1/organizations", json={"name": "Acme", "slug": slug}, headers=headers
    )
    path = f"/api/v1/organizations/{made.json()['organization']['organization_id']}/webhooks"
    body = {"url": f"http://{NOWHERE}/"}
    webhook = (await client.post(path, json=body, headers=headers)).json()
    one = f"{path}/{webhook['webhook_id']}"
    rotated = (await client.post(f"{one}/rotate-secret", json={}, headers=headers)).json()
    for number, answer in enumerate((webhook, rotated)):
        canaries.add(f"webhook secret {number}", answer["secret"].removeprefix("whsec_"))
    answers.append(await client.post(f"{one}/test", headers=headers))
    tried, log = False, f"{one}/deliveries"
    async with asyncio.timeout(60):
        while not tried:
            await asyncio.sleep(0.05)
            tried = bool((await client.get(log, headers=headers)).json()["items"][0]["log"])
    structlog.get_logger("careless").warning("careless webhook", text=f"it is {webhook['secret']}")
    answers += [
        await client.get(path, headers=headers),
        await client.patch(one, json={"enabled": False}, headers=headers),
        await client.get(log, headers=headers),
    ]
    assert {200, 202} == {answer.status_code for answer in answers[-4:]}


async def _import_of_a_key(container: Container, canaries: Canaries) -> None:
    """As `fm-auth key import` does it; the key leaves again, other tests have the database, too."""
    brought = JoseKeyGenerator(container.clock).generate(KeyUse.ACCESS)
    jwk = json.loads(brought.private_jwk.reveal())
    for member in KEY_MEMBERS:
        if member in jwk:
            canaries.add(f"{member} of the imported key", jwk[member])
    try:
        await container.core.keys.bring_in(brought, activate=False)
        await container.core.keys.revoke(brought.kid)
    finally:
        await container.close()


@pytest.mark.sec("SEC-67")
async def test_no_secret_is_in_any_log_line(flow: Flow) -> None:
    assert 100 < len(flow.lines)
    assert [] == [
        (name, line) for line in flow.lines for name in flow.canaries.found_in(line.decode())
    ]


@pytest.mark.sec("SEC-67")
async def test_the_log_of_the_flow_is_not_just_silent(flow: Flow) -> None:
    events = [json.loads(line) for line in flow.lines]
    named = {event["event"] for event in events}

    assert {"request", "unexpected_error", "careless", "lost"} <= named
    assert {200, 401, 404, 409, 415, 422, 500} <= {event.get("status") for event in events}
    careless = next(event for event in events if event["event"] == "careless")
    assert "***" == careless["password"]


@pytest.mark.sec("SEC-67", "SEC-69")
async def test_no_secret_is_in_an_answer_but_the_tokens_in_theirs(flow: Flow) -> None:
    leaks = [
        (name, answer.request.url.path if "_request" in vars(answer) else "")
        for answer in flow.answers
        for name in flow.canaries.found_in(f"{answer.text} {dict(answer.headers)}")
        if "access_token" not in answer.text
    ]

    assert [] == leaks


@pytest.mark.sec("SEC-67", "SEC-46", "SEC-49")
async def test_no_secret_is_in_postgresql(flow: Flow, database: asyncpg.Connection) -> None:
    tables = await database.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )
    assert {"users", "sessions", "signing_keys", "password_credentials", "outbox"} <= {
        row["tablename"] for row in tables
    }
    for table in tables:
        rows = await database.fetch(f'SELECT t::text AS row FROM "{table["tablename"]}" t')
        text = "\n".join(row["row"] for row in rows)
        assert [] == flow.canaries.found_in(text), table["tablename"]
    hashes = await database.fetch("SELECT password_hash FROM password_credentials")
    assert hashes
    assert all(row["password_hash"].startswith("$argon2id$") for row in hashes)


@pytest.mark.sec("SEC-67", "SEC-49")
async def test_no_secret_is_in_redis(flow: Flow, redis_url: str) -> None:
    server = redis.asyncio.Redis.from_url(redis_url)
    try:
        found = [
            (name, key)
            async for key in server.scan_iter(count=1000)
            for name in flow.canaries.found_in(f"{key!r} {await _value(server, key)!r}")
        ]
        assert 0 < await server.dbsize()
    finally:
        await server.aclose()

    assert [] == found


async def _value(server: Any, key: bytes) -> object:
    read = {
        b"string": server.get,
        b"hash": server.hgetall,
        b"set": server.smembers,
        b"zset": lambda key: server.zrange(key, 0, -1),
        b"list": lambda key: server.lrange(key, 0, -1),
        b"stream": server.xrange,
    }
    kind = await server.type(key)
    return None if kind == b"none" else await read[kind](key)


@pytest.mark.sec("SEC-67")
async def test_no_secret_is_in_the_representation_of_anything_that_holds_one(flow: Flow) -> None:
    container, ring = flow.container, await flow.container.core.keys.ring()
    key = ring.active(KeyUse.ACCESS)
    shown = [
        container,
        container.settings,
        *(getattr(container.settings, name) for name in container.settings.__struct_fields__),
        list(describe(container.settings)),
        vars(container),
        vars(container.core),
        *(vars(part) for part in vars(container.core).values() if hasattr(part, "__dict__")),
        container.database,
        container.session_cache,
        container.core.sign_in,
        ring,
        key,
        msgspec.structs.asdict(key),
    ]

    assert [] == [name for value in shown for name in flow.canaries.found_in(repr(value))]
    assert [] == [name for value in shown for name in flow.canaries.found_in(str(value))]


@pytest.mark.sec("SEC-67")
async def test_requests_and_answers_do_not_show_what_they_carry(
    environ: dict[str, str], new_name: NewName
) -> None:
    password = "Canary-password-of-a-struct"
    container = Container(load_settings(environ))
    registration = Registration.parse(username=new_name())
    signed_in = await container.core.sign_in.register(registration, password)
    await container.close()
    answer = AuthTokens.of(signed_in)
    token = signed_in.tokens.access_token
    shown = [
        AuthRegisterRequest(username="abcd", password=password),
        AuthLoginRequest(username="abcd", password=password),
        Secret(password),
        {"secret": [Secret(password.encode())]},
        signed_in,
        signed_in.tokens,
        answer,
        [answer],
    ]

    for value in shown:
        for text in (repr(value), str(value), f"{value}", f"{value!r:>9}"):
            assert password not in text
            assert token not in text
            assert signed_in.tokens.refresh_token not in text


@pytest.mark.sec("SEC-67", "SEC-69")
async def test_a_worker_without_its_servers_does_not_tell_their_passwords(
    environ: dict[str, str], lines: list[bytes]
) -> None:
    canaries = Canaries()
    own = {
        "DATABASE_URL": f"postgresql://user:{canaries.new('database')}@{NOWHERE}/name",
        "REDIS_URL": f"redis://:{canaries.new('redis')}@{NOWHERE}/0",
    }
    canaries.add("master key", environ["AUTH_MASTER_KEY"])
    access_line = configure_logging("debug", "json", write=lines.append)
    container = Container(load_settings(environ | own), access_line)
    before = len(lines)
    async with AsyncTestClient(create_app(container), raise_server_exceptions=False) as client:
        body = {"username": "abcd", "password": canaries.new("password")}
        answers = [
            await client.post(f"{AUTH}/login", json=body),
            await client.post(f"{AUTH}/register", json=body),
            await client.get("/health/ready"),
            await client.get(f"{AUTH}/health"),
            await client.get("/.well-known/jwks.json"),
        ]

    assert [503, 503, 503, 200, 503] == [answer.status_code for answer in answers]
    assert before < len(lines)
    for line in lines[before:]:
        assert [] == canaries.found_in(line.decode())
    for answer in answers:
        assert [] == canaries.found_in(answer.text)
        assert NOWHERE not in answer.text
    for value in (container, container.settings, vars(container), container.database):
        assert [] == canaries.found_in(repr(value))


@pytest.mark.sec("SEC-67")
def test_a_wrong_setting_is_named_without_its_value(environ: dict[str, str]) -> None:
    canary = "Canary-4f1d9a"
    wrong = {
        "DATABASE_URL": f"mysql://user:{canary}@host/name",
        "REDIS_URL": f"http://:{canary}@host/0",
        "AUTH_MASTER_KEY": canary,
        "DASHBOARD_PASSWORD": canary[:5],
        "JWT_ISSUER": f"https://user:{canary}@host/\0",
    }

    for name, value in wrong.items():
        with pytest.raises(Exception, match=name) as caught:
            load_settings(environ | {name: value})
        assert canary not in str(caught.value)
        assert canary not in repr(caught.value)
