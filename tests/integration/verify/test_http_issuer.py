"""The verifier against an issuer on a real socket."""

import gc
import json
import threading
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from auth_core.kernel import InvalidToken, Secret
from auth_core.tokens.verify import HttpIssuer, SourceLost, SyncTokenVerifier, TokenVerifier
from auth_core.tokens.verify.elapsed import MachineClock

BASIC = "Basic " + b64encode(b"orders:s%26cret").decode()


def now():
    return MachineClock().now().timestamp()


class FakeIssuer(ThreadingHTTPServer):
    """What the contract says, and nothing else."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.key = ECKey.generate_key("P-256")
        self.revoked = []
        self.seen = []
        self.active = {"token"}
        self.cut = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def token(self, sid):
        issued = int(now())
        claims = {
            "sub": str(uuid4()),
            "iss": "i",
            "aud": "a",
            "iat": issued,
            "exp": issued + 900,
            "jti": "j",
            "sid": str(sid),
            "type": "access",
            "username": "u",
            "email": "e",
            "email_verified": False,
            "roles": [],
            "scopes": [],
        }
        header = {"alg": "ES256", "kid": "k1", "typ": "at+jwt"}
        token = jws.serialize_compact(header, json.dumps(claims), self.key, algorithms=["ES256"])
        self.active.add(token)
        return token


class Handler(BaseHTTPRequestHandler):
    server: FakeIssuer

    def log_message(self, *_):
        pass

    def answer(self, document, status=200, **headers):
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        issuer = self.server
        issuer.seen.append((self.path, self.headers.get("Last-Event-ID")))
        if self.path == "/.well-known/jwks.json":
            jwk = issuer.key.as_dict(private=False) | {"kid": "k1", "alg": "ES256", "use": "sig"}
            if self.headers.get("If-None-Match") == '"1"':
                self.send_response(304)
                self.end_headers()
                return
            self.answer({"keys": [jwk]}, ETag='"1"', Cache_Control="public, max-age=60")
        elif self.path == "/moved/.well-known/jwks.json":
            self.answer({}, 302, Location=issuer.url + "/.well-known/jwks.json")
        elif self.headers.get("Authorization") != BASIC:
            self.protocol_version = "HTTP/1.1"  # so that the connection stays open
            self.answer({}, 401)
        elif self.path == "/api/v1/auth/revocations":
            entries = [{"session_id": s, "expires_at": e} for s, e in issuer.revoked]
            as_of = int(now() * 1000)
            self.answer({"cursor": str(len(entries)), "as_of": as_of, "revocations": entries})
        else:
            self.stream(int(self.headers["Last-Event-ID"]))

    def stream(self, position):
        issuer = self.server
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        issuer.cut.clear()
        while not issuer.cut.is_set():
            for session, expires_at in issuer.revoked[position:]:
                position += 1
                data = json.dumps({"session_id": session, "expires_at": expires_at})
                self.wfile.write(f"event: revoked\nid: {position}\ndata: {data}\n\n".encode())
            data = json.dumps({"as_of": int(now() * 1000)})
            self.wfile.write(f"event: alive\ndata: {data}\n\n".encode())
            issuer.cut.wait(0.05)
        self.close_connection = True

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        known = self.server.active.intersection(form.get("token", []))
        self.answer({"active": bool(known) and self.headers.get("Authorization") == BASIC})


@pytest.fixture
def issuer():
    server = FakeIssuer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.cut.set()
    server.shutdown()
    thread.join()
    server.server_close()


def source(issuer, secret="s&cret", path=""):
    return HttpIssuer(issuer.url + path, client_id="orders", client_secret=Secret(secret))


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refuses(verifier, token):
    try:
        verifier.verify(token)
    except InvalidToken:
        return True
    return False


@pytest.mark.sec("SEC-29")
def test_a_revocation_arrives_and_a_cut_stream_is_resumed(issuer):
    http, sid, other = source(issuer), uuid4(), uuid4()
    token, another = issuer.token(sid), issuer.token(other)
    with SyncTokenVerifier(issuer="i", audience="a", keys=http, revocations=http) as verifier:
        assert verifier.verify(token).sid == UUID(str(sid))
        issuer.revoked.append((str(sid), int(now()) + 900))
        until(lambda: refuses(verifier, token))
        assert verifier.verify(another)

        issuer.cut.set()
        issuer.revoked.append((str(other), int(now()) + 900))
        until(lambda: refuses(verifier, another))

    assert ("/api/v1/auth/revocations/stream", "1") in issuer.seen
    assert 1 == [path for path, _ in issuer.seen].count("/api/v1/auth/revocations")


async def test_the_async_door_starts_and_stops(issuer):
    http = source(issuer)
    async with TokenVerifier(issuer="i", audience="a", keys=http, revocations=http) as verifier:
        assert (True, None) == (verifier.ready, verifier.trouble)
        assert await verifier.verify(issuer.token(uuid4()))


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_a_stream_that_is_refused_leaves_no_connection_behind(issuer):
    """With a cursor at hand the stream is asked for first: an issuer that stops says no to it."""
    for _ in range(3):
        feed = source(issuer, secret="wrong").follow("0")
        with pytest.raises(SourceLost, match="refuses our client credentials"):
            next(iter(feed))
        feed.close()
        del feed
        gc.collect()


def test_keys_are_asked_for_with_their_etag(issuer):
    first = source(issuer).fetch_keys(None)

    assert ('"1"', 60) == (first.etag, first.max_age)
    assert None is source(issuer).fetch_keys(first.etag).document


@pytest.mark.sec("SEC-64")
def test_a_redirect_is_not_followed(issuer):
    with pytest.raises(SourceLost, match="it answers 302"):
        source(issuer, path="/moved").fetch_keys(None)


@pytest.mark.sec("SEC-67")
def test_wrong_credentials_are_told_without_showing_them(issuer):
    http = source(issuer, secret="canary")

    with pytest.raises(SourceLost) as caught:
        list(http.follow(None))

    assert "it refuses our client credentials" == str(caught.value)
    assert "canary" not in repr(vars(http))
    assert not http.introspect("token")
    assert source(issuer).introspect("token")


@pytest.mark.parametrize(
    "url", ["http://auth.example.com", "ftp://x", "https://u:p@x", "https://x?y", "https://", "x"]
)
def test_a_base_url_that_is_not_safe_is_refused(url):
    with pytest.raises(ValueError, match="base URL"):
        HttpIssuer(url, client_id="c", client_secret=Secret("s"))
