"""Writes the pages of docs/reference that the code knows best, and .env.example.

`make reference` runs it; tests/unit/app/test_reference.py compares.
"""
# ruff: noqa: E501 - a paragraph of a page is a line

import pkgutil
from collections.abc import Iterator
from http import HTTPStatus
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

import adapters
import app
import auth_core
from app.cli import cli
from app.errors import status_of
from app.metrics.reference import render_reference as metrics_page
from app.settings import render_env_example
from app.settings import render_reference as settings_page
from auth_core.access import Permission, RoleBook, RoleScope
from auth_core.kernel import AuthCoreError

ROOT = Path(__file__).parents[1]
_FROM_THE_CODE = "Written by `make reference` from the code; a test compares the two."
_ERRORS = f"""# Errors

Every refusal is `application/problem+json` (RFC 9457) with a stable `code`; `detail` is prose, may change, and is the same text as `message`. A 422 names every field at fault in `errors`. What is not listed are the codes of HTTP itself: `bad_request`, `not_found`, `method_not_allowed`, `request_timeout`, `body_too_large`, `unsupported_media_type`, and `internal_error`, which is ours to mend: the log has its `request_id`. {_FROM_THE_CODE}

| code | status | when | what it says |
|---|---|---|---|
"""
_PERMISSIONS = f"""# Permissions and roles

What each built-in role may do. Roles of the platform count everywhere, those of an organization in it, those of a team in it and for what belongs to it. An organization can make roles of its own, and a deployment can register permissions of its own ([guide](../guides/access.md)). {_FROM_THE_CODE}

"""
_COMMANDS = f"""# Command line

What `fm-auth COMMAND --help` says, for every command. {_FROM_THE_CODE}

"""


def pages() -> dict[Path, str]:
    """Every file that is written, with its text."""
    folder = ROOT / "docs" / "reference"
    return {
        ROOT / ".env.example": render_env_example(),
        folder / "settings.md": settings_page(),
        folder / "command-line.md": _COMMANDS + "\n".join(_commands("fm-auth", cli)),
        folder / "errors.md": _ERRORS + "".join(_errors()),
        folder / "permissions.md": _PERMISSIONS + "\n".join(_roles()),
        folder / "metrics.md": metrics_page(),
    }


def _commands(
    name: str, command: click.Command, parent: click.Context | None = None
) -> Iterator[str]:
    # a width of its own: the page does not depend on the terminal
    context = click.Context(
        command, info_name=name, parent=parent, max_content_width=100, terminal_width=100
    )
    yield f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None and not found.hidden:
                yield from _commands(each, found, context)


def _errors() -> Iterator[str]:
    for package in (auth_core, adapters, app):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            # these need pytest, or an extra, and have no errors of the wire
            if not {"testing", "embedded", "__main__", "nats"} & {*found.name.split(".")}:
                import_module(found.name)
    rows = set()
    for kind in _kinds(AuthCoreError):
        status = status_of(kind)
        ours = kind.__module__.split(".")[0] in {"auth_core", "adapters", "app"}
        if ours and "code" in vars(kind) and status != HTTPStatus.INTERNAL_SERVER_ERROR:
            when = cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            says = kind.default_message.replace("|", "or")
            rows.add(f"| `{kind.code}` | {status.value} | {when} | {says} |\n")
    yield from sorted(rows)


def _kinds(kind: type[AuthCoreError]) -> Iterator[type[AuthCoreError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)


def _roles() -> Iterator[str]:
    book = RoleBook()
    for scope in RoleScope:
        roles = book.of(scope)
        names = " | ".join(f"`{role.name}`" for role in roles)
        yield f"## Roles of {_LEVELS[scope]}\n\n| permission | {names} |"
        yield f"|---|{'---|' * len(roles)}"
        for permission in Permission:
            marks = ["yes" if permission in role.permissions else "" for role in roles]
            if any(marks):
                yield f"| `{permission}` | {' | '.join(marks)} |"
        yield ""


_LEVELS: dict[Any, str] = {
    RoleScope.PLATFORM: "the platform",
    RoleScope.ORGANIZATION: "an organization",
    RoleScope.TEAM: "a team",
}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
