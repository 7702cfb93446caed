"""Which organization is active, over HTTP: on every worker, and never one that was left."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.api.asking import AUTH, claims_of, expect_invalid, expect_problem
from tests.api.organizing import join, new_organization
from tests.api.people import People, Person
from tests.serving import Client, bearer

ORGANIZATIONS = "/api/v1/organizations"


@pytest.fixture
async def alice(people: People, database: asyncpg.Connection) -> Person:
    """A member of two organizations, with a session that acts in neither."""
    person = await people.user()
    for _ in range(2):
        await join(database, person, await new_organization(database), "member")
    return await people.again(person.name)


async def places(client: Client, person: Person) -> list[str]:
    answer = await client.get(ORGANIZATIONS, headers=person.token)
    return [one["organization"]["organization_id"] for one in answer.json()["items"]]


async def switch(client: Client, person: Person, organization_id: str | None) -> httpx.Response:
    return await client.post(
        f"{AUTH}/switch-organization",
        json={"organization_id": organization_id},
        headers=person.token,
    )


async def active(client: Client, token: dict[str, str]) -> Any:
    answer = await client.get(f"{AUTH}/me", headers=token)
    assert 200 == answer.status_code, answer.text
    return answer.json()["organization"]


async def test_a_switch_holds_on_every_worker_and_in_the_next_session(
    client: Client, second_worker: Client, people: People, alice: Person
) -> None:
    one, two = await places(client, alice)
    assert [None, None] == [await active(each, alice.token) for each in (client, second_worker)]

    answer = await switch(client, alice, two)

    assert (200, "no-store") == (answer.status_code, answer.headers["cache-control"])
    tokens = answer.json()
    assert alice.session_id == tokens["session_id"]
    assert two == claims_of(tokens["access_token"])["organization_id"]
    here = {"organization_id": two, "name": "Acme"}
    for token in (alice.token, bearer(tokens["access_token"])):
        assert [here, here] == [await active(each, token) for each in (client, second_worker)]
    scopes = await client.get(f"{AUTH}/me/available-scopes", headers=alice.token)
    mine = await client.get("/api/v1/me/permissions", headers=alice.token)
    assert ["personal", "team"] == scopes.json()["scopes"]
    assert two == mine.json()["organization_id"]
    assert here == await active(client, (await people.again(alice.name)).token)

    out = (await switch(second_worker, alice, None)).json()
    assert None is claims_of(out["access_token"])["organization_id"]
    assert [None, None] == [await active(each, alice.token) for each in (client, second_worker)]
    assert one != two


@pytest.mark.sec("SEC-55", "SEC-56")
async def test_another_tenants_organization_is_as_if_there_were_none(
    client: Client, database: asyncpg.Connection, alice: Person, people: People
) -> None:
    admin = await people.platform_admin()
    others = await new_organization(database)

    for person in (alice, admin):
        answers = [await switch(client, person, each) for each in (others, str(uuid4()))]
        told = [expect_problem(each, 404, "organization_not_found") for each in answers]
        assert 1 == len({(one["detail"], one["title"]) for one in told})
        assert None is await active(client, person.token)


@pytest.mark.parametrize("body", [{}, {"organization_id": "acme"}, {"organization_id": 1}])
async def test_what_names_no_organization_is_refused(
    client: Client, alice: Person, body: dict[str, Any]
) -> None:
    answer = await client.post(f"{AUTH}/switch-organization", json=body, headers=alice.token)

    assert expect_invalid(answer)


async def test_a_renamed_organization_is_shown_by_its_new_name_at_once(
    client: Client, second_worker: Client, database: asyncpg.Connection, people: People
) -> None:
    owner = await people.user()
    here = await new_organization(database)
    await join(database, owner, here, "owner")
    owner = await people.again(owner.name)  # it is their only one, and so it is active
    for worker in (client, second_worker):
        assert {"organization_id": here, "name": "Acme"} == await active(worker, owner.token)

    named = await client.patch(
        f"{ORGANIZATIONS}/{here}", json={"name": "Bolt"}, headers=owner.token
    )

    assert 200 == named.status_code
    for worker in (client, second_worker):
        assert {"organization_id": here, "name": "Bolt"} == await active(worker, owner.token)


@pytest.mark.sec("SEC-56")
async def test_racing_a_switch_an_end_of_the_membership_and_a_refresh_leaves_nothing_active(
    client: Client, second_worker: Client, database: asyncpg.Connection, people: People
) -> None:
    """On two workers at once, again and again: the switch may win, but it keeps nothing."""
    for _ in range(8):
        person, here = await people.user(), await new_organization(database)
        await join(database, person, here, "member")
        person = await people.again(person.name)
        await switch(client, person, None)
        await active(second_worker, person.token)

        switched, left, refreshed = await asyncio.gather(
            switch(client, person, here),
            second_worker.post(f"{ORGANIZATIONS}/{here}/leave", headers=person.token),
            client.post(f"{AUTH}/refresh", json={"refresh_token": person.tokens["refresh_token"]}),
        )

        assert left.is_success, left.text
        assert switched.status_code in {200, 404}, switched.text
        assert 200 == refreshed.status_code, refreshed.text
        for worker in (client, second_worker):
            assert None is await active(worker, person.token)
        after = await client.post(
            f"{AUTH}/refresh", json={"refresh_token": refreshed.json()["refresh_token"]}
        )
        assert None is claims_of(after.json()["access_token"])["organization_id"]


async def test_of_racing_switches_one_holds_everywhere(
    client: Client, second_worker: Client, alice: Person
) -> None:
    both = await places(client, alice)
    for _ in range(5):
        await active(second_worker, alice.token)

        answers = await asyncio.gather(
            *(
                switch(worker, alice, each)
                for worker in (client, second_worker)
                for each in (*both, None)
            )
        )

        assert [200] * 6 == [answer.status_code for answer in answers]
        first, second = [await active(each, alice.token) for each in (client, second_worker)]
        assert first == second
