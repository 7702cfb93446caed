"""What holds for every subject, action and object."""

from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auth_core.access import (
    EVERYDAY,
    Context,
    Reason,
    Resource,
    Role,
    RoleScope,
    Standing,
    Subject,
    decide,
    explain,
)
from auth_core.kernel import OrganizationId, TeamId, UserId
from tests.unit.auth_core.access.people import BOOK

PERMISSIONS = sorted(BOOK.registry.all)
USERS = [UserId(UUID(int=number)) for number in range(1, 4)]
ORGANIZATIONS = [OrganizationId(UUID(int=number)) for number in range(11, 14)]
TEAMS = [TeamId(UUID(int=number)) for number in range(21, 24)]


def roles(scope: RoleScope) -> st.SearchStrategy[Role]:
    """Built-in ones and any other."""
    custom = st.builds(
        Role,
        name=st.just("custom"),
        scope=st.just(scope),
        permissions=st.frozensets(st.sampled_from(PERMISSIONS)),
    )
    return st.one_of(st.sampled_from(BOOK.of(scope)), custom)


standings = st.builds(
    Standing,
    roles(RoleScope.ORGANIZATION),
    st.dictionaries(st.sampled_from(TEAMS), roles(RoleScope.TEAM), max_size=2),
)
subjects = st.builds(
    Subject,
    user_id=st.sampled_from(USERS),
    platform=st.lists(roles(RoleScope.PLATFORM), max_size=2).map(tuple),
    organizations=st.dictionaries(st.sampled_from(ORGANIZATIONS), standings, max_size=3),
)
resources = st.builds(
    Resource,
    type=st.sampled_from(["cases", "users", "teams"]),
    organization_id=st.none() | st.sampled_from(ORGANIZATIONS),
    team_id=st.none() | st.sampled_from(TEAMS),
    owner_id=st.none() | st.sampled_from(USERS),
)
actions = st.sampled_from(PERMISSIONS)
contexts = st.sampled_from([EVERYDAY, Context(impersonated=True)])


def with_more(subject: Subject, more: Subject) -> Subject:
    """The roles of both on the platform, and what ``more`` is where ``subject`` is nobody."""
    return Subject(
        user_id=subject.user_id,
        platform=subject.platform + more.platform,
        organizations={**more.organizations, **subject.organizations},
    )


@given(subjects, subjects, actions, resources, contexts)
def test_more_roles_never_permit_less(
    subject: Subject, more: Subject, action: str, resource: Resource, context: Context
) -> None:
    before = decide(subject, action, resource, context).allowed
    after = decide(with_more(subject, more), action, resource, context).allowed

    assert after >= before


@pytest.mark.sec("SEC-55")
@given(subjects, actions, resources)
def test_standing_elsewhere_means_nothing_here(
    subject: Subject, action: str, resource: Resource
) -> None:
    here = resource.organization_id
    elsewhere = Subject(
        user_id=subject.user_id,
        platform=subject.platform,
        organizations={each: s for each, s in subject.organizations.items() if each != here},
    )
    nowhere = Subject(user_id=subject.user_id, platform=subject.platform)

    assert decide(elsewhere, action, resource) == decide(nowhere, action, resource)


@pytest.mark.sec("SEC-55")
@given(subjects, actions, resources, contexts)
def test_whoever_is_nobody_there_finds_nothing(
    subject: Subject, action: str, resource: Resource, context: Context
) -> None:
    assume(resource.organization_id is not None)
    assume(resource.organization_id not in subject.organizations)
    assume(not subject.reaches_everywhere)
    decision = decide(subject, action, resource, context)

    assert (decision.allowed, decision.conceals) == (False, True)


@given(subjects, actions, resources)
def test_a_decision_agrees_with_what_is_held(
    subject: Subject, action: str, resource: Resource
) -> None:
    assume(resource.organization_id is not None or resource.team_id is None)
    held = subject.held_in(resource.organization_id, resource.team_id)
    decision = decide(subject, action, resource)

    assert (decision.reason is Reason.ROLE) == (action in held)


@given(subjects, actions, resources, contexts)
def test_impersonation_never_permits_more(
    subject: Subject, action: str, resource: Resource, context: Context
) -> None:
    assert decide(subject, action, resource, context).allowed <= (
        decide(subject, action, resource).allowed
    )


@given(subjects, st.text(), resources)
def test_what_is_no_permission_is_denied(subject: Subject, action: str, resource: Resource) -> None:
    assume(action not in BOOK.registry)
    decision = decide(subject, action, resource)

    assert not decision.allowed or decision.reason is Reason.OWNER


@given(subjects, actions, resources, contexts)
def test_every_decision_has_words(
    subject: Subject, action: str, resource: Resource, context: Context
) -> None:
    decision = decide(subject, action, resource, context)

    assert explain(decision, action, resource).endswith(".")
