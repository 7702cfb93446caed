"""Who a token says its bearer is, for decisions without asking anybody."""

from uuid import UUID

import msgspec

from auth_core.access import Role, RoleScope, Standing, Subject
from auth_core.kernel import OrganizationId, UserId
from auth_core.tokens.claims import AccessClaims

_NAME = "token"


def subject_of_claims(claims: AccessClaims) -> Subject | None:
    """The bearer with what the claim ``permissions`` says; None for a token without that claim.

    It is as old as the token, and of one place: the organization of ``organization_id``, or the
    platform when there is none. Of a team it says what reaches into every team there. Everywhere
    else the bearer may nothing.
    """
    if claims.permissions is msgspec.UNSET:
        return None
    user_id, permissions = UserId(claims.sub), frozenset(claims.permissions)
    if claims.organization_id is None:
        role = Role(name=_NAME, scope=RoleScope.PLATFORM, permissions=permissions)
        return Subject(user_id=user_id, platform=(role,))
    place = OrganizationId(UUID(claims.organization_id))
    role = Role(
        name=_NAME,
        scope=RoleScope.ORGANIZATION,
        permissions=permissions,
        organization_id=place,
    )
    return Subject(user_id=user_id, organizations={place: Standing(role)})
