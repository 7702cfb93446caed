"""The JSON Schemas of events: where ``dataschema`` of each one leads."""

from typing import Any, Final

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_304_NOT_MODIFIED

from app.api.conditional import entity_tag, is_not_modified
from app.api.examples import Json
from app.api.responses import answer, errors
from app.limits import LIMIT_NONE
from app.security import BY_ANYBODY, PUBLIC
from auth_core.event_types import DIALECT, EventSchema, EventSchemas, EventTypeNotFound

_KEPT_SECONDS = 3600
_ADDRESS = "https://auth.faultmaven.ai/events/schemas/user.updated"
_TOLD = "A profile changed; `fields` names what, never the values."
_TYPES: Final[Json] = {
    "items": [{"type": "user.updated", "description": _TOLD, "schema": _ADDRESS}]
}
_SCHEMA: Final[Json] = {
    "$schema": DIALECT,
    "$id": _ADDRESS,
    "title": "user.updated",
    "description": _TOLD,
    "type": "object",
    "properties": {"fields": {"type": "array", "items": {"type": "string"}}},
    "required": ["user_id", "fields"],
}


class AuthEventType(msgspec.Struct, frozen=True):
    """One type of event. ``schema`` is the URL of the JSON Schema of its ``data``."""

    type: str
    description: str
    schema: str


class AuthEventTypes(msgspec.Struct, frozen=True):
    """All types of events that this version tells."""

    items: tuple[AuthEventType, ...]


class AuthEventSchema(EventSchema, frozen=True, kw_only=True, omit_defaults=True):
    """A JSON Schema (2020-12) of the ``data`` of one type of event."""


class EventSchemaController(Controller):
    """What consumers of events read."""

    path = "/events/schemas"
    tags = ("Metadata",)
    opt = PUBLIC | LIMIT_NONE
    security = BY_ANYBODY

    @get(
        "/",
        responses={200: answer(AuthEventTypes, _TYPES), **errors()},
        summary="List the types of events",
    )
    async def types(
        self, request: Request[Any, Any, Any], event_schemas: NamedDependency[EventSchemas]
    ) -> Response[AuthEventTypes | None]:
        """List the types of events, each with the address of its schema."""
        items = tuple(
            AuthEventType(type=each.title, description=each.description, schema=each.id)
            for each in event_schemas.all
        )
        return _kept(request, AuthEventTypes(items))

    @get(
        "/{event_type:str}",
        responses={
            200: answer(AuthEventSchema, _SCHEMA),
            **errors(400, 404, likely={404: EventTypeNotFound()}),
        },
        summary="Read the JSON Schema of a type of event",
    )
    async def schema(
        self,
        request: Request[Any, Any, Any],
        event_type: FromPath[str],
        event_schemas: NamedDependency[EventSchemas],
    ) -> Response[AuthEventSchema | None]:
        """Read the JSON Schema of the `data` of events of one type."""
        return _kept(request, event_schemas.of(event_type))


def _kept(request: Request[Any, Any, Any], document: Any) -> Response[Any]:
    """An answer that may be kept for an hour, and that whoever has it already is not sent again."""
    tag = entity_tag(document)
    headers = {"Cache-Control": f"public, max-age={_KEPT_SECONDS}", "ETag": tag}
    if is_not_modified(request.headers.getall("If-None-Match", []), tag):
        return Response(None, status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(document, headers=headers)
