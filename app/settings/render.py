"""What people see of the settings: the example file, the reference page, ``config show``."""

import json

from app.settings.connect import show_url
from app.settings.field import Field
from app.settings.fields import FIELDS, GROUPS
from app.settings.tree import DnsServer, Settings, Source
from auth_core.clients import Client
from auth_core.kernel import Secret

_HEADER = """\
# Settings of the FaultMaven Auth Service. Generated from app/settings/fields.py; a test compares.
#
# Everything is optional: with nothing set, `fm-auth serve` runs in development mode on a PostgreSQL
# and a Valkey of its own. An empty value counts as not set. A name marked [secret] can also be
# given as NAME_FILE, the path of a file that holds the value. A wrong value, and any AUTH_... name
# that is not listed here, stops the start.
"""
_REFERENCE_HEADER = """\
# Settings

Settings come from the environment, and nothing has to be set. A wrong value, or an unknown name \
that starts with `AUTH_`, stops the start with a message that lists every problem; \
`fm-auth config check` says the same without starting, and `fm-auth config show` where each value \
comes from. An empty value counts as not set. `…_FILE` is the path of a file that holds the value. \
Two names of one setting mean the same. Written by `make reference` from the code; a test compares \
the two.
"""
_PEPPER = "AUTH_PASSWORD_PEPPER"
_URLS = frozenset({"DATABASE_URL", "REDIS_URL", "AUTH_NATS_URL"})


def render_env_example() -> str:
    """The text of ``.env.example``."""
    lines = [_HEADER]
    for title, fields in GROUPS:
        lines += [f"# ---- {title} ----", ""]
        for field in fields:
            lines += [*_comments(field), f"#{field.name}={field.example or field.default}", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def render_reference() -> str:
    """The page `docs/reference/settings.md`."""
    lines = [_REFERENCE_HEADER]
    for title, fields in GROUPS:
        lines += [f"## {title}", "", "| name | default | allowed | meaning |", "|---|---|---|---|"]
        for field in fields:
            names = "<br>".join(f"`{name}`" for name in field.names)
            names += "<br>`…_FILE`" if field.secret else ""
            cells = (field.shown_default, field.kind.allowed, f"{field.description}.")
            if not field.in_effect:
                cells = ("-", "-", f"{field.description}. Accepted, no effect in this version.")
            lines.append(f"| {names} | {' | '.join(map(_cell, cells))} |")
        lines.append("")
    return "\n".join(lines)


def describe(settings: Settings) -> list[tuple[str, str, Source]]:
    """Every setting that has an effect: its name, its value as it may be shown, its source."""
    sources = dict(settings.sources)
    return [
        (field.name, _shown(field, settings), sources.get(field.name, "default"))
        for field in FIELDS
        if field.in_effect
    ]


def _comments(field: Field) -> list[str]:
    if not field.in_effect:
        return [f"# {field.description}. Accepted, no effect in this version."]
    marks = " [secret]" if field.secret else ""
    lines = [
        f"# {field.description}.{marks}",
        f"# Allowed: {field.kind.allowed}",
        f"# Default: {field.shown_default}",
    ]
    if field.aliases:
        lines.append(f"# Also as: {', '.join(field.aliases)}")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "or").replace("<", "&lt;")


def _shown(field: Field, settings: Settings) -> str:
    group, _, attribute = field.attribute.partition(".")
    value: object = getattr(getattr(settings, group), attribute)
    if value is None:
        return "(not set)"
    if isinstance(value, tuple):
        return _shown_list(field, value)
    if isinstance(value, Secret):
        secret = value.reveal()
        return show_url(secret) if field.name in _URLS and isinstance(secret, str) else "***"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text if text.isprintable() else ascii(text)


def _shown_list(field: Field, values: tuple[object, ...]) -> str:
    if values and all(isinstance(value, Client) for value in values):
        return ", ".join(value.client_id for value in values if isinstance(value, Client))
    if field.name == _PEPPER:
        return ", ".join(f"{pair[0]}:***" for pair in values if isinstance(pair, tuple))
    if values and all(isinstance(value, DnsServer) for value in values):
        return ", ".join(map(str, values))
    return json.dumps(values)
