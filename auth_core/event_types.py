"""Every type of event that there is, and the JSON Schema of what it carries.

A schema describes ``data`` of the CloudEvent (its ``dataschema`` names the schema). Consumers take
what a schema does not know: a later version may tell more. What a type tells now it goes on
telling; what would mean something else becomes another type.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

import msgspec

import auth_core.credentials.events
import auth_core.keys.events
import auth_core.organizations.events
import auth_core.roles.events
import auth_core.sessions.events
import auth_core.users.events
import auth_core.webhooks.events
from auth_core.events import ENVELOPE
from auth_core.kernel import DomainEvent, NotFound

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_MODULES: Final[tuple[ModuleType, ...]] = (
    auth_core.credentials.events,
    auth_core.keys.events,
    auth_core.organizations.events,
    auth_core.roles.events,
    auth_core.sessions.events,
    auth_core.users.events,
    auth_core.webhooks.events,
)


class EventTypeNotFound(NotFound):
    """There is no such type of event."""

    code = "event_type_not_found"
    default_message = "There is no event of this type."


class EventSchema(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The JSON Schema (2020-12) of the ``data`` of one type. ``id`` is where it is served."""

    dialect: str = msgspec.field(name="$schema")
    id: str = msgspec.field(name="$id", default="")
    title: str
    description: str
    type: str
    properties: dict[str, Any]
    required: tuple[str, ...]
    defs: dict[str, Any] = msgspec.field(name="$defs", default_factory=dict)


def event_types() -> Mapping[str, type[DomainEvent]]:
    """The struct of each type, by its wire name, in the order of the names."""
    kinds = [
        kind
        for module in _MODULES
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, DomainEvent)
        and kind.__module__ == module.__name__
    ]
    return dict(sorted((str(kind.__struct_config__.tag), kind) for kind in kinds))


class EventSchemas:
    """The schemas of all types, made once."""

    def __init__(self, base: str = "") -> None:
        """``base``: the URL below which they are served; without one they name no ``$id``."""
        self._by_type = {name: _schema(name, kind, base) for name, kind in event_types().items()}

    @property
    def all(self) -> tuple[EventSchema, ...]:
        """By the names of their types, which are their titles."""
        return tuple(self._by_type.values())

    def of(self, event_type: str) -> EventSchema:
        """The schema of a type. Raises EventTypeNotFound."""
        try:
            return self._by_type[event_type]
        except KeyError:
            raise EventTypeNotFound from None


def _schema(name: str, kind: type[DomainEvent], base: str) -> EventSchema:
    made = msgspec.json.schema(kind)
    definitions = {title: _plain(each) for title, each in made["$defs"].items()}
    of_kind = definitions.pop(made["$ref"].rpartition("/")[2])
    return EventSchema(
        dialect=DIALECT,
        id=f"{base}/{name}" if base else "",
        title=name,
        description=of_kind["description"],
        type="object",
        properties={
            field: schema
            for field, schema in of_kind["properties"].items()
            if field not in ENVELOPE
        },
        required=tuple(field for field in of_kind["required"] if field not in ENVELOPE),
        defs=definitions,
    )


def _plain(definition: dict[str, Any]) -> dict[str, Any]:
    """With its description, which is a docstring, on one line and as Markdown."""
    words = definition.get("description", "").replace("``", "`").split()
    return {**definition, "description": " ".join(words)}
