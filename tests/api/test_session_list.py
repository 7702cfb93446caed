"""The sessions that a person, or an administrator, can see and end."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.api.paging import cursor_of
from tests.api.asking import AUTH, PASSWORD, expect_problem, sign_up
from tests.serving import Client, bearer

NewName = Callable[[], str]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"


async def log_in(client: Client, name: str, agent: str = "curl/8.17.0") -> dict[str, Any]:
    answer = await client.post(
        f"{AUTH}/dev-login", json={"username": name}, headers={"User-Agent": agent}
    )
    assert 200 == answer.status_code
    return dict(answer.json())


async def listed(client: Client, token: str, query: str = "", path: str = "sessions") -> Any:
    answer = await client.get(f"{AUTH}/{path}{query}", headers=bearer(token))
    assert 200 == answer.status_code, answer.text
    return answer.json()


async def alive(client: Client, token: str) -> bool:
    return 200 == (await client.get(f"{AUTH}/me", headers=bearer(token))).status_code


async def test_a_person_sees_their_sessions_youngest_first_and_which_one_asks(
    client: Client, new_name: NewName
) -> None:
    name = new_name()
    first = await sign_up(client, name)
    second = await log_in(client, name, FIREFOX)
    refreshed = (
        await client.post(f"{AUTH}/refresh", json={"refresh_token": first["refresh_token"]})
    ).json()

    body = await listed(client, refreshed["access_token"])

    assert None is body["next_cursor"]
    assert [second["session_id"], first["session_id"]] == [s["session_id"] for s in body["items"]]
    assert [False, True] == [session["current"] for session in body["items"]]
    firefox, own = body["items"]
    assert ("Firefox", None) == (firefox["user_agent"], firefox["client_id"])
    assert firefox["last_used_at"] == firefox["created_at"]
    assert own["last_used_at"] > own["created_at"]
    assert all(session["expires_at"].endswith("+00:00") for session in body["items"])


async def test_the_list_comes_in_pages(client: Client, new_name: NewName) -> None:
    name = new_name()
    token = (await sign_up(client, name))["access_token"]
    for _ in range(4):
        await log_in(client, name)

    page = await listed(client, token, "?limit=2")
    seen = list(page["items"])
    while page["next_cursor"]:
        page = await listed(client, token, f"?limit=2&cursor={page['next_cursor']}")
        seen += page["items"]

    assert 5 == len({session["session_id"] for session in seen}) == len(seen)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=-1", "limit=x", "cursor=x"])
async def test_a_page_that_cannot_be_is_422(client: Client, new_name: NewName, query: str) -> None:
    token = (await sign_up(client, new_name()))["access_token"]

    answer = await client.get(f"{AUTH}/sessions?{query}", headers=bearer(token))

    assert (422, "validation_failed") == (answer.status_code, answer.json()["code"])
    assert ["query"] == [error["loc"][0] for error in answer.json()["errors"]]


@pytest.mark.sec("SEC-29")
async def test_a_person_ends_one_session_and_the_others_live(
    client: Client, second_worker: Client, new_name: NewName
) -> None:
    name = new_name()
    own, lost = await sign_up(client, name), await log_in(client, name)
    assert await alive(second_worker, lost["access_token"])

    answer = await client.delete(
        f"{AUTH}/sessions/{lost['session_id']}", headers=bearer(own["access_token"])
    )

    assert (204, b"") == (answer.status_code, answer.content)
    assert not await alive(second_worker, lost["access_token"])
    assert await alive(second_worker, own["access_token"])
    again = await client.delete(
        f"{AUTH}/sessions/{lost['session_id']}", headers=bearer(own["access_token"])
    )
    expect_problem(again, 404, "not_found")


@pytest.mark.sec("SEC-55", "SEC-56")
async def test_the_session_of_another_is_not_there(client: Client, new_name: NewName) -> None:
    own, theirs = await sign_up(client, new_name()), await sign_up(client, new_name())

    for session_id in (theirs["session_id"], uuid4()):
        answer = await client.delete(
            f"{AUTH}/sessions/{session_id}", headers=bearer(own["access_token"])
        )
        expect_problem(answer, 404, "not_found")
    assert await alive(client, theirs["access_token"])
    cursor = cursor_of(UUID(theirs["session_id"]))
    page = await listed(client, own["access_token"], f"?cursor={cursor}")
    assert theirs["session_id"] not in [session["session_id"] for session in page["items"]]


@pytest.mark.sec("SEC-29")
async def test_ending_the_others_keeps_the_one_that_asks(
    client: Client, second_worker: Client, new_name: NewName
) -> None:
    name = new_name()
    own = await sign_up(client, name)
    others = [await log_in(client, name) for _ in range(3)]
    for other in others:
        assert await alive(second_worker, other["access_token"])

    answer = await client.post(
        f"{AUTH}/sessions/revoke-others", headers=bearer(own["access_token"])
    )

    assert (200, 3) == (answer.status_code, answer.json()["revoked_tokens"])
    assert [False] * 3 == [await alive(second_worker, other["access_token"]) for other in others]
    assert await alive(second_worker, own["access_token"])
    later = await log_in(client, name)
    assert await alive(second_worker, later["access_token"])


@pytest.mark.sec("SEC-29")
async def test_ending_everything_refuses_every_older_token_and_no_newer_one(
    client: Client, second_worker: Client, new_name: NewName
) -> None:
    """In the same second, over and over: it is a counter that decides."""
    name = new_name()
    token = (await sign_up(client, name))["access_token"]
    for _ in range(5):
        assert await alive(second_worker, token)
        await client.post(f"{AUTH}/dev/revoke-all-tokens", headers=bearer(token))
        newer = (await log_in(second_worker, name))["access_token"]

        assert (False, True) == (await alive(client, token), await alive(client, newer))
        token = newer


async def test_an_administrator_sees_and_ends_the_sessions_of_a_user(
    client: Client, second_worker: Client, new_name: NewName
) -> None:
    admin = (await sign_up(client, new_name()))["access_token"]
    name = new_name()
    one, two = await sign_up(client, name), await log_in(client, name)
    sessions = f"users/{one['user']['user_id']}/sessions"

    body = await listed(client, admin, path=sessions)
    assert [two["session_id"], one["session_id"]] == [s["session_id"] for s in body["items"]]
    assert not any(session["current"] for session in body["items"])

    path = f"{AUTH}/{sessions}"
    ended = await client.delete(f"{path}/{one['session_id']}", headers=bearer(admin))
    assert 204 == ended.status_code
    assert not await alive(second_worker, one["access_token"])
    ended = await client.delete(path, headers=bearer(admin))
    assert (200, 1) == (ended.status_code, ended.json()["revoked_tokens"])
    assert not await alive(second_worker, two["access_token"])
    assert [] == (await listed(client, admin, path=sessions))["items"]


async def test_there_are_no_sessions_of_nobody(client: Client, new_name: NewName) -> None:
    admin = (await sign_up(client, new_name()))["access_token"]
    path = f"{AUTH}/users/{uuid4()}/sessions"

    expect_problem(await client.get(path, headers=bearer(admin)), 404, "user_not_found")
    expect_problem(await client.delete(path, headers=bearer(admin)), 404, "user_not_found")


@pytest.mark.sec("SEC-55")
async def test_only_an_administrator_may_look_at_others(
    production: Client, new_name: NewName
) -> None:
    answer = await production.post(
        f"{AUTH}/register", json={"username": new_name(), "password": PASSWORD}
    )
    user = answer.json()
    assert ["user"] == user["user"]["roles"]
    path = f"{AUTH}/users/{user['user']['user_id']}/sessions"

    for method, url in (
        ("GET", path),
        ("DELETE", path),
        ("DELETE", f"{path}/{user['session_id']}"),
    ):
        refused = await production.request(method, url, headers=bearer(user["access_token"]))
        expect_problem(refused, 403, "permission_denied")
        expect_problem(await production.request(method, url), 401, "authentication_required")
    assert await alive(production, user["access_token"])
