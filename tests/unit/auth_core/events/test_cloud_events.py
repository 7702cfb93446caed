"""Events as others get them: CloudEvents 1.0.2 in the JSON format."""

import json

import pytest

from auth_core.events import CloudEvent, EventSource, RecordedEvent
from auth_core.kernel import EventId, OrganizationId, UserId, acting, tracing
from auth_core.keys import KeyRotated, KeyUse, RotationCause
from auth_core.testing import DeterministicIds, ManualClock, SeededEntropy
from auth_core.users import RoleAssigned

CLOCK = ManualClock()
IDS = DeterministicIds(CLOCK, SeededEntropy())
SOURCE = EventSource(uri="https://auth.example.com", schemas="https://sso.example.com/schemas")


def told(event, sequence=7):
    return SOURCE.told(RecordedEvent.of(event, sequence))


def test_an_event_is_told_in_the_json_format_of_cloudevents():
    user_id, actor_id, organization_id = (IDS.uuid() for _ in range(3))
    with acting(UserId(actor_id)):
        event = RoleAssigned(
            id=EventId(IDS.uuid()),
            occurred_at=CLOCK.now(),
            user_id=UserId(user_id),
            organization_id=OrganizationId(organization_id),
            role="admin",
        )

    assert {
        "specversion": "1.0",
        "id": str(event.id),
        "source": "https://auth.example.com",
        "type": "role.assigned",
        "subject": str(user_id),
        "time": CLOCK.now().isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": "https://sso.example.com/schemas/role.assigned",
        "data": {
            "user_id": str(user_id),
            "organization_id": str(organization_id),
            "actor_id": str(actor_id),
            "role": "admin",
        },
        "organizationid": str(organization_id),
        "actorid": str(actor_id),
        "sequence": "0000000000000000007",
    } == json.loads(told(event).encoded())


def test_an_event_links_to_the_trace_of_the_request_that_it_came_from():
    """By the extension attribute of CloudEvents, not in the data."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with tracing(trace):
        event = RoleAssigned(
            id=EventId(IDS.uuid()), occurred_at=CLOCK.now(), user_id=UserId(IDS.uuid()), role="user"
        )

    cloud_event = json.loads(told(event).encoded())

    assert trace == cloud_event["traceparent"]
    assert "traceparent" not in cloud_event["data"]


def test_extension_attributes_that_have_no_value_are_left_out():
    event = RoleAssigned(
        id=EventId(IDS.uuid()), occurred_at=CLOCK.now(), user_id=UserId(IDS.uuid()), role="user"
    )

    assert (
        not {"organizationid", "actorid", "traceparent"} & json.loads(told(event).encoded()).keys()
    )


def test_the_subject_is_the_user_else_the_organization_else_the_deployment():
    at = {"id": EventId(IDS.uuid()), "occurred_at": CLOCK.now()}
    rotated = KeyRotated(
        **at, use=KeyUse.ACCESS, kid="b", algorithm="ES256", previous_kid="a",
        cause=RotationCause.PLANNED,
    )  # fmt: skip
    organization_id = OrganizationId(IDS.uuid())
    of_organization = RoleAssigned(
        **at, user_id=None, organization_id=organization_id, role="owner"
    )

    assert "deployment" == told(rotated).subject
    assert str(organization_id) == told(of_organization).subject


def test_sequences_sort_as_text_like_numbers():
    recorded = RecordedEvent(
        sequence=9, id=EventId(IDS.uuid()), type="x.y", occurred_at=CLOCK.now(), payload={}
    )
    later = RecordedEvent(
        sequence=10, id=EventId(IDS.uuid()), type="x.y", occurred_at=CLOCK.now(), payload={}
    )

    assert SOURCE.told(recorded).sequence < SOURCE.told(later).sequence


def test_an_event_of_a_newer_version_is_told_as_it_is():
    event = RecordedEvent(
        sequence=1,
        id=EventId(IDS.uuid()),
        type="moon.landed",
        occurred_at=CLOCK.now(),
        payload={"type": "moon.landed", "crater": 3},
    )

    assert ("moon.landed", {"crater": 3}) == (SOURCE.told(event).type, SOURCE.told(event).data)


@pytest.mark.parametrize("sequence", [1, 2**63 - 1])
def test_an_event_survives_encoding(sequence):
    import msgspec

    event = told(
        RoleAssigned(
            id=EventId(IDS.uuid()), occurred_at=CLOCK.now(), user_id=UserId(IDS.uuid()), role="user"
        ),
        sequence,
    )

    assert event == msgspec.json.decode(event.encoded(), type=CloudEvent)
