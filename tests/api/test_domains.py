"""E-mail domains of organizations over HTTP, proven by a real conversation with a name server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import dns.rcode
import httpx
import pytest

from auth_core.kernel import MailTemplate
from tests.api.asking import AUTH, PASSWORD, expect_problem
from tests.api.people import People, Person
from tests.mailbox import Mailbox
from tests.name_server import NameServer, name_server
from tests.serving import Client, bearer, serving

ORGANIZATIONS = "/api/v1/organizations"


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    """What the deployment asks."""
    with name_server() as server:
        yield server


@pytest.fixture(scope="module")
async def deployment(verified_environ: dict[str, str], names: NameServer) -> AsyncIterator[Client]:
    """One worker, outside development, that asks that name server."""
    servers = {"AUTH_ORGANIZATION_DNS_SERVERS": f"{names.host}:{names.port}"}
    async with serving(verified_environ | servers) as client:
        yield client


class Place:
    """An organization and its owner."""

    def __init__(self, client: Client, organization_id: str, owner: Person) -> None:
        self.client = client
        self.url = f"{ORGANIZATIONS}/{organization_id}"
        self.owner = owner

    async def ask(self, method: str, path: str, json: Any = None) -> httpx.Response:
        """As its owner."""
        content = {} if json is None else {"json": json}
        return await self.client.request(
            method, f"{self.url}{path}", headers=self.owner.token, **content
        )

    async def claim(self, domain: str) -> dict[str, Any]:
        """A claim."""
        answer = await self.ask("POST", "/domains", {"domain": domain})
        assert 201 == answer.status_code, answer.text
        return dict(answer.json())

    async def members(self) -> dict[str, str]:
        """The role of every member by user id."""
        listed = (await self.ask("GET", "/members")).json()["items"]
        return {one["user_id"]: one["role"] for one in listed}


async def a_place(client: Client, people: People) -> Place:
    owner = await people.user()
    body = {"name": "Acme", "slug": f"acme-{uuid4().hex[:12]}"}
    made = await client.post(ORGANIZATIONS, json=body, headers=owner.token)
    assert 201 == made.status_code, made.text
    return Place(client, made.json()["organization"]["organization_id"], owner)


@pytest.fixture
async def place(deployment: Client, people: People) -> Place:
    return await a_place(deployment, people)


@pytest.fixture
def domain() -> str:
    return f"d{uuid4().hex[:12]}.example"


async def test_a_domain_is_claimed_proven_listed_and_given_up(
    place: Place, names: NameServer, domain: str
) -> None:
    claim = await place.claim(f"{domain.upper()}.")
    path = f"/domains/{claim['domain_id']}"
    refused = await place.ask("POST", f"{path}/verify")
    names.publish(claim)
    proven = await place.ask("POST", f"{path}/verify")
    twice = await place.ask("POST", "/domains", {"domain": domain})
    public = await place.ask("POST", "/domains", {"domain": "gmail.com"})
    listed = await place.ask("GET", "/domains")
    given_up = await place.ask("DELETE", path)
    gone = await place.ask("DELETE", path)

    assert (domain, f"_fm-auth-challenge.{domain}", None) == (
        claim["domain"],
        claim["record_name"],
        claim["verified_at"],
    )
    expect_problem(refused, 409, "domain_not_proven")
    assert (200, True) == (proven.status_code, proven.json()["verified_at"] is not None)
    expect_problem(twice, 409, "domain_taken")
    expect_problem(public, 422, "validation_failed")
    assert {"items": [proven.json()], "next_cursor": None} == listed.json()
    assert 204 == given_up.status_code
    expect_problem(gone, 404, "domain_not_found")


@pytest.mark.sec("SEC-72")
async def test_a_name_server_that_is_out_of_order_is_no_fault_of_ours(
    place: Place, names: NameServer, domain: str
) -> None:
    claim = await place.claim(domain)
    names.otherwise, before = dns.rcode.SERVFAIL, names.otherwise
    try:
        answer = await place.ask("POST", f"/domains/{claim['domain_id']}/verify")
    finally:
        names.otherwise = before

    expect_problem(answer, 409, "domain_not_proven")


async def test_of_two_organizations_that_prove_a_domain_at_once_one_has_it(
    place: Place, deployment: Client, people: People, names: NameServer, domain: str
) -> None:
    other = await a_place(deployment, people)
    claims = [await place.claim(domain), await other.claim(domain)]
    values = tuple(f'"{claim["record_value"]}"' for claim in claims)
    names.records[claims[0]["record_name"]] = [("TXT", *values)]
    paths = [f"/domains/{claim['domain_id']}" for claim in claims]

    answers = await asyncio.gather(
        place.ask("POST", f"{paths[0]}/verify"), other.ask("POST", f"{paths[1]}/verify")
    )
    winner, loser = (0, 1) if answers[0].status_code == 200 else (1, 0)
    places = (place, other)
    expect_problem(answers[loser], 409, "domain_taken")
    released = await places[winner].ask("DELETE", paths[winner])
    late = await places[loser].ask("POST", f"{paths[loser]}/verify")

    assert (204, 200) == (released.status_code, late.status_code)


@pytest.mark.sec("SEC-63")
async def test_who_proves_an_address_there_is_a_member_with_the_next_request(
    place: Place, names: NameServer, production: Client, mailbox: Mailbox, domain: str
) -> None:
    claim = await place.claim(domain)
    names.publish(claim)
    proven = await place.ask("POST", f"/domains/{claim['domain_id']}/verify")
    assert 200 == proven.status_code
    # there, nobody proves anything first
    body = {"username": f"bob-{uuid4().hex[:8]}", "password": PASSWORD}
    body["email"] = f"{body['username']}@{domain}"
    bob = (await production.post(f"{AUTH}/register", json=body)).json()
    user_id, token = bob["user"]["user_id"], bearer(bob["access_token"])
    stranger = await place.client.get(place.url, headers=token)
    before = await place.members()

    resent = await place.client.post(f"{AUTH}/verify-email/resend", json={"email": body["email"]})
    link = await mailbox.token(body["email"], MailTemplate.VERIFY_EMAIL)
    verified = await place.client.post(f"{AUTH}/verify-email", json={"token": link})
    member = await place.client.get(place.url, headers=token)

    assert (404, 202, 200, 200) == (
        stranger.status_code,
        resent.status_code,
        verified.status_code,
        member.status_code,
    )
    assert user_id not in before
    assert "member" == (await place.members())[user_id]


async def test_an_address_that_registers_is_in_at_once(
    place: Place, names: NameServer, mailbox: Mailbox, domain: str
) -> None:
    claim = await place.claim(domain)
    names.publish(claim)
    await place.ask("POST", f"/domains/{claim['domain_id']}/verify")
    body = {"username": f"eve-{uuid4().hex[:8]}", "password": PASSWORD}
    body["email"] = f"{body['username']}@{domain}"
    asked = await place.client.post(f"{AUTH}/register", json=body)
    link = await mailbox.token(body["email"], MailTemplate.VERIFY_REGISTRATION)

    answer = await place.client.post(f"{AUTH}/verify-registration", json={"token": link})

    assert 202 == asked.status_code
    assert answer.json()["user"]["user_id"] in await place.members()
