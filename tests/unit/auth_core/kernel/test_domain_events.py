"""Events: a wire name each, and people by id only."""

from uuid import UUID

import msgspec
import pytest

from auth_core.credentials import CredentialStuffingSuspected
from auth_core.kernel import DomainEvent, EventId, UserId
from auth_core.keys import KeyRotated, KeyUse, RotationCause
from auth_core.organizations.events import (
    InvitationAccepted,
    InvitationCreated,
    InvitationRevoked,
    MembershipAdded,
    MembershipRemoved,
    MembershipRoleChanged,
    OrganizationCreated,
    OrganizationDeleted,
    OrganizationDomainClaimed,
    OrganizationDomainRemoved,
    OrganizationDomainVerified,
    OrganizationRemoved,
    OrganizationRestored,
    OrganizationUpdated,
    TeamCreated,
    TeamDeleted,
    TeamMemberAdded,
    TeamMemberRemoved,
    TeamRoleChanged,
    TeamUpdated,
)
from auth_core.roles.events import RoleCreated, RoleDeleted, RoleUpdated
from auth_core.sessions import (
    EndReason,
    ReuseCause,
    SessionCreated,
    SessionReuseDetected,
    SessionRevoked,
)
from auth_core.testing import DeterministicIds, ManualClock, SeededEntropy
from auth_core.users import (
    RoleAssigned,
    RoleRevoked,
    UserCreated,
    UserDeleted,
    UserDisabled,
    UserErased,
    UserLoggedIn,
    UserPasswordChanged,
    UserPasswordDisabled,
    UserPasswordUnlocked,
    UserSignInFailed,
    UserUpdated,
)
from auth_core.webhooks import DisabledReason, EndpointId, WebhookDisabled
from auth_core.webhooks.events import WebhookTest

CLOCK = ManualClock()
IDS = DeterministicIds(CLOCK, SeededEntropy())
SUBJECT = {"id": EventId(IDS.uuid()), "occurred_at": CLOCK.now(), "user_id": UserId(IDS.uuid())}
SESSION = IDS.uuid()

ROLE, TEAM, INVITATION = IDS.uuid(), {"team_id": IDS.uuid()}, {"invitation_id": IDS.uuid()}
DOMAIN = {"domain_id": IDS.uuid()}

EVENTS = [
    (RoleCreated(**SUBJECT, role_id=ROLE), "role.created"),
    (RoleUpdated(**SUBJECT, role_id=ROLE), "role.updated"),
    (RoleDeleted(**SUBJECT, role_id=ROLE), "role.deleted"),
    (OrganizationCreated(**SUBJECT), "organization.created"),
    (OrganizationUpdated(**SUBJECT, fields=("name",)), "organization.updated"),
    (OrganizationDeleted(**SUBJECT), "organization.deleted"),
    (OrganizationRestored(**SUBJECT), "organization.restored"),
    (OrganizationRemoved(**SUBJECT), "organization.removed"),
    (MembershipAdded(**SUBJECT, role="member"), "membership.added"),
    (MembershipRemoved(**SUBJECT), "membership.removed"),
    (
        MembershipRoleChanged(**SUBJECT, role="admin", previous_role="member"),
        "membership.role_changed",
    ),
    (TeamCreated(**SUBJECT, **TEAM), "team.created"),
    (TeamUpdated(**SUBJECT, **TEAM), "team.updated"),
    (TeamDeleted(**SUBJECT, **TEAM), "team.deleted"),
    (TeamMemberAdded(**SUBJECT, **TEAM, role="lead"), "team.member_added"),
    (TeamMemberRemoved(**SUBJECT, **TEAM), "team.member_removed"),
    (
        TeamRoleChanged(**SUBJECT, **TEAM, role="lead", previous_role="member"),
        "team.role_changed",
    ),
    (InvitationCreated(**SUBJECT, **INVITATION, role="member"), "invitation.created"),
    (InvitationRevoked(**SUBJECT, **INVITATION), "invitation.revoked"),
    (InvitationAccepted(**SUBJECT, **INVITATION), "invitation.accepted"),
    (UserCreated(**SUBJECT), "user.created"),
    (UserUpdated(**SUBJECT, fields=("display_name",)), "user.updated"),
    (UserDisabled(**SUBJECT), "user.disabled"),
    (UserDeleted(**SUBJECT), "user.deleted"),
    (UserErased(**SUBJECT), "user.erased"),
    (RoleAssigned(**SUBJECT, role="admin"), "role.assigned"),
    (RoleRevoked(**SUBJECT, role="admin"), "role.revoked"),
    (UserPasswordChanged(**SUBJECT), "user.password_changed"),
    (UserSignInFailed(**SUBJECT, consecutive_failures=3), "user.sign_in_failed"),
    (UserPasswordDisabled(**SUBJECT), "user.password_disabled"),
    (UserPasswordUnlocked(**SUBJECT), "user.password_unlocked"),
    (OrganizationDomainClaimed(**SUBJECT, **DOMAIN), "organization.domain_claimed"),
    (OrganizationDomainVerified(**SUBJECT, **DOMAIN), "organization.domain_verified"),
    (OrganizationDomainRemoved(**SUBJECT, **DOMAIN), "organization.domain_removed"),
    (UserLoggedIn(**SUBJECT, session_id=SESSION), "user.logged_in"),
    (SessionCreated(**SUBJECT, session_id=SESSION), "session.created"),
    (SessionRevoked(**SUBJECT, session_id=SESSION, reason=EndReason.LOGOUT), "session.revoked"),
    (
        SessionReuseDetected(**SUBJECT, session_id=SESSION, cause=ReuseCause.SUPERSEDED_TOKEN),
        "session.reuse_detected",
    ),
    (
        KeyRotated(
            **SUBJECT | {"user_id": None},
            use=KeyUse.ACCESS,
            kid="new",
            algorithm="RS256",
            previous_kid="old",
            cause=RotationCause.PLANNED,
        ),
        "key.rotated",
    ),
    (
        CredentialStuffingSuspected(
            **SUBJECT | {"user_id": None}, source="192.0.2.0/24", accounts=20, window=600
        ),
        "security.credential_stuffing_suspected",
    ),
    (
        WebhookDisabled(
            **SUBJECT | {"user_id": None},
            endpoint_id=EndpointId(UUID(int=7)),
            reason=DisabledReason.GONE,
        ),
        "webhook.disabled",
    ),
    (
        WebhookTest(**SUBJECT | {"user_id": None}, endpoint_id=EndpointId(UUID(int=7))),
        "webhook.test",
    ),
]


@pytest.mark.parametrize(("event", "name"), EVENTS)
def test_an_event_says_its_wire_name(event, name):
    assert name == event.type
    assert name == msgspec.to_builtins(event)["type"]


@pytest.mark.parametrize(("event", "name"), EVENTS)
def test_an_event_survives_encoding(event, name):
    assert event == msgspec.json.decode(msgspec.json.encode(event), type=type(event))


@pytest.mark.sec("SEC-71")
def test_events_hold_no_personal_data():
    fields = {field for event, _ in EVENTS for field in event.__struct_fields__}

    assert {
        "id",
        "occurred_at",
        "user_id",
        "organization_id",
        "actor_id",
        "role",
        "fields",
        "session_id",
        "reason",
        "cause",
        *("use", "kid", "algorithm", "previous_kid"),
        "consecutive_failures",
        *("source", "accounts", "window"),
        "endpoint_id",
        *("previous_role", "team_id", "invitation_id", "role_id", "domain_id"),
        "traceparent",  # hexadecimal digits of a tracing system, checked when they come in
    } == fields


def test_every_event_of_the_core_is_tested_here():
    kinds = {kind for kind in DomainEvent.__subclasses__() if kind.__module__[:5] == "auth_"}

    assert {type(event) for event, _ in EVENTS} == kinds
