"""Webhooks over HTTP: who manages them, what arrives, and where nothing goes (SEC-64, SEC-65)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from auth_core.kernel import Secret
from auth_core.webhooks import verify
from tests.api.asking import AUTH, expect_problem, sign_up
from tests.api.organizing import join, new_organization
from tests.api.people import People
from tests.receiving import Receiver, receiving
from tests.service_role import as_service, migrate
from tests.serving import Client, bearer, serving

PATIENCE_SECONDS = 60.0
NAME = "receiver.example"


class Owner:
    """Somebody who manages the webhooks of an organization, or of the platform."""

    def __init__(self, client: Client, token: dict[str, str], organization_id: str = "") -> None:
        self._client = client
        self._token = token
        self.id = organization_id
        self.path = f"/api/v1/organizations/{organization_id}" if organization_id else "/api/v1"

    async def ask(self, method: str, path: str = "", json: Any = None, **asked: Any) -> Any:
        content = asked if json is None else {"json": json, **asked}
        url = path if path.startswith("/api") else f"{self.path}/webhooks{path}"
        return await self._client.request(method, url, headers=self._token, **content)

    async def make(self, url: str, *types: str) -> dict[str, Any]:
        made = await self.ask("POST", json={"url": url, "event_types": types or ["*"]})
        assert 201 == made.status_code, made.text
        return dict(made.json())

    async def log(self, webhook: dict[str, Any], **asked: Any) -> list[dict[str, Any]]:
        answer = await self.ask("GET", f"/{webhook['webhook_id']}/deliveries", params=asked)
        assert 200 == answer.status_code, answer.text
        return list(answer.json()["items"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


async def owner(client: Client, people: People, database: asyncpg.Connection) -> Owner:
    here = await new_organization(database)
    person = await people.user()
    await join(database, person, here, "owner")
    return Owner(client, person.token, here)


async def until(probe: Callable[[], Any]) -> Any:
    """What ``probe`` finds, at last."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = probe()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            await asyncio.sleep(0.05)


async def new_team(owner: Owner) -> str:
    made = await owner.ask("POST", f"{owner.path}/teams", json={"name": f"Team {uuid4()}"})
    assert 201 == made.status_code, made.text
    return str(made.json()["team_id"])


@pytest.mark.sec("SEC-66", "SEC-67")
async def test_a_webhook_is_made_seen_changed_and_deleted_and_its_secret_is_shown_once(
    client: Client, people: People, database: asyncpg.Connection, receiver: Receiver
) -> None:
    here = await owner(client, people, database)
    made = await here.make(f"{receiver.url}/hook", "team.deleted", "role.*")
    secret, place = made.pop("secret"), f"/{made['webhook_id']}"
    assert secret.startswith("whsec_")
    assert (here.id, True, None) == (
        made["organization_id"],
        made["enabled"],
        made["disabled_reason"],
    )

    read, listed = await here.ask("GET", place), await here.ask("GET")
    assert made == read.json() == listed.json()["items"][0]
    changed = await here.ask("PATCH", place, {"description": " Ours ", "enabled": False})
    assert ("Ours", False, "requested", made["url"]) == tuple(
        changed.json()[name] for name in ("description", "enabled", "disabled_reason", "url")
    )
    expect_problem(await here.ask("POST", f"{place}/test"), 409, "webhook_conflict")
    rotated = await here.ask("POST", f"{place}/rotate-secret", {"overlap_hours": 1})
    assert secret != rotated.json()["secret"]
    assert rotated.json()["previous_secret_expires_at"]

    assert 204 == (await here.ask("DELETE", place)).status_code
    for method, path, body in (
        ("GET", place, None),
        ("PATCH", place, {}),
        ("DELETE", place, None),
        ("POST", f"{place}/test", None),
        ("POST", f"{place}/rotate-secret", {}),
        ("GET", f"{place}/deliveries", None),
    ):
        expect_problem(await here.ask(method, path, body), 404, "webhook_not_found")
    trail = (await here.ask("GET", f"{here.path}/audit")).json()["items"]
    assert ["webhook:deleted", "webhook:secret_rotated", "webhook:changed", "webhook:created"] == [
        record["action"] for record in trail
    ]
    for answer in (read.text, listed.text, changed.text, str(trail)):
        assert "whsec_" not in answer


@pytest.mark.sec("SEC-65", "SEC-56")
async def test_what_happens_in_an_organization_arrives_there_signed_and_again_on_command(
    client: Client, people: People, database: asyncpg.Connection, receiver: Receiver
) -> None:
    here = await owner(client, people, database)
    elsewhere = await owner(client, people, database)
    before = await new_team(here)
    webhook = await here.make(f"{receiver.url}/here", "team.created")
    await elsewhere.make(f"{receiver.url}/elsewhere")
    team = await new_team(here)

    await until(lambda: receiver.received)
    first = receiver.received[0]
    event = first.verified(webhook["secret"])
    assert ("/here", "team.created", team, here.id) == (
        first.path,
        event["type"],
        event["data"]["team_id"],
        event["organizationid"],
    )
    assert before not in str(receiver.events())
    received = verify(
        Secret(webhook["secret"]),
        first.headers,
        first.body,
        now=datetime.now(UTC),  # noqa: TID251
    )
    assert event["id"] == first.id == received.id

    async def delivered() -> list[dict[str, Any]]:
        log = await here.log(webhook)
        return log if {"delivered"} == {each["status"] for each in log} else []

    [entry] = await until(delivered)
    assert (first.id, 204, None) == (
        entry["event_id"],
        entry["log"][-1]["status"],
        entry["log"][-1]["error"],
    )
    rotated = await here.ask("POST", f"/{webhook['webhook_id']}/rotate-secret", {})
    again = f"/{webhook['webhook_id']}/deliveries/{entry['delivery_id']}/redeliver"
    sent = len(receiver.received)
    assert 202 == (await here.ask("POST", again)).status_code
    await until(lambda: len(receiver.received) > sent)
    repeat = receiver.received[-1]
    assert (first.id, first.body) == (repeat.id, repeat.body)
    for secret in (webhook["secret"], rotated.json()["secret"]):
        assert event == repeat.verified(secret)
    unknown = again.replace(entry["delivery_id"], str(uuid4()))
    expect_problem(await here.ask("POST", unknown), 404, "delivery_not_found")


@pytest.mark.sec("SEC-56")
async def test_nobody_reaches_a_webhook_through_another_organization_or_the_platform(
    client: Client, people: People, database: asyncpg.Connection, receiver: Receiver
) -> None:
    here = await owner(client, people, database)
    webhook = await here.make(receiver.url, "team.deleted")
    place = f"/{webhook['webhook_id']}"
    platform = Owner(client, (await people.platform_admin()).token)

    for other in (await owner(client, people, database), platform):
        listed = (await other.ask("GET", params={"limit": 100})).json()["items"]
        assert webhook["webhook_id"] not in {each["webhook_id"] for each in listed}
        for method, path, body in (
            ("GET", place, None),
            ("PATCH", place, {"enabled": False}),
            ("DELETE", place, None),
            ("POST", f"{place}/rotate-secret", {}),
            ("GET", f"{place}/deliveries", None),
        ):
            expect_problem(await other.ask(method, path, body), 404, "webhook_not_found")
    assert (await here.ask("GET", place)).json()["enabled"]


async def test_the_platform_hears_of_everybody_and_410_ends_it(
    client: Client, people: People, receiver: Receiver
) -> None:
    platform = Owner(client, (await people.platform_admin()).token)
    webhook = await platform.make(receiver.url, "user.created")
    new = await sign_up(client, f"user-{uuid4().hex[:12]}")
    user_id = new["user"]["user_id"]

    await until(lambda: user_id in [each["subject"] for each in receiver.events()])
    receiver.status = 410
    await sign_up(client, f"user-{uuid4().hex[:12]}")

    async def gone() -> bool:
        told = (await platform.ask("GET", f"/{webhook['webhook_id']}")).json()
        return bool(told["disabled_reason"] == "gone")

    await until(gone)
    [dead, *_] = await platform.log(webhook, dead=True)
    assert ("dead", 410, "http_410") == (
        dead["status"],
        dead["log"][-1]["status"],
        dead["log"][-1]["error"],
    )
    assert {"dead"} == {each["status"] for each in await platform.log(webhook, dead=True)}
    assert 204 == (await platform.ask("DELETE", f"/{webhook['webhook_id']}")).status_code


async def test_lists_come_in_pages(
    client: Client, people: People, database: asyncpg.Connection, receiver: Receiver
) -> None:
    here = await owner(client, people, database)
    made = [await here.make(receiver.url, "team.deleted") for _ in range(3)]
    tests = [(await here.ask("POST", f"/{made[0]['webhook_id']}/test")).json() for _ in range(3)]

    for path, key, expected in (
        ("", "webhook_id", [each["webhook_id"] for each in made]),
        (
            f"/{made[0]['webhook_id']}/deliveries",
            "delivery_id",
            [each["delivery_id"] for each in reversed(tests)],
        ),
    ):
        first = (await here.ask("GET", path, params={"limit": 2})).json()
        assert expected[:2] == [each[key] for each in first["items"]]
        asked = {"limit": 2, "cursor": first["next_cursor"]}
        second = (await here.ask("GET", path, params=asked)).json()
        assert (expected[2:], None) == (
            [each[key] for each in second["items"]],
            second["next_cursor"],
        )
        assert 422 == (await here.ask("GET", path, params={"limit": 101})).status_code
        assert 422 == (await here.ask("GET", path, params={"cursor": "!"})).status_code


@pytest.mark.sec("SEC-64")
async def test_a_redirect_is_followed_nowhere(
    client: Client, people: People, database: asyncpg.Connection, receiver: Receiver
) -> None:
    here = await owner(client, people, database)
    with receiving() as inside:
        receiver.status, receiver.location = 302, f"{inside.url}/secret"
        webhook = await here.make(receiver.url, "team.deleted")
        await here.ask("POST", f"/{webhook['webhook_id']}/test")

        async def logged() -> list[dict[str, Any]]:
            [delivery] = await here.log(webhook)
            return list(delivery["log"])

        [attempt, *_] = await until(logged)
        assert (302, "redirect") == (attempt["status"], attempt["error"])
        assert [] == inside.received


@pytest.fixture
async def guarded(
    environ: dict[str, str], postgres_url: str
) -> AsyncIterator[tuple[dict[str, str], str]]:
    """A deployment as it is by default, with a database of its own: nobody else delivers there.

    With the URL of the database for its owner.
    """
    name = f"fm_hooks_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    parts = urlsplit(postgres_url)
    url = urlunsplit(parts._replace(path=f"/{name}"))
    url = url if "://" in url else url.replace(":/", "://", 1)
    await asyncio.to_thread(migrate, Secret(url))
    settings = environ | {"DATABASE_URL": as_service(url)}
    del settings["AUTH_WEBHOOK_ALLOW_PRIVATE"]
    yield settings, url
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


class Names:
    """What the operating system says of one name, and of all others what it always says."""

    def __init__(self) -> None:
        self.address = ""
        self.asked = 0
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, *args: Any, **kwargs: Any) -> Any:
        if host != NAME:
            return self._real(host, *args, **kwargs)
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.address, 0))]


@pytest.mark.sec("SEC-64")
async def test_nothing_goes_inside_whatever_the_url_and_whatever_its_name_says_later(
    guarded: tuple[dict[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    settings, owner_url = guarded
    async with serving(settings) as client:
        platform = await _platform_admin(client, owner_url)

        names.address = "10.0.0.7"
        for url in (
            *("http://1.1.1.1/", "https://127.0.0.1/", "https://169.254.169.254/latest/meta-data"),
            *("https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://2130706433/"),
            *("https://localhost/", "https://1.1.1.1:22/", "https://u:p@1.1.1.1/", "file:///etc"),
            f"https://{NAME}/",
        ):
            refused = await platform.ask("POST", json={"url": url})
            problem = expect_problem(refused, 422, "validation_failed")
            assert ["body", "url"] == problem["errors"][0]["loc"], url

        names.address = "1.1.1.1"  # as it is when the webhook is made
        webhook = await platform.make(f"https://{NAME}/", "webhook.never")
        names.address = "127.0.0.1"  # as it is when something is delivered
        asked = names.asked
        await platform.ask("POST", f"/{webhook['webhook_id']}/test")

        async def logged() -> list[dict[str, Any]]:
            [delivery] = await platform.log(webhook)
            return list(delivery["log"])

        [attempt, *_] = await until(logged)
        assert (None, "address_refused") == (attempt["status"], attempt["error"])
        assert names.asked > asked
        moved = await platform.ask(
            "PATCH", f"/{webhook['webhook_id']}", {"url": f"https://{NAME}/elsewhere"}
        )
        expect_problem(moved, 422, "validation_failed")


async def _platform_admin(client: Client, url: str) -> Owner:
    """Who manages the platform's webhooks of a deployment in development."""
    name = (await sign_up(client, "root.of.it"))["user"]["username"]
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE users SET roles = '{platform_admin}'")
    await connection.close()
    answer = await client.post(f"{AUTH}/dev-login", json={"username": name})
    return Owner(client, bearer(answer.json()["access_token"]))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"event_types": []}, "event_types"),
        ({"event_types": ["Not A Type"]}, "event_types"),
        ({"description": "two\nlines"}, "description"),
    ],
)
async def test_what_breaks_a_rule_is_named(
    client: Client, people: People, body: dict[str, Any], field: str
) -> None:
    platform = Owner(client, (await people.platform_admin()).token)
    answer: httpx.Response = await platform.ask("POST", json={"url": "http://127.0.0.1:9/", **body})

    problem = expect_problem(answer, 422, "validation_failed")
    assert field in problem["errors"][0]["loc"]
