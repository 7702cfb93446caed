"""What is asked of a service with a crowd of users, each time about somebody else."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import cycle, islice

import redis

from adapters.crypto import JoseSigner
from app.container import Container
from app.settings import load_settings
from auth_core.kernel import Email, Username
from auth_core.sessions import Session
from auth_core.tokens import TokenIssuer, TokenPair
from auth_core.users import User
from tests.load.bench import Generator
from tests.load.client import request
from tests.load.population import Crowded, Population, username
from tests.load.scenarios import Requests, Scenario

_API = "/api/v1/auth"
_LIFE = timedelta(days=30)


class Issuer:
    """Makes tokens of sessions without reading their rows, which would make them warm."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read the keys of the service's database once."""
        settings = load_settings(environ)
        container = Container(settings)
        self._clock = container.clock
        options = container.options
        self._tokens = TokenIssuer(
            container.core.keys,
            JoseSigner(),
            container.clock,
            container.ids,
            issuer=options.issuer,
            audience=options.audience,
            access_lifetime=options.access_lifetime,
        )

        async def read() -> None:
            self._keys = await self._tokens.signing_keys()
            await container.close()

        asyncio.run(read())

    def issue(self, crowded: Crowded, refreshes: int = 0) -> TokenPair:
        """The tokens of a session after so many refreshes."""
        created = crowded.created_at
        user = User(
            id=crowded.user_id,
            username=Username("crowd"),
            email=Email("crowd@example.com"),
            display_name="One of Many",
            created_at=created,
            updated_at=created,
        )
        end = self._clock.now() + _LIFE / 2
        session = Session(
            id=crowded.session_id,
            user_id=crowded.user_id,
            created_at=created,
            expires_at=end,
            absolute_expires_at=end,
            last_used_at=created,
            refresh_counter=refreshes,
        )
        return self._tokens.issue(user, session, self._keys)


class Crowd:
    """Requests of one database's users and sessions."""

    def __init__(
        self,
        generator: Generator,
        port: int,
        population: Population,
        drawn: Sequence[Crowded],
        issuer: Issuer,
        server: "redis.Redis",
    ) -> None:
        self._generator = generator
        self._port = port
        self._population = population
        self._issuer = issuer
        self._server = server
        self._chance = random.Random(population.seed)
        third = len(drawn) // 3
        self._refreshes: Counter[Crowded] = Counter()
        self._cold, self._warm, self._refreshed = (
            cycle(drawn[number * third : (number + 1) * third]) for number in range(3)
        )

    def scenarios(self) -> Sequence[Scenario]:
        """All of them, for one service."""
        return [
            Scenario("me", "GET /me, warm", "ours", self.me_again),
            Scenario("me-cold", "GET /me, cold", "ours", self.me),
            Scenario("login", "POST /dev-login", "ours", self.login),
            Scenario("refresh", "POST /refresh", "ours", self.refresh),
        ]

    def me(self, amount: int) -> Requests:
        """GET /me with new tokens of sessions that Redis knows nothing about."""
        self._server.flushdb()
        return [request("GET", f"{_API}/me", token=token) for token in self._access(amount)]

    def me_again(self, amount: int) -> Requests:
        """GET /me, each of a session of its own that has been asked about just now."""
        asked = [
            request("GET", f"{_API}/me", token=self._issuer.issue(crowded).access_token)
            for crowded in islice(self._warm, amount)
        ]
        self._generator.send(self._port, asked, status=200)
        return asked

    def login(self, amount: int) -> Requests:
        """POST /dev-login, each of a user drawn from all."""
        numbers = (self._chance.randrange(self._population.users) for _ in range(amount))
        bodies = (json.dumps({"username": username(number)}).encode() for number in numbers)
        return [request("POST", f"{_API}/dev-login", body=body) for body in bodies]

    def refresh(self, amount: int) -> Requests:
        """POST /refresh, each with the newest token of a session drawn from all."""
        requests = []
        for crowded in islice(self._refreshed, amount):
            before = self._refreshes[crowded]
            self._refreshes[crowded] += 1
            token = self._issuer.issue(crowded, before).refresh_token
            body = json.dumps({"refresh_token": token}).encode()
            requests.append(request("POST", f"{_API}/refresh", body=body))
        return requests

    def _access(self, amount: int) -> Iterator[str]:
        return (self._issuer.issue(each).access_token for each in islice(self._cold, amount))
