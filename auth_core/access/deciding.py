"""The one decision. Pure: no clock, no storage; everything it depends on is in its arguments."""

from auth_core.access.decision import (
    IMPERSONATION,
    MISSING_PERMISSION,
    NOT_A_MEMBER,
    NOT_YOURS,
    OWNER,
    Decision,
)
from auth_core.access.model import EVERYDAY, Context, Resource, Subject
from auth_core.access.permission import (
    ADMINISTRATIVE,
    DELETE,
    READ,
    WRITE,
    action_of,
    resource_of,
)
from auth_core.kernel import OrganizationId, TeamId

_OF_OWNERS = frozenset({READ, WRITE, DELETE})


def decide(
    subject: Subject, action: str, resource: Resource, context: Context = EVERYDAY
) -> Decision:
    """Whether ``subject`` may do ``action``, a permission such as ``cases:read``, to ``resource``.

    What no role permits is denied. In turn: platform roles that reach there; the role in the
    object's organization; the role in its team; ownership. An object of an organization in which
    the subject is nobody is denied as one that does not exist.
    """
    decision = _decide(subject, action, resource)
    if context.impersonated and decision.allowed and _needs_the_person(action):
        return IMPERSONATION
    return decision


def effective(
    subject: Subject, organization_id: OrganizationId | None = None, context: Context = EVERYDAY
) -> frozenset[str]:
    """All that `decide` allows the subject by their roles, on the platform or in an organization.

    What they may do in a team, or because something is their own, is more.
    """
    held = subject.held_in(organization_id)
    if not context.impersonated:
        return held
    return frozenset(action for action in held if not _needs_the_person(action))


def _decide(subject: Subject, action: str, resource: Resource) -> Decision:
    organization_id = resource.organization_id
    granted = _granted(subject, action, organization_id, resource.team_id)
    if granted is not None:
        return granted
    if organization_id is None:
        return _personal(subject, action, resource)
    if organization_id not in subject.organizations:
        return MISSING_PERMISSION if subject.reaches_everywhere else NOT_A_MEMBER
    if resource.owner_id == subject.user_id and _may_own(subject, action, resource):
        return OWNER
    return MISSING_PERMISSION


def _granted(
    subject: Subject,
    action: str,
    organization_id: OrganizationId | None,
    team_id: TeamId | None,
) -> Decision | None:
    """What a role says to it, or None. The same roles in the same order as `Subject.held_in`."""
    if organization_id is None:
        for role in subject.platform:
            if action in role.permissions:
                return role.granting
        return None
    for role in subject.platform:
        if action in role.beneath:
            return role.granting
    standing = subject.organizations.get(organization_id)
    if standing is None:
        return None
    own, team = standing.role, None if team_id is None else standing.teams.get(team_id)
    if action in (own.permissions if team_id is None else own.beneath):
        return own.granting
    return team.granting if team is not None and action in team.permissions else None


def _personal(subject: Subject, action: str, resource: Resource) -> Decision:
    """What belongs to no organization belongs to a person, or to the platform."""
    if resource.team_id is not None:  # a team without its organization is nobody's
        return NOT_A_MEMBER
    if resource.owner_id is None or resource_of(action) in ADMINISTRATIVE:
        return MISSING_PERMISSION
    if resource.owner_id != subject.user_id:
        return NOT_YOURS
    return OWNER if action_of(action) in _OF_OWNERS else MISSING_PERMISSION


def _may_own(subject: Subject, action: str, resource: Resource) -> bool:
    """In an organization, what one made oneself one may also delete, if one may write there."""
    kind = resource_of(action)
    if kind in ADMINISTRATIVE or action_of(action) not in _OF_OWNERS:
        return False
    write = f"{kind}:{WRITE}"
    return _granted(subject, write, resource.organization_id, resource.team_id) is not None


def _needs_the_person(action: str) -> bool:
    """Nobody changes who may do what in another person's name (SEC-70)."""
    return action_of(action) != READ and resource_of(action) in ADMINISTRATIVE
