"""Events name people by id only: an erasure leaves nothing in them to erase (SEC-71)."""

from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin
from uuid import UUID

import msgspec
import pytest

import auth_core.core  # noqa: F401 - so that every event is defined
from auth_core.kernel import DomainEvent

# Text that the service chose, never one that came from outside. A new entry needs that said of it.
_OUR_WORDS = {
    ("user.updated", "fields"),  # names of fields
    ("organization.updated", "fields"),  # names of fields
    ("membership.added", "role"),
    ("membership.role_changed", "role"),
    ("membership.role_changed", "previous_role"),
    ("team.member_added", "role"),
    ("team.role_changed", "role"),
    ("team.role_changed", "previous_role"),
    ("invitation.created", "role"),
    ("role.assigned", "role"),  # of the roles that there are
    ("role.revoked", "role"),
    ("security.credential_stuffing_suspected", "source"),  # a network, and of nobody
    ("key.rotated", "kid"),
    ("key.rotated", "previous_kid"),
    ("key.rotated", "algorithm"),
}


_OF_EVERY_EVENT = {"traceparent"}  # hexadecimal digits of a tracing system, and nothing else


def _descendants(kind: type[DomainEvent]) -> list[type[DomainEvent]]:
    return [each for child in kind.__subclasses__() for each in (child, *_descendants(child))]


def _events() -> list[type[DomainEvent]]:
    """Ours, and not those that other tests define."""
    ours = [kind for kind in _descendants(DomainEvent) if kind.__module__.startswith("auth_core.")]
    return sorted(ours, key=lambda kind: str(kind.__struct_config__.tag))


def _names_nobody(kind: Any) -> bool:
    kind = getattr(kind, "__supertype__", kind)
    if get_origin(kind) in {Union, UnionType, tuple}:
        return all(_names_nobody(part) for part in get_args(kind) if part is not Ellipsis)
    return issubclass(kind, UUID | datetime | Enum | int | NoneType)


@pytest.mark.sec("SEC-71")
@pytest.mark.parametrize("event", _events(), ids=lambda event: event.__struct_config__.tag)
def test_an_event_carries_ids_times_and_our_own_words_only(event: type[DomainEvent]) -> None:
    tag = event.__struct_config__.tag
    for field in msgspec.structs.fields(event):
        ours = (tag, field.name) in _OUR_WORDS or field.name in _OF_EVERY_EVENT
        assert _names_nobody(field.type) or ours, field.name


def test_there_are_events_to_look_at() -> None:
    assert {"user.created", "user.erased", "session.revoked"} <= {
        event.__struct_config__.tag for event in _events()
    }
