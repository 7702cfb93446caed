"""Built-in roles, registered resources, and who may grant what."""

from collections.abc import Collection

import pytest

from auth_core.access import (
    Permission,
    PermissionRegistry,
    Role,
    RoleBook,
    RoleScope,
    require_may_assign,
    require_may_assign_in_team,
    require_may_define,
)
from auth_core.kernel import InvalidInput, Misconfigured, NotFound, PermissionDenied
from tests.unit.auth_core.access.people import (
    BOOK,
    ELSEWHERE,
    HERE,
    OTHER_TEAM,
    TEAM,
    in_organization,
    on_platform,
    role,
)

OWNER, ADMIN, MEMBER, VIEWER = (
    role(RoleScope.ORGANIZATION, name) for name in ("owner", "admin", "member", "viewer")
)
LEAD, TEAM_MEMBER = role(RoleScope.TEAM, "lead"), role(RoleScope.TEAM, "member")


def test_there_are_nine_built_in_roles() -> None:
    names = {scope: [each.name for each in BOOK.of(scope)] for scope in RoleScope}

    assert names == {
        RoleScope.PLATFORM: ["platform_admin", "admin", "user"],
        RoleScope.ORGANIZATION: ["owner", "admin", "member", "viewer"],
        RoleScope.TEAM: ["lead", "member"],
    }


def test_a_mightier_role_permits_all_that_a_lesser_one_does() -> None:
    for scope in RoleScope:
        mighty, *rest = BOOK.of(scope)
        for lesser in rest:
            assert lesser.permissions < mighty.permissions
            mighty = lesser


def test_what_is_registered_belongs_to_built_in_roles() -> None:
    book = RoleBook(PermissionRegistry({"incidents": ["read", "write", "close"]}))

    def of(scope: RoleScope, name: str) -> set[str]:
        found = book.find(scope, name)
        assert found is not None
        return {each for each in found.permissions if each.startswith("incidents:")}

    every = {"incidents:read", "incidents:write", "incidents:close"}
    assert of(RoleScope.PLATFORM, "platform_admin") == every
    assert of(RoleScope.PLATFORM, "admin") == set()
    assert of(RoleScope.ORGANIZATION, "admin") == every
    assert of(RoleScope.ORGANIZATION, "member") == {"incidents:read", "incidents:write"}
    assert of(RoleScope.ORGANIZATION, "viewer") == {"incidents:read"}
    assert of(RoleScope.TEAM, "lead") == every


@pytest.mark.parametrize(
    ("resource", "actions"),
    [
        ("users", ["impersonate"]),
        ("cases", ["read"]),
        ("Incidents", ["read"]),
        ("incidents", []),
        ("incidents", ["read all"]),
        ("incidents:x", ["read"]),
        ("", ["read"]),
        ("incidents", [f"a{number}" for number in range(33)]),
    ],
)
def test_words_that_are_none_are_not_registered(resource: str, actions: Collection[str]) -> None:
    with pytest.raises(Misconfigured):
        PermissionRegistry({resource: actions})


def test_a_resource_is_registered_once() -> None:
    registry = PermissionRegistry({"incidents": ["read"]})

    with pytest.raises(Misconfigured):
        registry.register("incidents")


def test_unknown_permissions_are_named_by_their_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        BOOK.registry.parse(["cases:read", "cases:fly"])

    assert [problem.field for problem in refused.value.problems] == ["permissions"]


@pytest.mark.sec("SEC-57")
@pytest.mark.parametrize(
    ("standing", "new", "old"),
    [
        ("owner", OWNER, MEMBER),
        ("owner", None, OWNER),
        ("admin", ADMIN, MEMBER),
        ("admin", None, VIEWER),
        ("admin", VIEWER, ADMIN),
    ],
)
def test_whoever_manages_users_assigns_what_he_holds(
    standing: str, new: Role | None, old: Role
) -> None:
    require_may_assign(in_organization(standing), HERE, role=new, instead_of=old)


@pytest.mark.sec("SEC-57")
@pytest.mark.parametrize(
    ("standing", "new", "old"),
    [
        ("admin", OWNER, MEMBER),
        ("admin", OWNER, ADMIN),
        ("admin", MEMBER, OWNER),
        ("admin", None, OWNER),
        ("member", MEMBER, None),
        ("member", ADMIN, MEMBER),
        ("viewer", None, VIEWER),
    ],
)
def test_nobody_assigns_or_takes_what_he_does_not_hold(
    standing: str, new: Role | None, old: Role | None
) -> None:
    with pytest.raises(PermissionDenied):
        require_may_assign(in_organization(standing), HERE, role=new, instead_of=old)


@pytest.mark.sec("SEC-57")
def test_a_custom_role_that_manages_users_gives_no_more_than_it_has() -> None:
    clerk = Role(
        name="clerk",
        scope=RoleScope.ORGANIZATION,
        permissions=frozenset({Permission.USERS_MANAGE.value, Permission.CASES_READ.value}),
        organization_id=HERE,
    )
    subject = in_organization("", custom=clerk)

    require_may_assign(subject, HERE, role=clerk)
    with pytest.raises(PermissionDenied):
        require_may_assign(subject, HERE, role=VIEWER)


@pytest.mark.sec("SEC-57")
def test_elsewhere_nobody_assigns_and_nothing_is_there() -> None:
    with pytest.raises(NotFound):
        require_may_assign(in_organization("owner"), ELSEWHERE, role=VIEWER)
    require_may_assign(on_platform("platform_admin"), ELSEWHERE, role=OWNER)


@pytest.mark.sec("SEC-57")
def test_a_lead_leads_his_team_only() -> None:
    lead = in_organization("member", team="lead")

    require_may_assign_in_team(lead, HERE, TEAM, role=LEAD, instead_of=TEAM_MEMBER)
    with pytest.raises(PermissionDenied):
        require_may_assign_in_team(lead, HERE, OTHER_TEAM, role=TEAM_MEMBER)
    with pytest.raises(PermissionDenied):
        require_may_assign_in_team(
            in_organization("member", team="member"), HERE, TEAM, role=TEAM_MEMBER
        )
    require_may_assign_in_team(in_organization("admin"), HERE, OTHER_TEAM, role=LEAD)


@pytest.mark.sec("SEC-57")
def test_nobody_defines_a_role_that_is_mightier_than_himself() -> None:
    admin = in_organization("admin")
    modest, mighty = frozenset({"cases:read"}), frozenset({"organization:delete"})

    require_may_define(admin, HERE, modest)
    with pytest.raises(PermissionDenied):
        require_may_define(admin, HERE, mighty)
    with pytest.raises(PermissionDenied):
        require_may_define(admin, HERE, modest, instead_of=mighty)
    with pytest.raises(PermissionDenied):
        require_may_define(in_organization("member"), HERE, modest)
    with pytest.raises(NotFound):
        require_may_define(admin, ELSEWHERE, modest)
