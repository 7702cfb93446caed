"""Organizations over HTTP: members, teams and invitations (SEC-55 to SEC-59)."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from auth_core.kernel import MailTemplate
from tests.api.asking import AUTH, PASSWORD, expect_problem
from tests.api.people import People, Person
from tests.mailbox import Mailbox
from tests.serving import Client, bearer

ORGANIZATIONS = "/api/v1/organizations"
TEAMS = "/api/v1/teams"


class Place:
    """An organization with people of every role, seen through HTTP."""

    def __init__(self, client: Client, organization_id: str, people: dict[str, Person]) -> None:
        self._client = client
        self.id = organization_id
        self.people = people

    async def ask(
        self, who: str | Person, method: str, path: str = "", json: Any = None, **headers: str
    ) -> httpx.Response:
        """What the answer to ``who`` is; ``path`` is below the organization, or whole."""
        person = who if isinstance(who, Person) else self.people[who]
        url = path if path.startswith("/api") else f"{ORGANIZATIONS}/{self.id}{path}"
        content = {} if json is None else {"json": json}
        return await self._client.request(method, url, headers=person.token | headers, **content)


@pytest.fixture
async def place(client: Client, people: People, database: asyncpg.Connection) -> Place:
    """One with an owner, an admin, a member and a viewer."""
    owner = await people.user()
    made = await client.post(
        ORGANIZATIONS,
        json={"name": "Acme", "slug": f"acme-{uuid4().hex[:12]}"},
        headers=owner.token,
    )
    assert 201 == made.status_code, made.text
    assert '"1"' == made.headers["etag"]
    place = Place(client, made.json()["organization"]["organization_id"], {"owner": owner})
    for role in ("admin", "member", "viewer"):
        place.people[role] = await people.user()
        await _join(database, place, place.people[role], role)
    return place


async def _join(database: asyncpg.Connection, place: Place, person: Person, role: str) -> None:
    await database.execute(
        "INSERT INTO memberships (organization_id, user_id, role, created_at, updated_at)"
        " VALUES ($1::uuid, $2::uuid, $3, now(), now())",
        *(place.id, person.id, role),
    )


async def test_an_organization_is_read_changed_and_listed(place: Place) -> None:
    read = await place.ask("viewer", "GET")
    tag = read.headers["etag"]
    changed = await place.ask("admin", "PATCH", "", {"name": "Acme Corp"}, **{"If-Match": tag})
    stale = await place.ask("admin", "PATCH", "", {"name": "Other"}, **{"If-Match": tag})
    mine = await place.ask("member", "GET", ORGANIZATIONS)

    assert (200, "Acme") == (read.status_code, read.json()["name"])
    assert (200, "Acme Corp", '"2"') == (
        changed.status_code,
        changed.json()["name"],
        changed.headers["etag"],
    )
    expect_problem(stale, 412, "precondition_failed")
    assert [("Acme Corp", "member")] == [
        (one["organization"]["name"], one["role"]) for one in mine.json()["items"]
    ]


async def test_a_slug_that_is_taken_or_none(place: Place) -> None:
    slug = (await place.ask("owner", "GET")).json()["slug"]

    taken = await place.ask("member", "POST", ORGANIZATIONS, {"name": "B", "slug": slug})
    bad = await place.ask("member", "POST", ORGANIZATIONS, {"name": "B", "slug": "not a slug"})

    expect_problem(taken, 409, "slug_taken")
    expect_problem(bad, 422, "validation_failed")


@pytest.mark.sec("SEC-56")
async def test_members_come_in_pages(place: Place) -> None:
    first = (await place.ask("viewer", "GET", "/members?limit=3")).json()
    rest = (await place.ask("viewer", "GET", f"/members?cursor={first['next_cursor']}")).json()

    assert None is rest["next_cursor"]
    assert {person.id for person in place.people.values()} == {
        one["user_id"] for one in first["items"] + rest["items"]
    }
    for query in ("limit=0", "limit=101", "cursor=x"):
        assert 422 == (await place.ask("viewer", "GET", f"/members?{query}")).status_code


async def test_a_new_role_holds_with_the_next_request(place: Place) -> None:
    member = f"/members/{place.people['member'].id}"
    refused = await place.ask("member", "PATCH", "", {"name": "Mine"})
    given = await place.ask("owner", "PATCH", member, {"role": "admin"})
    allowed = await place.ask("member", "PATCH", "", {"name": "Ours"})
    removed = await place.ask("owner", "DELETE", member)
    gone = await place.ask("member", "GET")

    expect_problem(refused, 403, "permission_denied")
    assert (200, "admin") == (given.status_code, given.json()["role"])
    assert (200, 204) == (allowed.status_code, removed.status_code)
    expect_problem(gone, 404, "not_found")


@pytest.mark.sec("SEC-57")
async def test_an_admin_makes_no_owner_and_touches_none(place: Place) -> None:
    owner, admin = (place.people[role].id for role in ("owner", "admin"))

    for answer in (
        await place.ask("admin", "PATCH", f"/members/{admin}", {"role": "owner"}),
        await place.ask("admin", "PATCH", f"/members/{owner}", {"role": "member"}),
        await place.ask("admin", "DELETE", f"/members/{owner}"),
        await place.ask("admin", "POST", "/invitations", {"email": "a@b.example", "role": "owner"}),
    ):
        expect_problem(answer, 403, "permission_denied")


@pytest.mark.sec("SEC-58")
async def test_of_two_owners_who_leave_at_once_one_stays(place: Place) -> None:
    admin = f"/members/{place.people['admin'].id}"
    alone = await place.ask("owner", "POST", "/leave")
    assert 200 == (await place.ask("owner", "PATCH", admin, {"role": "owner"})).status_code

    answers = await asyncio.gather(
        *(place.ask(who, "POST", "/leave") for who in ("owner", "admin"))
    )

    expect_problem(alone, 409, "last_owner")
    assert [204, 409] == sorted(answer.status_code for answer in answers)


async def test_an_organization_is_handed_over(place: Place) -> None:
    heir = {"new_owner_id": place.people["member"].id}
    refused = await place.ask("admin", "POST", "/transfer", heir)
    handed = await place.ask("owner", "POST", "/transfer", heir)
    left = await place.ask("owner", "POST", "/leave")

    expect_problem(refused, 403, "permission_denied")
    assert (200, "owner") == (handed.status_code, handed.json()["role"])
    assert 204 == left.status_code


async def test_a_deleted_organization_is_gone_and_can_be_restored(place: Place) -> None:
    refused = await place.ask("admin", "DELETE")
    deleted = await place.ask("owner", "DELETE")
    gone = [await place.ask(who, "GET") for who in ("admin", "member", "viewer")]
    restored = await place.ask("owner", "POST", "/restore")
    again = await place.ask("member", "GET")

    expect_problem(refused, 403, "permission_denied")
    assert deleted.json()["delete_after"]
    for answer in gone:
        expect_problem(answer, 404, "not_found")
    assert (None, 200) == (restored.json()["delete_after"], again.status_code)


async def test_a_team_has_a_life(place: Place) -> None:
    made = await place.ask("admin", "POST", "/teams", {"name": "Ops"})
    team = f"{TEAMS}/{made.json()['team_id']}"
    member = f"{team}/members/{place.people['member'].id}"
    viewer = f"{team}/members/{place.people['viewer'].id}"

    listed = await place.ask("viewer", "GET", "/teams")
    read = await place.ask("viewer", "GET", team)
    lead = await place.ask("admin", "PUT", member, {"role": "lead"})
    by_lead = await place.ask("member", "PUT", viewer, {"role": "member"})
    renamed = await place.ask("member", "PATCH", team, {"name": "SRE"}, **{"If-Match": '"1"'})
    members = await place.ask("viewer", "GET", f"{team}/members")
    taken_out = await place.ask("member", "DELETE", viewer)
    refused = await place.ask("viewer", "DELETE", team)
    deleted = await place.ask("admin", "DELETE", team)
    gone = await place.ask("admin", "GET", team)

    assert [made.json()] == listed.json()["items"]
    assert (made.json(), '"1"') == (read.json(), read.headers["etag"])
    assert (200, 200, 200) == (lead.status_code, by_lead.status_code, renamed.status_code)
    assert {"lead", "member"} == {one["role"] for one in members.json()["items"]}
    assert (204, 204) == (taken_out.status_code, deleted.status_code)
    expect_problem(refused, 403, "permission_denied")
    assert 404 == gone.status_code


@pytest.mark.sec("SEC-55")
async def test_to_strangers_there_is_nothing(place: Place, people: People) -> None:
    stranger = await people.user()
    team = (await place.ask("owner", "POST", "/teams", {"name": "Ops"})).json()["team_id"]
    member = place.people["member"].id

    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("POST", "/restore", None),
        ("GET", "/members", None),
        ("PATCH", f"/members/{member}", {"role": "viewer"}),
        ("DELETE", f"/members/{member}", None),
        ("POST", "/leave", None),
        ("POST", "/transfer", {"new_owner_id": stranger.id}),
        ("GET", "/teams", None),
        ("POST", "/teams", {"name": "Mine"}),
        ("GET", "/invitations", None),
        ("POST", "/invitations", {"email": "a@b.example"}),
        ("GET", f"{TEAMS}/{team}", None),
        ("DELETE", f"{TEAMS}/{team}", None),
        ("GET", f"{TEAMS}/{team}/members", None),
        ("PUT", f"{TEAMS}/{team}/members/{stranger.id}", {"role": "lead"}),
    ):
        answer = await place.ask(stranger, method, path, body)
        assert 404 == answer.status_code, (method, path, answer.text)


@pytest.mark.sec("SEC-59")
async def test_who_is_invited_joins_once(
    place: Place, people: People, mailbox: Mailbox, database: asyncpg.Connection
) -> None:
    guest, other = await people.user(), await people.user()
    email = await database.fetchval(
        "UPDATE users SET email_verified = true, email = username || '@example.com'"
        " WHERE id = $1::uuid RETURNING email",
        guest.id,
    )
    asked = {"email": email, "role": "viewer"}
    invited = await place.ask("admin", "POST", "/invitations", asked)
    token = {"token": await _code(mailbox, email)}

    listed = await place.ask("admin", "GET", "/invitations")
    by_another = await place.ask(other, "POST", "/api/v1/invitations/accept", token)
    joined = await asyncio.gather(
        *(place.ask(guest, "POST", "/api/v1/invitations/accept", token) for _ in range(5))
    )
    read = await place.ask(guest, "GET")

    assert (201, email) == (invited.status_code, invited.json()["email"])
    assert [invited.json()] == listed.json()["items"]
    expect_problem(by_another, 403, "email_not_verified")
    assert [200, 400, 400, 400, 400] == sorted(answer.status_code for answer in joined)
    assert 200 == read.status_code


@pytest.mark.sec("SEC-59")
async def test_a_revoked_invitation_opens_nothing(
    place: Place, people: People, mailbox: Mailbox, database: asyncpg.Connection
) -> None:
    guest = await people.user()
    email = await database.fetchval(
        "UPDATE users SET email_verified = true, email = username || '@example.com'"
        " WHERE id = $1::uuid RETURNING email",
        guest.id,
    )
    invited = await place.ask("admin", "POST", "/invitations", {"email": email})
    path = f"/invitations/{invited.json()['invitation_id']}"

    revoked = await place.ask("admin", "DELETE", path)
    again = await place.ask("admin", "DELETE", path)
    token = {"token": await _code(mailbox, email)}
    refused = await place.ask(guest, "POST", "/api/v1/invitations/accept", token)

    assert 204 == revoked.status_code
    expect_problem(again, 404, "invitation_not_found")
    expect_problem(refused, 400, "invalid_or_expired_link")


@pytest.mark.sec("SEC-59")
async def test_who_is_invited_without_an_account_registers_by_the_invitation_once(
    place: Place, verified: Client, mailbox: Mailbox
) -> None:
    name = f"guest-{uuid4().hex[:12]}"
    email = f"{name}@example.com"
    await place.ask("admin", "POST", "/invitations", {"email": email, "role": "viewer"})
    body = {"password": PASSWORD, "invitation_token": await _code(mailbox, email)}

    another = body | {"username": name, "email": f"x-{email}"}
    refused = await verified.post(f"{AUTH}/register", json=another)
    answers = await asyncio.gather(
        *(
            verified.post(f"{AUTH}/register", json=body | {"username": each, "email": email})
            for each in (name, *(f"{name}{number}" for number in range(5)))
        )
    )
    (joined,) = [answer for answer in answers if answer.status_code == 201]
    tokens = joined.json()
    read = await verified.get(f"{ORGANIZATIONS}/{place.id}", headers=bearer(tokens["access_token"]))
    roles = {
        one["user_id"]: one["role"]
        for one in (await place.ask("owner", "GET", "/members")).json()["items"]
    }

    expect_problem(refused, 400, "invalid_or_expired_link")
    assert {201, 400} == {answer.status_code for answer in answers}
    assert (200, "viewer") == (read.status_code, roles[tokens["user"]["user_id"]])


@pytest.mark.sec("SEC-17", "SEC-59")
async def test_the_link_of_an_invitation_leads_to_a_page_that_registers(
    place: Place, verified: Client, mailbox: Mailbox, people: People
) -> None:
    name = f"guest-{uuid4().hex[:12]}"
    email = f"{name}@example.com"
    await place.ask("admin", "POST", "/invitations", {"email": email})
    token = await _code(mailbox, email)
    form = {"token": token, "username": name, "password": PASSWORD}

    looked = [await verified.get(f"/account/join?token={token}") for _ in range(2)]
    short = await verified.post("/account/join", data=form | {"password": "short"})
    done = await verified.post("/account/join", data=form)
    again = await verified.post("/account/join", data=form)
    logged_in = await verified.post(f"{AUTH}/login", json={"username": name, "password": PASSWORD})
    mine = await verified.get(ORGANIZATIONS, headers=bearer(logged_in.json()["access_token"]))

    assert [200, 200] == [answer.status_code for answer in looked]
    assert "Acme" in looked[0].text
    assert email in looked[0].text
    assert (422, 200, 400) == (short.status_code, done.status_code, again.status_code)
    assert ["member"] == [one["role"] for one in mine.json()["items"]]


async def test_who_has_an_account_is_shown_what_to_enter(
    place: Place, verified: Client, mailbox: Mailbox, people: People, database: asyncpg.Connection
) -> None:
    guest = await people.user()
    email = f"{guest.name}@example.com"
    await database.execute("UPDATE users SET email = $1 WHERE id = $2::uuid", email, guest.id)
    await place.ask("admin", "POST", "/invitations", {"email": email})
    token = await _code(mailbox, email)

    shown = await verified.get(f"/account/join?token={token}")
    refused = await verified.post(
        "/account/join", data={"token": token, "username": f"{guest.name}x", "password": PASSWORD}
    )

    assert 200 == shown.status_code
    assert token in shown.text
    assert "<form" not in shown.text
    assert 409 == refused.status_code


async def _code(mailbox: Mailbox, email: str) -> str:
    return (await mailbox.newest(email, MailTemplate.ORGANIZATION_INVITATION)).values["code"]
