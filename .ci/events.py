"""Writes docs/events from the code: the JSON Schema of each type of event, and a table of all."""

from pathlib import Path

import msgspec

from auth_core.event_types import EventSchema, EventSchemas

FOLDER = Path(__file__).parents[1] / "docs" / "events"
_OF_ALL = frozenset({"user_id", "organization_id", "actor_id"})
_HEAD = """\
# All types of events

Made by `make events` from the code, and compared in a test. Each type has the JSON Schema (2020-12) of its `data`; a running service serves the same at `GET /events/schemas/{type}`, where `dataschema` of each event leads, and lists them at `GET /events/schemas`. [How to read events](../guides/events.md).

Every event also has in `data`: `user_id`, whom it is about (null when it is about nobody), `organization_id` and `actor_id`, the administrator who did it. A later version may add fields, and never takes one away: ignore what you do not know.

| type | what happened | `data`, beyond those three |
|---|---|---|
"""  # noqa: E501 - prose


def rendered() -> dict[str, str]:
    """The texts of all files of the folder, by their names."""
    schemas = EventSchemas().all
    table = _HEAD + "".join(_row(schema) for schema in schemas)
    return {"README.md": table, **{f"{each.title}.json": _text(each) for each in schemas}}


def main() -> None:
    """Write what is there, and remove what is not any more."""
    FOLDER.mkdir(exist_ok=True)
    texts = rendered()
    for path in FOLDER.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text)


def _text(schema: EventSchema) -> str:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def _row(schema: EventSchema) -> str:
    own = ", ".join(f"`{name}`" for name in schema.properties if name not in _OF_ALL)
    description = schema.description.replace("|", "\\|")
    return f"| [`{schema.title}`]({schema.title}.json) | {description} | {own} |\n"


if __name__ == "__main__":
    main()
