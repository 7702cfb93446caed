"""Decisions in words, for people who want to know why."""

from auth_core.access.decision import Decision, Reason
from auth_core.access.model import Resource
from auth_core.access.scope import RoleScope

_WHERE = {
    RoleScope.PLATFORM: "on the platform",
    RoleScope.ORGANIZATION: "in the organization",
    RoleScope.TEAM: "in the team",
}

_OTHERWISE = {
    Reason.UNKNOWN_SUBJECT: "There is no such person, or their account is not active.",
    Reason.UNKNOWN_PERMISSION: "This deployment has no such permission.",
}


def explain(decision: Decision, action: str, resource: Resource) -> str:
    """One sentence. It names no other person and no organization of others."""
    if decision.reason is Reason.ROLE and decision.scope is not None:
        return f"The role {decision.role} {_WHERE[decision.scope]} permits {action}."
    if decision.reason is Reason.OWNER:
        return f"It is the subject's own, which permits {action}."
    if decision.reason is Reason.MISSING_PERMISSION:
        return f"No role of the subject permits {action} {_level(resource)}."
    if decision.reason is Reason.IMPERSONATION:
        return f"{action} is not possible while somebody acts in the subject's name."
    return _OTHERWISE.get(decision.reason, "For the subject there is no such object.")


def _level(resource: Resource) -> str:
    if resource.organization_id is None:
        return _WHERE[RoleScope.PLATFORM]
    if resource.team_id is None:
        return _WHERE[RoleScope.ORGANIZATION]
    return _WHERE[RoleScope.TEAM]
