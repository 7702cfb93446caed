"""What an access token says about what its bearer may do, for services that ask nobody."""

import msgspec

from auth_core.access import Context, Grants, RoleBook, effective, subject_of
from auth_core.kernel import OrganizationId
from auth_core.sessions import Session
from auth_core.users import User

_encode = msgspec.json.Encoder().encode


class PermissionsClaim:
    """Makes the claim ``permissions``, of at most ``longest`` bytes of JSON."""

    def __init__(self, book: RoleBook, *, longest: int) -> None:
        self._book = book
        self._longest = longest

    def of(
        self,
        user: User,
        session: Session,
        grants: Grants,
        organization_id: OrganizationId | None,
    ) -> tuple[str, ...] | msgspec.UnsetType:
        """What the user may do in the active organization, or without one on the platform.

        In alphabetical order. Unset when it would be too long: half of it would be wrong.
        """
        subject = subject_of(self._book, user.id, user.roles, grants)
        context = Context(impersonated=session.impersonator_id is not None)
        permissions = tuple(sorted(effective(subject, organization_id, context)))
        return permissions if len(_encode(permissions)) <= self._longest else msgspec.UNSET
