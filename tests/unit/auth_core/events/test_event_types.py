"""Every type of event and its JSON Schema."""

from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

import auth_core
from auth_core.event_types import EventSchemas, EventTypeNotFound, event_types
from auth_core.kernel import DomainEvent


def _descendants(kind: type[DomainEvent]) -> list[type[DomainEvent]]:
    return [each for child in kind.__subclasses__() for each in (child, *_descendants(child))]


def test_every_event_of_the_core_has_a_type_of_its_own_and_is_among_them() -> None:
    folder = Path(auth_core.__file__).parent
    for path in folder.rglob("*.py"):
        if "DomainEvent, frozen" in path.read_text() and path.parts[-2] != "kernel":
            import_module(".".join(path.relative_to(folder.parent).with_suffix("").parts))
    ours = [kind for kind in _descendants(DomainEvent) if kind.__module__.startswith("auth_core.")]

    assert len(ours) == len(event_types()) > 30
    assert set(ours) == set(event_types().values())


def test_every_schema_is_one_and_describes_what_its_type_carries_beside_the_envelope() -> None:
    for schema in EventSchemas("https://auth.example.com/events/schemas").all:
        document = msgspec.json.decode(msgspec.json.encode(schema))
        Draft202012Validator.check_schema(document)
        fields = {field.name for field in msgspec.structs.fields(event_types()[schema.title])}
        assert fields - {"id", "occurred_at", "traceparent"} == document["properties"].keys()
        assert f"https://auth.example.com/events/schemas/{schema.title}" == document["$id"]
        assert document["description"]
        assert "``" not in document["description"]


def test_a_schema_without_an_address_names_none() -> None:
    schema = msgspec.json.encode(EventSchemas().of("user.created"))

    assert b"$id" not in schema


@pytest.mark.parametrize("name", ["", "user", "user.created ", "USER.CREATED", "../user.created"])
def test_a_type_that_there_is_not_has_no_schema(name: str) -> None:
    with pytest.raises(EventTypeNotFound):
        EventSchemas().of(name)
