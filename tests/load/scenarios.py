"""What is asked of the services."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

from tests.load.bench import CLIENT, Generator
from tests.load.client import BenchError, request

USERS = 64
"""Accounts that take turns, so that neither one row nor one cache entry is all there is."""
_API = "/api/v1/auth"
_CHECK = "/api/v1/permissions/check"

Side = Literal["floor", "ours", "es256"]
Requests = list[bytes]


@dataclass(frozen=True)
class Scenario:
    """``prepare`` makes so many requests, each to be sent once, in this order."""

    name: str
    title: str
    side: Side
    prepare: Callable[[int], Requests]
    status: int = 200


class Accounts:
    """Users of the service under test, made through its own API."""

    def __init__(self, generator: Generator, port: int) -> None:
        self._generator = generator
        self._port = port
        self._numbers = count()
        self._names: list[str] = []
        self._tokens: list[str] = []
        self._with_password: list[bytes] = []
        self._checks: Requests = []

    def me(self, amount: int) -> Requests:
        """GET /me with tokens that have been used before."""
        if not self._tokens:
            self._tokens = self._tokens_of(self.login(USERS), status=200)
        some = [request("GET", f"{_API}/me", token=token) for token in self._tokens]
        return [some[index % len(some)] for index in range(amount)]

    def check(self, amount: int) -> Requests:
        """POST /permissions/check by the users of `me`, each about an organization of their own."""
        self.me(0)
        if not self._checks:
            self._checks = [
                request(
                    "POST",
                    _CHECK,
                    token=token,
                    body=json.dumps(
                        {"permission": "cases:write", "resource": {"organization_id": place}}
                    ).encode(),
                )
                for token, place in zip(self._tokens, self._organizations(), strict=True)
            ]
            self._require_allowed()
        return [self._checks[index % len(self._checks)] for index in range(amount)]

    def _organizations(self) -> Iterator[str]:
        slugs = (f"bench-{next(self._numbers):06}" for _ in self._tokens)
        bodies = [json.dumps({"name": "Bench", "slug": slug}).encode() for slug in slugs]
        requests = [
            request("POST", "/api/v1/organizations", token=token, body=body)
            for token, body in zip(self._tokens, bodies, strict=True)
        ]
        answers = self._generator.send(self._port, requests, status=201, keep_bodies=True)
        for body in answers.bodies:
            yield json.loads(body)["organization"]["organization_id"]

    def _require_allowed(self) -> None:
        """Another decision would be another work. Raises BenchError."""
        answers = self._generator.send(self._port, self._checks, status=200, keep_bodies=True)
        if not all(json.loads(body)["allowed"] for body in answers.bodies):
            raise BenchError("a check was decided otherwise")

    def login(self, amount: int) -> Requests:
        """POST /dev-login, the users taking turns."""
        if not self._names:
            self._register_some()
        bodies = [json.dumps({"username": name}).encode() for name in self._names]
        some = [request("POST", f"{_API}/dev-login", body=body) for body in bodies]
        return [some[index % len(some)] for index in range(amount)]

    def register(self, amount: int) -> Requests:
        """POST /dev-register, a new user each time."""
        return [
            request("POST", f"{_API}/dev-register", body=body)
            for body in self._registrations(amount)
        ]

    def password_register(self, amount: int) -> Requests:
        """POST /register with a password, a new user each time."""
        return [
            request("POST", f"{_API}/register", body=body) for body in self._with_passwords(amount)
        ]

    def password_login(self, amount: int) -> Requests:
        """POST /login with a password, the users taking turns."""
        if not self._with_password:
            self._with_password = list(self._with_passwords(USERS))
            registrations = [
                request("POST", f"{_API}/register", body=body) for body in self._with_password
            ]
            self._generator.send(self._port, registrations, status=201)
        some = [request("POST", f"{_API}/login", body=body) for body in self._with_password]
        return [some[index % len(some)] for index in range(amount)]

    def log_out(self, amount: int) -> Requests:
        """POST /logout, each by a user of its own whose session has been used once."""
        tokens = self._tokens_of(self.register(amount), status=201)
        used = [request("GET", f"{_API}/me", token=token) for token in tokens]
        self._generator.send(self._port, used, status=200)
        return [request("POST", f"{_API}/logout", token=token) for token in tokens]

    def refresh(self, amount: int) -> Requests:
        """POST /refresh, each with the newest token of a session of its own."""
        tokens = self._tokens_of(self.login(amount), status=200, kind="refresh_token")
        bodies = [json.dumps({"refresh_token": token}).encode() for token in tokens]
        return [request("POST", f"{_API}/refresh", body=body) for body in bodies]

    def introspect(self, amount: int) -> Requests:
        """POST /introspect by a registered caller, of access tokens that have been used before."""
        self.me(0)
        pair = base64.b64encode(f"{CLIENT['client_id']}:{CLIENT['client_secret']}".encode())
        some = [
            request(
                "POST",
                f"{_API}/introspect",
                authorization=f"Basic {pair.decode()}",
                body=f"token={token}".encode(),
                media_type="application/x-www-form-urlencoded",
            )
            for token in self._tokens
        ]
        return [some[index % len(some)] for index in range(amount)]

    def _register_some(self) -> None:
        bodies = list(self._registrations(USERS))
        requests = [request("POST", f"{_API}/dev-register", body=body) for body in bodies]
        self._generator.send(self._port, requests, status=201)
        self._names = [json.loads(body)["username"] for body in bodies]

    def _registrations(self, amount: int) -> Iterator[bytes]:
        for _ in range(amount):
            name = f"bench.user.{next(self._numbers):06}"
            yield json.dumps({"username": name, "display_name": "Bench User"}).encode()

    def _with_passwords(self, amount: int) -> Iterator[bytes]:
        for _ in range(amount):
            name = f"bench.person.{next(self._numbers):06}"
            yield json.dumps(
                {"username": name, "password": "nine lanterns over a harbour"}
            ).encode()

    def _tokens_of(
        self, sign_ins: Requests, *, status: int, kind: str = "access_token"
    ) -> list[str]:
        answers = self._generator.send(self._port, sign_ins, status=status, keep_bodies=True)
        return [json.loads(body)[kind] for body in answers.bodies]


def scenarios(accounts: Accounts, es256: Accounts) -> Sequence[Scenario]:
    """All scenarios, the floors first."""
    # the floors get the very headers and bodies that ours get
    path = f"{_API}/me".encode()

    def get(to: str) -> Callable[[int], Requests]:
        return lambda amount: [sent.replace(path, to.encode(), 1) for sent in accounts.me(amount)]

    def post(to: str) -> Callable[[int], Requests]:
        login = f"{_API}/dev-login".encode()
        return lambda amount: [
            sent.replace(login, to.encode(), 1) for sent in accounts.login(amount)
        ]

    return [
        Scenario("get", "bare GET", "floor", get("/floor/get")),
        Scenario("get-redis", "bare GET + Redis GET", "floor", get("/floor/get-redis")),
        Scenario("post", "bare POST", "floor", post("/floor/post")),
        Scenario("post-insert", "bare POST + INSERT", "floor", post("/floor/post-insert")),
        Scenario("me", "GET /me, warm", "ours", accounts.me),
        Scenario("check", "POST /permissions/check", "ours", accounts.check),
        Scenario("login", "POST /dev-login", "ours", accounts.login),
        Scenario("register", "POST /dev-register", "ours", accounts.register, 201),
        Scenario("password-login", "POST /login, password", "ours", accounts.password_login),
        Scenario(
            "password-register",
            "POST /register, password",
            "ours",
            accounts.password_register,
            201,
        ),
        Scenario("refresh", "POST /refresh", "ours", accounts.refresh),
        Scenario("refresh-es256", "POST /refresh, ES256", "es256", es256.refresh),
        Scenario("introspect", "POST /introspect, warm", "ours", accounts.introspect),
        Scenario("logout", "POST /logout", "ours", accounts.log_out),
    ]
