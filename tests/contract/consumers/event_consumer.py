"""A sibling service that reads the events: it keeps a copy of what it needs about people.

- It reads CloudEvents 1.0 in JSON, takes each `id` once, and orders by `sequence` along each
  `subject`.
- It forgets a person's cached session (`session_id`), shuts out whom we disabled, erases its copy
  of whom we erased, and asks for roles and memberships anew when they changed.
- It ignores types and fields that it does not know.
"""

import json
from typing import Any

from pact import Pact, match

from tests.contract.consumers.agreeing import MOMENT, Consumer, text, uuid, word

EVENTS = Consumer("event-consumer")
USER_ID = "01a20a9c-27fe-73d1-8481-47f172a4ac7a"
SESSION_ID = "01a20a9c-2801-737d-900f-3565822e1882"
ORGANIZATION_ID = "01a20d5e-ba11-71ee-8046-67974eefc5da"


class Copies:
    """What it keeps, and what an event does to it."""

    def __init__(self) -> None:
        self.people = {USER_ID}
        self.sessions = {SESSION_ID}
        self.stale: set[str] = set()
        self.members = {(ORGANIZATION_ID, USER_ID)}
        self._seen: set[str] = set()

    def take(self, body: str | bytes | None, _: dict[str, object]) -> None:
        """Do what an event asks for, once."""
        assert body is not None
        event = json.loads(body)
        assert "1.0" == event["specversion"]
        assert int(event["sequence"]) >= 0
        if event["id"] in self._seen:
            return
        self._seen.add(event["id"])
        data = event["data"]
        match event["type"]:
            case "session.revoked":
                self.sessions.discard(data["session_id"])
            case "user.disabled" | "user.deleted" | "user.erased":
                self.people.discard(data["user_id"])
            case "user.created":
                self.people.add(data["user_id"])
            case "user.updated" | "role.assigned" | "role.revoked":
                self.stale.add(data["user_id"])
            case "membership.removed":
                self.members.discard((data["organization_id"], data["user_id"]))


def _told(pact: Pact, type: str, **data: Any) -> Copies:  # noqa: A002 - the field's name
    """Its copies after an event of this type, which carries at least these data."""
    event = {
        "specversion": "1.0",
        "id": uuid("01a2140d-b5bb-73b5-8b09-893eb56bf5bd"),
        "type": type,
        "source": text("https://auth.faultmaven.ai"),
        "subject": uuid(USER_ID),
        "time": word("2026-11-23T22:52:15.742917Z", rf"{MOMENT}(Z|\+00:00)"),
        "sequence": word("42", r"\d+"),
        "data": {"user_id": uuid(USER_ID), **data},
    }
    described = pact.upon_receiving(type, "Async").given("an event", {"type": type})
    described.with_body(event, "application/json")
    copies = Copies()
    pact.verify(copies.take, "Async")
    return copies


@EVENTS.relies_on
def a_session_that_ended_is_forgotten(pact: Pact) -> None:
    copies = _told(pact, "session.revoked", session_id=uuid(SESSION_ID), reason=text("logout"))
    assert set() == copies.sessions


@EVENTS.relies_on
def who_is_new_is_known(pact: Pact) -> None:
    assert {USER_ID} == _told(pact, "user.created").people


@EVENTS.relies_on
def who_was_disabled_is_shut_out(pact: Pact) -> None:
    assert set() == _told(pact, "user.disabled", actor_id=uuid()).people


@EVENTS.relies_on
def who_was_deleted_is_shut_out(pact: Pact) -> None:
    assert set() == _told(pact, "user.deleted").people


@EVENTS.relies_on
def the_copy_of_who_was_erased_is_erased(pact: Pact) -> None:
    assert set() == _told(pact, "user.erased").people


@EVENTS.relies_on
def a_changed_profile_is_read_anew(pact: Pact) -> None:
    changed = _told(pact, "user.updated", fields=match.each_like("display_name", min=1))
    assert {USER_ID} == changed.stale


@EVENTS.relies_on
def an_assigned_role_is_read_anew(pact: Pact) -> None:
    assert {USER_ID} == _told(pact, "role.assigned", role=text("admin")).stale


@EVENTS.relies_on
def a_revoked_role_is_read_anew(pact: Pact) -> None:
    assert {USER_ID} == _told(pact, "role.revoked", role=text("admin")).stale


@EVENTS.relies_on
def who_left_an_organization_is_no_member(pact: Pact) -> None:
    left = _told(pact, "membership.removed", organization_id=uuid(ORGANIZATION_ID))
    assert set() == left.members
