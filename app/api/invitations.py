"""Invitations to an organization, and accepting one."""

from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.access import Place, requires
from app.api.organization_answers import (
    AuthAcceptance,
    AuthInvitation,
    AuthInvitations,
    AuthMembership,
    AuthNewInvitation,
)
from app.api.organization_examples import (
    ACCEPTANCE,
    INVITATION,
    INVITATIONS,
    MEMBERSHIP,
    NEW_INVITATION,
)
from app.api.paging import DEFAULT_LIMIT, Cursor, Limit, after, cursor_of, page_of, page_size
from app.api.responses import answer, body, errors
from app.limits import LIMIT_GENERAL, LIMIT_MAIL, LIMIT_READ, LIMIT_SIGN_IN
from app.security import BY_BEARER, OWN_SESSION_ONLY
from auth_core.access import Permission
from auth_core.kernel import Email, InvalidLink, OrganizationId
from auth_core.organizations import (
    AlreadyMember,
    EmailNotVerified,
    InvitationId,
    InvitationNotFound,
    OrganizationNotFound,
    Organizations,
)
from auth_core.tokens import Principal

_ABSENT = {404: OrganizationNotFound(), 409: AlreadyMember()}


class InvitationsController(Controller):
    """Invitations to an organization."""

    path = "/api/v1/organizations/{organization_id:uuid}/invitations"
    tags = ("Organizations",)
    opt = requires(Permission.USERS_MANAGE, of=Place.ORGANIZATION) | LIMIT_GENERAL
    security = BY_BEARER

    @get(
        opt=LIMIT_READ,
        responses={
            200: answer(AuthInvitations, INVITATIONS),
            **errors(400, 401, 403, 404, 422, 503, likely=_ABSENT),
        },
        summary="List invitations",
    )
    async def invitations(
        self,
        organization_id: FromPath[UUID],
        organizations: NamedDependency[Organizations],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthInvitations:
        """List the invitations that can still be accepted, oldest first."""
        found = await organizations.invitations.page(
            OrganizationId(organization_id),
            after=after(cursor, InvitationId),
            limit=page_size(limit),
        )
        items, last = page_of(found, limit)
        return AuthInvitations(
            items=[AuthInvitation.of(each) for each in items],
            next_cursor=cursor_of(None if last is None else last.id),
        )

    @post(
        opt=LIMIT_MAIL,
        operation_class=body(AuthNewInvitation, NEW_INVITATION),
        responses={
            201: answer(AuthInvitation, INVITATION),
            **errors(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503, likely=_ABSENT),
        },
        summary="Invite somebody",
    )
    async def invite(
        self,
        organization_id: FromPath[UUID],
        data: JSONBody[AuthNewInvitation],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> AuthInvitation:
        """Invite somebody by mail. An earlier invitation of the address works no more.

        Nobody invites to a role that he does not hold.
        """
        return AuthInvitation.of(
            await organizations.invitations.invite(
                principal.user.id,
                OrganizationId(organization_id),
                Email.parse(data.email),
                data.role,
            )
        )

    @delete(
        "/{invitation_id:uuid}",
        responses=errors(400, 401, 403, 404, 429, 503, likely={404: InvitationNotFound()}),
        summary="Revoke an invitation",
    )
    async def revoke(
        self,
        organization_id: FromPath[UUID],
        invitation_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> None:
        """Make an invitation void."""
        await organizations.invitations.revoke(
            principal.user.id, OrganizationId(organization_id), InvitationId(invitation_id)
        )


class AcceptanceController(Controller):
    """Accepting an invitation."""

    path = "/api/v1/invitations"
    tags = ("Organizations",)
    security = BY_BEARER

    @post(
        "/accept",
        opt=OWN_SESSION_ONLY | LIMIT_SIGN_IN,
        status_code=200,
        operation_class=body(AuthAcceptance, ACCEPTANCE),
        responses={
            200: answer(AuthMembership, MEMBERSHIP),
            **errors(
                *(400, 401, 403, 408, 409, 413, 415, 422, 429, 503),
                likely={400: InvalidLink(), 403: EmailNotVerified(), 409: AlreadyMember()},
            ),
        },
        summary="Accept an invitation",
    )
    async def accept(
        self,
        data: JSONBody[AuthAcceptance],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> AuthMembership:
        """Join an organization by an invitation for your own, proven e-mail address."""
        return AuthMembership.of(
            await organizations.invitations.accept(principal.user.id, data.token)
        )
