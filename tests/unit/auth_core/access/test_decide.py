"""Decisions by hand: every level, every standing, and the words that explain them."""

import pytest

from auth_core.access import (
    Context,
    Permission,
    Reason,
    Resource,
    RoleScope,
    Subject,
    decide,
    explain,
)
from auth_core.kernel import NotFound, PermissionDenied
from tests.unit.auth_core.access.people import (
    ELSEWHERE,
    HERE,
    ME,
    OTHER_TEAM,
    SOMEBODY,
    TEAM,
    in_organization,
    on_platform,
)

CASE_HERE = Resource(type="cases", organization_id=HERE)
CASE_ELSEWHERE = Resource(type="cases", organization_id=ELSEWHERE)
CASE_IN_TEAM = Resource(type="cases", organization_id=HERE, team_id=TEAM)
CASE_IN_OTHER_TEAM = Resource(type="cases", organization_id=HERE, team_id=OTHER_TEAM)
NOBODY = Subject(user_id=ME)

ALLOWED = [
    (on_platform("platform_admin"), "cases:delete", CASE_ELSEWHERE),
    (on_platform("platform_admin"), "organization:manage", Resource(type="organization")),
    (on_platform("admin"), "users:delete", Resource(type="users")),
    (on_platform("user", "admin"), "roles:manage", Resource(type="roles")),
    (in_organization("owner"), "organization:delete", CASE_HERE),
    (in_organization("owner"), "cases:manage", CASE_IN_TEAM),
    (in_organization("admin"), "users:manage", CASE_HERE),
    (in_organization("admin"), "teams:delete", CASE_IN_OTHER_TEAM),
    (in_organization("member"), "cases:write", CASE_HERE),
    (in_organization("member"), "teams:read", CASE_IN_OTHER_TEAM),
    (in_organization("viewer"), "knowledge_base:read", CASE_HERE),
    (in_organization("viewer", team="member"), "cases:write", CASE_IN_TEAM),
    (in_organization("viewer", team="lead"), "teams:manage", CASE_IN_TEAM),
]
DENIED = [
    (NOBODY, "cases:read", Resource(type="cases")),
    (on_platform("user"), "users:read", Resource(type="users")),
    (on_platform("admin"), "organization:manage", Resource(type="organization")),
    (on_platform("platform_admin"), "cases:invented", CASE_HERE),
    (in_organization("admin"), "organization:delete", CASE_HERE),
    (in_organization("member"), "cases:delete", CASE_HERE),
    (in_organization("member"), "users:manage", CASE_HERE),
    (in_organization("member"), "cases:read", CASE_IN_TEAM),
    (in_organization("viewer"), "cases:write", CASE_HERE),
    (in_organization("viewer", team="lead"), "cases:write", CASE_HERE),
    (in_organization("viewer", team="lead"), "cases:read", CASE_IN_OTHER_TEAM),
    (in_organization("viewer", team="lead"), "teams:delete", CASE_IN_TEAM),
]
CONCEALED = [
    (NOBODY, "cases:read", CASE_HERE),
    (on_platform("user"), "organization:read", CASE_HERE),
    (on_platform("admin"), "users:read", CASE_HERE),
    (in_organization("owner"), "cases:read", CASE_ELSEWHERE),
    (in_organization("owner", team="lead"), "cases:read", Resource(type="cases", team_id=TEAM)),
    (on_platform("user"), "cases:read", Resource(type="cases", owner_id=SOMEBODY)),
]


@pytest.mark.parametrize(("subject", "action", "resource"), ALLOWED)
def test_what_a_role_permits_is_allowed(subject: Subject, action: str, resource: Resource) -> None:
    decision = decide(subject, action, resource)

    assert (decision.allowed, decision.reason) == (True, Reason.ROLE)
    decision.enforce()


@pytest.mark.parametrize(("subject", "action", "resource"), DENIED)
def test_what_no_role_permits_is_denied(subject: Subject, action: str, resource: Resource) -> None:
    decision = decide(subject, action, resource)

    assert (decision.allowed, decision.reason) == (False, Reason.MISSING_PERMISSION)
    with pytest.raises(PermissionDenied):
        decision.enforce()


@pytest.mark.sec("SEC-55")
@pytest.mark.parametrize(("subject", "action", "resource"), CONCEALED)
def test_what_is_elsewhere_does_not_exist(
    subject: Subject, action: str, resource: Resource
) -> None:
    decision = decide(subject, action, resource)

    assert not decision.allowed
    with pytest.raises(NotFound):
        decision.enforce()


def test_a_decision_names_the_role_and_its_level() -> None:
    decision = decide(in_organization("viewer", team="member"), "cases:write", CASE_IN_TEAM)

    assert (decision.scope, decision.role) == (RoleScope.TEAM, "member")


@pytest.mark.parametrize("action", ["cases:read", "cases:write", "cases:delete"])
def test_personal_things_are_their_owners(action: str) -> None:
    mine = Resource(type="cases", owner_id=ME)

    assert decide(NOBODY, action, mine).reason is Reason.OWNER


@pytest.mark.parametrize(
    ("standing", "action", "reason"),
    [
        ("member", "cases:delete", Reason.OWNER),
        ("member", "cases:manage", Reason.MISSING_PERMISSION),
        ("viewer", "cases:delete", Reason.MISSING_PERMISSION),
        ("viewer", "cases:write", Reason.MISSING_PERMISSION),
    ],
)
def test_in_an_organization_whoever_may_write_deletes_what_is_theirs(
    standing: str, action: str, reason: Reason
) -> None:
    mine = Resource(type="cases", organization_id=HERE, owner_id=ME)

    assert decide(in_organization(standing), action, mine).reason is reason


@pytest.mark.parametrize("permission", [Permission.USERS_WRITE, Permission.AUDIT_DELETE])
def test_nobody_administrates_what_is_theirs(permission: Permission) -> None:
    assert not decide(NOBODY, permission, Resource(type="users", owner_id=ME)).allowed


@pytest.mark.sec("SEC-70")
@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("users:read", Reason.ROLE),
        ("users:manage", Reason.IMPERSONATION),
        ("cases:delete", Reason.ROLE),
    ],
)
def test_nobody_changes_who_may_do_what_in_another_name(action: str, reason: Reason) -> None:
    decision = decide(in_organization("owner"), action, CASE_HERE, Context(impersonated=True))

    assert decision.reason is reason


@pytest.mark.parametrize(
    ("subject", "action", "resource", "words"),
    [
        (
            in_organization("owner"),
            "cases:read",
            CASE_HERE,
            "The role owner in the organization permits cases:read.",
        ),
        (
            on_platform("platform_admin"),
            "cases:read",
            CASE_HERE,
            "The role platform_admin on the platform permits cases:read.",
        ),
        (NOBODY, "cases:read", CASE_HERE, "For the subject there is no such object."),
        (
            NOBODY,
            "cases:read",
            Resource(type="cases", owner_id=ME),
            "It is the subject's own, which permits cases:read.",
        ),
        (
            in_organization("member"),
            "cases:read",
            CASE_IN_TEAM,
            "No role of the subject permits cases:read in the team.",
        ),
        (
            on_platform("user"),
            "users:read",
            Resource(type="users"),
            "No role of the subject permits users:read on the platform.",
        ),
        (
            in_organization("member"),
            "users:manage",
            CASE_HERE,
            "No role of the subject permits users:manage in the organization.",
        ),
    ],
)
def test_a_decision_can_be_explained(
    subject: Subject, action: str, resource: Resource, words: str
) -> None:
    assert explain(decide(subject, action, resource), action, resource) == words


def test_an_impersonation_is_explained() -> None:
    decision = decide(
        in_organization("owner"), "users:manage", CASE_HERE, Context(impersonated=True)
    )

    assert "acts in the subject's name" in explain(decision, "users:manage", CASE_HERE)
