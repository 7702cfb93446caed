"""A value of another type, in any field of any body, is the caller's fault and is named."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.api.asking import expect_invalid
from tests.api.people import People
from tests.serving import Client

WRONG: tuple[Any, ...] = ({}, [[]], 1e308)


def _bodies(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and a body with every field, of every route that takes JSON."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            if media := content.get("application/json"):
                name = media["schema"]["$ref"].rpartition("/")[2]
                fields = document["components"]["schemas"][name]["properties"]
                examples = [example["value"] for example in media.get("examples", {}).values()]
                yield method, path, {**dict.fromkeys(fields), **(examples or [{}])[0]}


@pytest.mark.sec("SEC-52")
async def test_a_value_of_another_type_is_never_our_fault(client: Client, people: People) -> None:
    asking = await people.platform_admin()
    document = (await client.get("/openapi.json")).json()

    asked = 0
    for method, path, example in _bodies(document):
        url = "/".join(str(uuid4()) if part.startswith("{") else part for part in path.split("/"))
        for field in example:
            for wrong in WRONG:
                answer = await client.request(
                    method, url, json={**example, field: wrong}, headers=asking.token
                )
                assert answer.status_code < 500, (method, path, field, wrong, answer.text)
                asked += 1
    assert asked > 100


async def test_what_is_missing_inside_of_a_field_is_named_by_its_path(
    client: Client, people: People
) -> None:
    answer = await client.post(
        "/access/v1/evaluation",
        json={"subject": {"type": "user"}, "action": {"name": "x"}, "resource": {"type": "cases"}},
        headers=(await people.admin()).token,
    )

    assert {("body.subject.id", "missing")} == expect_invalid(answer)
