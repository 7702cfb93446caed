"""The roles of the whole platform, each of which includes the ones below it."""

from collections.abc import Iterable

from auth_core.kernel import FieldProblem, InvalidInput, PermissionDenied
from auth_core.users.model import User

PLATFORM_ROLES = ("user", "admin", "platform_admin")
"""In rising order. Whoever holds one may grant it and those before it (SEC-57)."""


def parse_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """Known roles, each once, in rising order, at least one; raises InvalidInput."""
    wanted = set(roles)
    if not wanted or not wanted <= set(PLATFORM_ROLES):
        message = f"one or more of {', '.join(PLATFORM_ROLES)}"
        raise InvalidInput(FieldProblem(field="roles", type="unknown", message=message))
    return tuple(role for role in PLATFORM_ROLES if role in wanted)


def require_rank_over(actor: User | None, user: User) -> None:
    """An ``admin`` does not touch a ``platform_admin``; ``actor`` None is the operator, who may.

    Raises PermissionDenied.
    """
    if actor is None:
        return
    if not actor.is_admin or ("platform_admin" in user.roles and _rank(actor) < _highest()):
        raise PermissionDenied


def require_may_grant(actor: User | None, roles: Iterable[str]) -> None:
    """Administrators grant roles, none above their own. Raises PermissionDenied."""
    if actor is None:
        return
    if not actor.is_admin:
        raise PermissionDenied
    if any(_RANK.get(role, len(_RANK)) > _rank(actor) for role in roles):
        message = "You can only grant roles that you hold."
        raise PermissionDenied(message)


_RANK = {role: rank for rank, role in enumerate(PLATFORM_ROLES)}


def _rank(user: User) -> int:
    return max((_RANK[role] for role in user.roles if role in _RANK), default=-1)


def _highest() -> int:
    return len(PLATFORM_ROLES) - 1
