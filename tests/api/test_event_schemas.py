"""The JSON Schemas of events, as consumers get them, and what is really published."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin
from uuid import UUID

import msgspec
import pytest
from jsonschema import Draft202012Validator, ValidationError
from redis.asyncio import Redis

from adapters.postgres import Database, PostgresUnitOfWork
from auth_core.event_types import event_types
from auth_core.kernel import DomainEvent, EventId, Secret
from auth_core.testing.contracts.making import fresh_id, now
from tests.api.asking import expect_problem
from tests.service_role import as_service
from tests.serving import Client, serving

SCHEMAS = "/events/schemas"


async def test_every_type_is_listed_with_the_address_of_its_schema(
    environ: dict[str, str],
) -> None:
    public = environ | {"AUTH_PUBLIC_URL": "https://sso.example.com"}
    async with serving(public) as client:
        listed = (await client.get(SCHEMAS)).json()["items"]
        assert list(event_types()) == [each["type"] for each in listed]
        for each in listed:
            assert f"https://sso.example.com{SCHEMAS}/{each['type']}" == each["schema"]
            served = (await client.get(f"{SCHEMAS}/{each['type']}")).json()
            assert each["schema"] == served["$id"]
            assert each["description"] == served["description"]


@pytest.mark.parametrize("path", [SCHEMAS, f"{SCHEMAS}/user.created"])
async def test_a_schema_may_be_kept_and_is_not_sent_twice(
    client: Client, second_worker: Client, path: str
) -> None:
    first = await client.get(path)
    again = await second_worker.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert (200, "application/json") == (first.status_code, first.headers["Content-Type"])
    assert "public, max-age=3600" == first.headers["Cache-Control"]
    assert (304, b"") == (again.status_code, again.content)


@pytest.mark.parametrize("name", ["user.landed", "user", "user.created.json", "%00", "x" * 500])
async def test_a_type_that_there_is_not_is_a_problem(client: Client, name: str) -> None:
    expect_problem(await client.get(f"{SCHEMAS}/{name}"), 404, "event_type_not_found")


@pytest.fixture
async def unit_of_work(postgres_url: str) -> AsyncIterator[PostgresUnitOfWork]:
    database = Database(Secret(as_service(postgres_url)))
    yield PostgresUnitOfWork(database)
    await database.close()


def value_of(kind: Any) -> Any:
    """Something of this type."""
    kind = getattr(kind, "__supertype__", kind)
    if get_origin(kind) in {Union, UnionType}:
        return value_of(next(part for part in get_args(kind) if part is not NoneType))
    if get_origin(kind) is tuple:
        return (value_of(get_args(kind)[0]),)
    if kind is NoneType:
        return None
    if issubclass(kind, Enum):
        return next(reversed(kind))
    return {UUID: fresh_id(), str: "word", int: 3}[kind]


def events_of_every_type() -> Iterator[DomainEvent]:
    """Each with all that it can carry, and with no more than it must."""
    for kind in event_types().values():
        fields = [
            field
            for field in msgspec.structs.fields(kind)
            if field.name not in {"id", "occurred_at"}
        ]
        full = {field.name: value_of(field.type) for field in fields}
        least = {field.name: full[field.name] for field in fields if field.required}
        if "user_id" in least:
            least["user_id"] = None
        for values in (full, least):
            yield kind(id=EventId(fresh_id()), occurred_at=now(), **values)


async def test_what_is_published_of_every_type_is_as_its_served_schema_says(
    client: Client, unit_of_work: PostgresUnitOfWork, redis_url: str
) -> None:
    recorded = {str(event.id): event for event in events_of_every_type()}
    async with unit_of_work as uow:
        await uow.outbox.add(list(recorded.values()))
        await uow.commit()

    published = await published_of(redis_url, set(recorded))  # by the worker of the client

    assert {event.type for event in recorded.values()} == {each["type"] for each in published}
    for event in published:
        address = event["dataschema"].partition("://")[2]
        answer = await client.get(f"/{address.partition('/')[2]}")
        validator = Draft202012Validator(
            answer.json(), format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        validator.validate(event["data"])
        assert event["data"].keys() <= answer.json()["properties"].keys()
        # any worker on these servers may have been the one that published
        assert event["dataschema"].endswith(f"/events/schemas/{event['type']}")
        assert answer.json()["$id"].endswith(f"/events/schemas/{event['type']}")
        for field in event["data"]:
            with pytest.raises(ValidationError):  # a schema that takes everything says nothing
                validator.validate({**event["data"], field: {"not": "this"}})


async def published_of(redis_url: str, ids: set[str]) -> list[dict[str, Any]]:
    """The events of these ids, as soon as all of them are in the stream."""
    async with Redis.from_url(redis_url) as client, asyncio.timeout(60):
        while True:
            entries = await client.xrange("auth:events")
            found = {
                fields[b"id"].decode(): msgspec.json.decode(fields[b"event"])
                for _, fields in entries
                if fields[b"id"].decode() in ids
            }
            if found.keys() == ids:
                return list(found.values())
            await asyncio.sleep(0.1)
