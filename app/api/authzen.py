"""The AuthZEN Authorization API 1.0 (§6, §7): the same decisions in the shape of gateways."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response.base import ASGIResponse

from app.api.answers import json_answer
from app.api.examples import EVALUATION, EVALUATION_DECISION, EVALUATIONS, EVALUATIONS_DECISION
from app.api.permission_checks import AuthCheckedResource, resource_from
from app.api.responses import answer, body, errors
from app.limits import LIMIT_READ
from app.security import BY_BEARER_OR_CLIENT, PEOPLE_OR_CLIENTS
from auth_core.access import Decision
from auth_core.kernel import FieldProblem, InvalidInput, PermissionDenied, UserId
from auth_core.roles import CHECKS_MAX, Asker, PermissionChecks, Question

PATH = "/access/v1"

_Text = Annotated[str, msgspec.Meta(max_length=255)]
_NOBODY = UserId(UUID(int=0))
_ERRORS = errors(
    *(400, 401, 403, 408, 413, 415, 422, 503),
    likely={403: PermissionDenied("You can only ask about yourself.")},
)


class AuthZenSubject(msgspec.Struct, frozen=True, kw_only=True):
    """Who: the type is ``user``, the id a user's."""

    type: _Text
    id: _Text
    properties: dict[str, Any] = {}


class AuthZenAction(msgspec.Struct, frozen=True, kw_only=True):
    """What: ``read`` of the resource's type, or a whole permission such as ``cases:read``."""

    name: _Text
    properties: dict[str, Any] = {}


class AuthZenPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Whose the resource is. Other properties are ignored."""

    organization_id: UUID | None = None
    team_id: UUID | None = None
    owner_id: UUID | None = None


class AuthZenResource(msgspec.Struct, frozen=True, kw_only=True):
    """Which resource."""

    type: _Text
    id: _Text | None = None
    properties: AuthZenPlace = AuthZenPlace()


class AuthZenEvaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question (§6.1). ``context`` is taken and not looked at."""

    subject: AuthZenSubject | None = None
    action: AuthZenAction | None = None
    resource: AuthZenResource | None = None
    context: dict[str, Any] = {}


class AuthZenOptions(msgspec.Struct, frozen=True, kw_only=True):
    """When to stop (§7.1.2)."""

    evaluations_semantic: Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"] = (
        "execute_all"
    )


class AuthZenEvaluations(AuthZenEvaluation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 100 questions; what stands beside them is their default (§7.1)."""

    evaluations: Annotated[tuple[AuthZenEvaluation, ...], msgspec.Meta(max_length=CHECKS_MAX)] = ()
    options: AuthZenOptions = AuthZenOptions()


class AuthZenReason(msgspec.Struct, frozen=True, kw_only=True):
    """Why, as a stable word."""

    reason: str


class AuthZenDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Yes or no (§6.2)."""

    decision: bool
    context: AuthZenReason


class AuthZenDecisions(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions in the order of the questions (§7.2)."""

    evaluations: tuple[AuthZenDecision, ...]


class AuthZenConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Where the decisions are (§9.1). There is no search here: its endpoints are left out."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str

    @classmethod
    def at(cls, address: str) -> Self:
        """That of the service at this address, which is its identifier."""
        return cls(
            policy_decision_point=address,
            access_evaluation_endpoint=f"{address}{PATH}/evaluation",
            access_evaluations_endpoint=f"{address}{PATH}/evaluations",
        )


class AuthZenController(Controller):
    """Evaluations."""

    path = PATH
    tags = ("Access",)
    opt = PEOPLE_OR_CLIENTS | LIMIT_READ
    security = BY_BEARER_OR_CLIENT

    @post(
        "/evaluation",
        status_code=200,
        operation_class=body(AuthZenEvaluation, EVALUATION),
        responses={200: answer(AuthZenDecision, EVALUATION_DECISION), **_ERRORS},
        summary="Evaluate one question",
    )
    async def evaluation(
        self,
        data: JSONBody[AuthZenEvaluation],
        asker: NamedDependency[Asker],
        permission_checks: NamedDependency[PermissionChecks],
    ) -> ASGIResponse:
        """Evaluate one question in the shape of AuthZEN 1.0."""
        [decision] = await permission_checks.answer(asker, [_question(data, data)])
        return json_answer(_decision(decision))

    @post(
        "/evaluations",
        status_code=200,
        operation_class=body(AuthZenEvaluations, EVALUATIONS),
        responses={200: answer(AuthZenDecisions, EVALUATIONS_DECISION), **_ERRORS},
        summary="Evaluate many questions",
    )
    async def evaluations(
        self,
        data: JSONBody[AuthZenEvaluations],
        asker: NamedDependency[Asker],
        permission_checks: NamedDependency[PermissionChecks],
    ) -> ASGIResponse:
        """Evaluate up to 100 questions in the shape of AuthZEN 1.0; without any it is one."""
        if not data.evaluations:
            [decision] = await permission_checks.answer(asker, [_question(data, data)])
            return json_answer(_decision(decision))
        questions = [_question(one, data) for one in data.evaluations]
        decisions = _until(
            await permission_checks.answer(asker, questions), data.options.evaluations_semantic
        )
        return json_answer(AuthZenDecisions(evaluations=tuple(map(_decision, decisions))))


def _question(one: AuthZenEvaluation, default: AuthZenEvaluation) -> Question:
    subject = one.subject or default.subject
    action = one.action or default.action
    resource = one.resource or default.resource
    if subject is None or action is None or resource is None:
        lacking = "subject" if subject is None else "action" if action is None else "resource"
        raise InvalidInput(FieldProblem(field=lacking, type="missing", message="is needed"))
    permission = action.name if ":" in action.name else f"{resource.type}:{action.name}"
    place = resource.properties
    sent = AuthCheckedResource(
        type=resource.type,
        id=resource.id,
        organization_id=place.organization_id,
        team_id=place.team_id,
        owner_id=place.owner_id,
    )
    return Question(permission, resource_from(resource.type, sent), _user_id(subject))


def _user_id(subject: AuthZenSubject) -> UserId:
    """The user, or somebody who is nobody: then the decision is no."""
    try:
        return UserId(UUID(subject.id)) if subject.type == "user" else _NOBODY
    except ValueError:
        return _NOBODY


def _until(decisions: Sequence[Decision], semantic: str) -> Sequence[Decision]:
    stop = {"deny_on_first_deny": False, "permit_on_first_permit": True}.get(semantic)
    for number, decision in enumerate(decisions, 1):
        if stop is not None and decision.allowed is stop:
            return decisions[:number]
    return decisions


def _decision(decision: Decision) -> AuthZenDecision:
    return AuthZenDecision(
        decision=decision.allowed, context=AuthZenReason(reason=decision.reason.value)
    )
