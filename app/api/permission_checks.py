"""Who may do what: POST /api/v1/permissions/check, and what one may oneself."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody
from litestar.response.base import ASGIResponse

from app.access import OWN_ACCOUNT
from app.api.answers import json_answer
from app.api.examples import EFFECTIVE, PERMISSION_CHECK, PERMISSION_DECISION
from app.api.responses import answer, body, errors
from app.limits import LIMIT_READ
from app.security import BY_BEARER, BY_BEARER_OR_CLIENT, PEOPLE_OR_CLIENTS
from auth_core.access import Decision, Resource, Subject, explain
from auth_core.kernel import (
    FieldProblem,
    InvalidInput,
    NotFound,
    OrganizationId,
    PermissionDenied,
    TeamId,
    UserId,
)
from auth_core.roles import CHECKS_MAX, Asker, PermissionChecks, Question
from auth_core.tokens import Principal

_Word = Annotated[str, msgspec.Meta(max_length=100, examples=["cases:read"])]
_Text = Annotated[str, msgspec.Meta(max_length=255)]


class AuthCheckedResource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object, as the service that has it says. A team comes with its organization."""

    type: _Text | None = None
    id: _Text | None = None
    organization_id: UUID | None = None
    team_id: UUID | None = None
    owner_id: UUID | None = None


_ANYTHING = AuthCheckedResource()


class AuthPermissionQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """May they do this? Without ``user_id`` it is about the caller."""

    permission: _Word
    resource: AuthCheckedResource = _ANYTHING
    user_id: UUID | None = None


class AuthPermissionCheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question, or up to 100 in ``checks``. With ``explain`` the answers say why in words."""

    permission: _Word | None = None
    resource: AuthCheckedResource | msgspec.UnsetType = msgspec.UNSET
    user_id: UUID | None = None
    checks: (
        Annotated[
            tuple[AuthPermissionQuestion, ...], msgspec.Meta(min_length=1, max_length=CHECKS_MAX)
        ]
        | None
    ) = None
    explain: bool = False

    def questions(self) -> tuple[AuthPermissionQuestion, ...]:
        """What is asked. Raises InvalidInput for both ways at once, and for none."""
        single = self.permission is not None
        given = single or self.user_id is not None or self.resource is not msgspec.UNSET
        if single == (self.checks is not None) or (given and not single):
            message = "either one `permission`, or `checks`"
            raise InvalidInput(FieldProblem(field="permission", type="missing", message=message))
        if self.checks is not None:
            return self.checks
        resource = _ANYTHING if self.resource is msgspec.UNSET else self.resource
        return (
            AuthPermissionQuestion(
                permission=self.permission or "", resource=resource, user_id=self.user_id
            ),
        )


class AuthPermissionAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decision. ``role`` is the one that permits it, on the level ``scope``."""

    allowed: bool
    reason: str
    scope: str | None = None
    role: str | None = None
    explanation: str | None = None


class AuthPermissionDecision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided. Of several questions ``allowed`` says whether all are, ``results`` each."""

    allowed: bool
    reason: str | None = None
    scope: str | None = None
    role: str | None = None
    explanation: str | None = None
    results: tuple[AuthPermissionAnswer, ...] = ()


class AuthHeldRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role that is held, and what it permits."""

    role: str
    permissions: tuple[str, ...]
    team_id: UUID | None = None


class AuthEffectivePermissions(msgspec.Struct, frozen=True, kw_only=True):
    """What you may do: ``permissions`` in all where you asked; then role by role."""

    organization_id: UUID | None
    permissions: tuple[str, ...]
    platform: tuple[AuthHeldRole, ...]
    organization: AuthHeldRole | None
    teams: tuple[AuthHeldRole, ...]


class PermissionController(Controller):
    """Questions about permissions."""

    path = "/api/v1"
    tags = ("Access",)

    @post(
        "/permissions/check",
        opt=PEOPLE_OR_CLIENTS | LIMIT_READ,
        security=BY_BEARER_OR_CLIENT,
        status_code=200,
        operation_class=body(AuthPermissionCheck, PERMISSION_CHECK),
        responses={
            200: answer(AuthPermissionDecision, PERMISSION_DECISION),
            **errors(
                *(400, 401, 403, 408, 413, 415, 422, 503),
                likely={403: PermissionDenied("You can only ask about yourself.")},
            ),
        },
        summary="Check permissions",
    )
    async def check(
        self,
        data: JSONBody[AuthPermissionCheck],
        asker: NamedDependency[Asker],
        permission_checks: NamedDependency[PermissionChecks],
    ) -> ASGIResponse:
        """Check whether you, or another user, may do something. 200 says yes and no alike.

        About others ask registered clients that may `check`, and whoever holds `users:read` on the
        platform or in the organization of the object.
        """
        asked = data.questions()
        if data.checks is None:  # what nearly everybody asks, at half the price
            question = _question(asked[0])
            [decision] = await permission_checks.answer(asker, (question,))
            return json_answer(_answer(decision, question, explained=data.explain))
        questions = [_question(one) for one in asked]
        decisions = await permission_checks.answer(asker, questions)
        results = [
            _answer(decision, question, explained=data.explain)
            for decision, question in zip(decisions, questions, strict=True)
        ]
        return json_answer(
            AuthPermissionDecision(
                allowed=all(result.allowed for result in results), results=tuple(results)
            )
        )

    @get(
        "/me/permissions",
        opt=OWN_ACCOUNT | LIMIT_READ,
        security=BY_BEARER,
        responses={
            200: answer(AuthEffectivePermissions, EFFECTIVE),
            **errors(400, 401, 404, 422, 503, likely={404: NotFound()}),
        },
        summary="List your permissions",
    )
    async def effective(
        self,
        principal: NamedDependency[Principal],
        subject: NamedDependency[Subject],
        organization_id: FromQuery[UUID | None] = None,
    ) -> AuthEffectivePermissions:
        """List what you may do in an organization: that of the query, else the active one."""
        if organization_id is None:
            active = principal.organization
            return _effective(subject, None if active is None else active.organization_id)
        place = OrganizationId(organization_id)
        if place not in subject.organizations and not subject.reaches_everywhere:
            raise NotFound
        return _effective(subject, place)


def _question(asked: AuthPermissionQuestion) -> Question:
    return Question(
        asked.permission,
        resource_from(asked.permission.partition(":")[0], asked.resource),
        None if asked.user_id is None else UserId(asked.user_id),
    )


def resource_from(kind: str, sent: AuthCheckedResource) -> Resource:
    """The object that a request describes. Raises InvalidInput for a team of no organization."""
    if sent.team_id is not None and sent.organization_id is None:
        message = "the organization of the team"
        raise InvalidInput(
            FieldProblem(field="resource.organization_id", type="missing", message=message)
        )
    return Resource(
        type=sent.type or kind,
        id=sent.id,
        organization_id=None
        if sent.organization_id is None
        else OrganizationId(sent.organization_id),
        team_id=None if sent.team_id is None else TeamId(sent.team_id),
        owner_id=None if sent.owner_id is None else UserId(sent.owner_id),
    )


def _answer(decision: Decision, question: Question, *, explained: bool) -> AuthPermissionAnswer:
    return AuthPermissionAnswer(
        allowed=decision.allowed,
        reason=decision.reason,
        scope=decision.scope,
        role=decision.role,
        explanation=explain(decision, question.permission, question.resource)
        if explained
        else None,
    )


def _effective(
    subject: Subject, organization_id: OrganizationId | None
) -> AuthEffectivePermissions:
    standing = None if organization_id is None else subject.organizations.get(organization_id)
    return AuthEffectivePermissions(
        organization_id=organization_id,
        permissions=tuple(sorted(subject.held_in(organization_id))),
        platform=tuple(
            AuthHeldRole(role=role.name, permissions=tuple(sorted(role.permissions)))
            for role in subject.platform
        ),
        organization=None
        if standing is None
        else AuthHeldRole(
            role=standing.role.name, permissions=tuple(sorted(standing.role.permissions))
        ),
        teams=()
        if standing is None
        else tuple(
            AuthHeldRole(
                role=role.name, permissions=tuple(sorted(role.permissions)), team_id=team_id
            )
            for team_id, role in standing.teams.items()
        ),
    )
