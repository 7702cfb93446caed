"""What members of organizations ask, each time somebody else."""

import json
from collections.abc import Sequence
from itertools import cycle, islice

from tests.load.bench import Generator
from tests.load.client import request
from tests.load.crowd import Issuer
from tests.load.scenarios import Requests, Scenario
from tests.load.tenancy import Belonging

_API = "/api/v1"


class Tenants:
    """Requests of one database's members, whose sessions are asked about just before."""

    def __init__(
        self, generator: Generator, port: int, drawn: Sequence[Belonging], issuer: Issuer
    ) -> None:
        self._generator = generator
        self._port = port
        self._issuer = issuer
        self._asking = cycle(drawn)
        self._elsewhere: set[Belonging] = set()
        """Whose session acts in their second organization."""

    def scenarios(self) -> Sequence[Scenario]:
        """All of them, for one service."""
        return [
            Scenario("mine", "GET organizations", "ours", self.mine),
            Scenario("members", "GET members", "ours", self.members),
            Scenario("check", "POST check", "ours", self.check),
            Scenario("switch", "POST switch", "ours", self.switch),
        ]

    def mine(self, amount: int) -> Requests:
        """GET /organizations: one's own."""
        return [
            request("GET", f"{_API}/organizations", token=token) for _, token in self._warm(amount)
        ]

    def members(self, amount: int) -> Requests:
        """GET …/members: a page of them."""
        return [
            request("GET", f"{_API}/organizations/{each.organizations[0]}/members", token=token)
            for each, token in self._warm(amount)
        ]

    def check(self, amount: int) -> Requests:
        """POST /permissions/check about an object of one's organization."""
        return [
            request(
                "POST",
                f"{_API}/permissions/check",
                token=token,
                body=json.dumps(
                    {
                        "permission": "cases:write",
                        "resource": {"organization_id": str(each.organizations[0])},
                    }
                ).encode(),
            )
            for each, token in self._warm(amount)
        ]

    def switch(self, amount: int) -> Requests:
        """POST /switch-organization, to the other one."""
        return [
            request(
                "POST",
                f"{_API}/auth/switch-organization",
                token=token,
                body=json.dumps({"organization_id": str(self._other(each))}).encode(),
            )
            for each, token in self._warm(amount)
        ]

    def _other(self, belonging: Belonging) -> object:
        self._elsewhere ^= {belonging}
        return belonging.organizations[belonging in self._elsewhere]

    def _warm(self, amount: int) -> list[tuple[Belonging, str]]:
        some = [
            (each, self._issuer.issue(each).access_token) for each in islice(self._asking, amount)
        ]
        asked = [request("GET", f"{_API}/auth/me", token=token) for _, token in some]
        self._generator.send(self._port, asked, status=200)
        return some
