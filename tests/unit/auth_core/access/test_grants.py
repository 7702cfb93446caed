"""From what is stored to a subject."""

from auth_core.access import (
    OrganizationGrant,
    PermissionRegistry,
    RoleBook,
    TeamGrant,
    subject_of,
)
from tests.unit.auth_core.access.people import BOOK, ELSEWHERE, HERE, ME, OTHER_TEAM, TEAM


def held(grant: OrganizationGrant) -> frozenset[str]:
    """What the holder of a grant may do in its organization."""
    return subject_of(BOOK, ME, (), (grant,)).held_in(grant.organization_id)


def test_roles_of_all_levels_are_found() -> None:
    grant = OrganizationGrant(organization_id=HERE, role="member", teams=(TeamGrant(TEAM, "lead"),))

    subject = subject_of(BOOK, ME, ("user", "admin"), (grant,))

    assert ["user", "admin"] == [role.name for role in subject.platform]
    assert "member" == subject.organizations[HERE].role.name
    assert "teams:manage" in subject.held_in(HERE, TEAM)
    assert frozenset() == subject.held_in(ELSEWHERE)


def test_a_role_that_nobody_knows_permits_nothing_and_is_a_standing() -> None:
    grant = OrganizationGrant(organization_id=HERE, role="chief", teams=(TeamGrant(TEAM, "chief"),))

    subject = subject_of(BOOK, ME, ("chief",), (grant,))

    assert () == subject.platform
    assert HERE in subject.organizations
    assert frozenset() == subject.held_in(HERE) | subject.held_in(HERE, TEAM)


def test_a_custom_role_permits_what_it_says_as_far_as_it_is_registered() -> None:
    grant = OrganizationGrant(
        organization_id=HERE, role="clerk", permissions=("cases:read", "incidents:close")
    )

    assert {"cases:read"} == held(grant)
    book = RoleBook(PermissionRegistry({"incidents": ["close"]}))
    assert {"cases:read", "incidents:close"} == subject_of(book, ME, (), (grant,)).held_in(HERE)


def test_a_custom_role_in_a_team_permits_what_it_says_there_and_nowhere_else() -> None:
    team = TeamGrant(TEAM, "clerk", ("cases:manage", "teams:manage", "incidents:close"))
    grant = OrganizationGrant(organization_id=HERE, role="viewer", teams=(team,))

    subject = subject_of(BOOK, ME, (), (grant,))

    more = subject.held_in(HERE, TEAM) - subject.held_in(HERE)
    assert {"cases:manage", "teams:manage"} == more
    assert "cases:manage" not in subject.held_in(HERE, OTHER_TEAM)
    assert (HERE, frozenset()) == (
        subject.organizations[HERE].teams[TEAM].organization_id,
        subject.organizations[HERE].teams[TEAM].beneath,
    )


def test_in_a_deleted_organization_only_its_managers_have_something_left() -> None:
    def deleted(role: str) -> OrganizationGrant:
        return OrganizationGrant(organization_id=HERE, role=role, active=False)

    assert {"organization:read", "organization:manage"} == held(deleted("owner"))
    assert HERE not in subject_of(BOOK, ME, (), (deleted("admin"),)).organizations
