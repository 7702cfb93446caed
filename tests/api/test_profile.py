"""Profiles: what people say about themselves, version by version."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.api.asking import AUTH, expect_invalid, expect_problem, sign_up
from tests.serving import Client, bearer, serving

NewName = Callable[[], str]
ME = f"{AUTH}/me"
FIELDS: dict[str, Any] = {
    "locale": "pt-BR",
    "time_zone": "Europe/Berlin",
    "picture_url": "https://images.example.com/a.png",
    "claims": {"department": "R&D", "floor": 3},
}


@pytest.fixture(scope="module")
async def company(environ: dict[str, str]) -> AsyncIterator[Client]:
    """A worker of a deployment that has claims of its own."""
    schema = '{"department": "string", "floor": "integer"}'
    async with serving(environ | {"AUTH_PROFILE_CLAIMS_SCHEMA": schema}) as client:
        yield client


@pytest.fixture
async def token(company: Client, new_name: NewName) -> dict[str, str]:
    return bearer((await sign_up(company, new_name()))["access_token"])


async def test_a_profile_is_filled_in_and_cleared(
    company: Client, second_worker: Client, token: dict[str, str]
) -> None:
    before = (await company.get(ME, headers=token)).json()

    filled = await company.patch(ME, json=FIELDS, headers=token)
    seen = await second_worker.get(ME, headers=token)
    one = await company.patch(ME, json={"locale": None}, headers=token)
    cleared = await company.patch(ME, json=dict.fromkeys(FIELDS), headers=token)

    assert before | FIELDS == filled.json() == seen.json()
    assert before | FIELDS | {"locale": None} == one.json()
    assert before == cleared.json()


async def test_the_entity_tag_moves_with_every_change_and_with_nothing_else(
    company: Client, second_worker: Client, token: dict[str, str]
) -> None:
    first = (await company.get(ME, headers=token)).headers["etag"]
    same = await company.patch(ME, json={"locale": None}, headers=token)
    changed = await company.patch(ME, json={"locale": "de"}, headers=token)
    seen = await second_worker.get(ME, headers=token)

    assert ('"1"', '"1"', '"2"', '"2"') == (
        first,
        *(answer.headers["etag"] for answer in (same, changed, seen)),
    )


async def test_a_change_for_another_version_is_412_and_changes_nothing(
    company: Client, second_worker: Client, token: dict[str, str]
) -> None:
    etag = (await company.get(ME, headers=token)).headers["etag"]
    done = await company.patch(ME, json={"locale": "de"}, headers=token | {"If-Match": etag})

    refused = await second_worker.patch(
        ME, json={"locale": "fr"}, headers=token | {"If-Match": etag}
    )
    nothing = await second_worker.patch(ME, json={}, headers=token | {"If-Match": etag})
    weak = await company.patch(ME, json={}, headers=token | {"If-Match": 'W/"2"'})
    anything = await company.patch(ME, json={}, headers=token | {"If-Match": "*"})

    assert (200, "de") == (done.status_code, done.json()["locale"])
    for answer in (refused, nothing, weak):
        expect_problem(answer, 412, "precondition_failed")
    assert (200, "de") == (anything.status_code, anything.json()["locale"])


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"locale": "de_DE"}, {("body.locale", "locale")}),
        ({"locale": 5}, {("body.locale", "type_error")}),
        ({"time_zone": "Mars/Olympus"}, {("body.time_zone", "time_zone")}),
        ({"picture_url": "http://example.com/a.png"}, {("body.picture_url", "url")}),
        ({"picture_url": "https://u:p@example.com/"}, {("body.picture_url", "url")}),
        ({"claims": []}, {("body.claims", "type_error")}),
        ({"claims": {"is_admin": True}}, {("body.claims", "unknown")}),
        ({"claims": {"floor": "3"}}, {("body.claims.floor", "type_error")}),
        ({"claims": {"department": "a\0"}}, {("body.claims.department", "type_error")}),
        (
            {"locale": "", "time_zone": ""},
            {("body.locale", "locale"), ("body.time_zone", "time_zone")},
        ),
    ],
)
async def test_a_change_that_breaks_a_rule_is_refused_whole(
    company: Client, token: dict[str, str], body: dict[str, Any], wrong: set[tuple[str, str]]
) -> None:
    before = (await company.get(ME, headers=token)).json()

    answer = await company.patch(ME, json={"display_name": "X"} | body, headers=token)

    assert wrong == expect_invalid(answer)
    assert before == (await company.get(ME, headers=token)).json()


async def test_a_deployment_without_a_schema_takes_no_claims(
    client: Client, token: dict[str, str]
) -> None:
    answer = await client.patch(ME, json={"claims": {"department": "R&D"}}, headers=token)

    assert {("body.claims", "unknown")} == expect_invalid(answer)


@pytest.mark.parametrize("zone", ["UTC", "America/Argentina/Buenos_Aires", "Asia/Kathmandu"])
async def test_the_zones_of_the_database_are_known(
    client: Client, token: dict[str, str], zone: str
) -> None:
    answer = await client.patch(ME, json={"time_zone": zone}, headers=token)

    assert (200, zone) == (answer.status_code, answer.json()["time_zone"])
