"""POST /switch-organization: choosing the organization that a session acts in."""

from uuid import UUID

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse

from app.access import OWN_ACCOUNT
from app.api.answers import AuthTokens, json_answer
from app.api.examples import TOKENS
from app.api.organization_examples import SWITCH
from app.api.responses import answer, body, errors
from app.limits import LIMIT_GENERAL
from app.security import BY_BEARER
from auth_core.kernel import OrganizationId
from auth_core.organizations import OrganizationNotFound
from auth_core.tokens import OrganizationSwitch, Principal

_NOT_THERE = {404: OrganizationNotFound()}


class AuthOrganizationSwitch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The organization to act in; null: in none."""

    organization_id: UUID | None


class OrganizationSwitchController(Controller):
    """Where a session acts."""

    path = "/api/v1/auth/switch-organization"
    tags = ("Sessions",)
    opt = OWN_ACCOUNT | LIMIT_GENERAL
    security = BY_BEARER

    @post(
        status_code=200,
        operation_class=body(AuthOrganizationSwitch, SWITCH),
        responses={
            200: answer(AuthTokens, TOKENS),
            **errors(400, 401, 404, 408, 413, 415, 422, 429, 503, likely=_NOT_THERE),
        },
        summary="Switch the organization",
    )
    async def switch(
        self,
        data: JSONBody[AuthOrganizationSwitch],
        principal: NamedDependency[Principal],
        organization_switch: NamedDependency[OrganizationSwitch],
    ) -> ASGIResponse:
        """Choose which of your organizations this session acts in, or none.

        The answer has new tokens of the same session; use them from now on. Your next session
        begins there, too. An organization that you do not belong to is not there.
        """
        wanted = data.organization_id
        switched = await organization_switch.switch(
            principal, None if wanted is None else OrganizationId(wanted)
        )
        return json_answer(AuthTokens.of(switched))
