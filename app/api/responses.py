"""What the OpenAPI document says of bodies and answers, each with a checked example.

All of it is made once, on import.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example, Operation, RequestBody
from litestar.types import HTTPScope

from app.api.examples import REQUEST_ID, Json
from app.errors import (
    PROBLEM_JSON,
    AuthProblem,
    EndpointNotAvailable,
    handle_core_error,
    handle_http_error,
    problem,
)
from auth_core.kernel import (
    AuthCoreError,
    FieldProblem,
    InvalidInput,
    InvalidToken,
    PermissionDenied,
    PreconditionFailed,
    TooManyRequests,
    Unavailable,
    UsernameTaken,
)

_WHEN = {
    400: "The request is not valid HTTP, or its link or code does not work.",
    401: "Not signed in, or the token is not valid.",
    403: "Not allowed.",
    404: "Not available here.",
    408: "The body did not arrive in time.",
    409: "The name or address is taken, or the object changed in the meantime.",
    412: "`If-Match` names another version than the stored one.",
    413: "The body is larger than 64 KB.",
    415: "The body is not application/json.",
    422: "The request breaks a rule; `errors` names each field.",
    429: "Too many requests; retry after `Retry-After` seconds.",
    503: "A dependency is down; retry after `Retry-After` seconds.",
}
_LIKELY: Mapping[int, AuthCoreError] = {
    401: InvalidToken(),
    403: PermissionDenied(),
    404: EndpointNotAvailable(),
    409: UsernameTaken(),
    412: PreconditionFailed(),
    422: InvalidInput(
        FieldProblem(field="username", type="too_short", message="at least 3 characters")
    ),
    429: TooManyRequests(retry_after=30, limit=10, reset=300),
    503: Unavailable(),
}
"""What a status most often stands for; the framework gives the others."""


def answer(kind: type[msgspec.Struct], example: Json) -> ResponseSpec:
    """The documented success answer of a route. Raises ValidationError if ``example`` is none."""
    return ResponseSpec(
        data_container=kind,
        description=(kind.__doc__ or "Success.").partition(". ")[0].rstrip(".") + ".",
        generate_examples=False,
        # the document keeps the nulls of a struct, and drops those of a dict
        examples=[Example(value=msgspec.convert(example, kind))],
    )


def body(kind: type[msgspec.Struct], example: Json) -> type[Operation]:
    """The operation of a route that takes a body, which Litestar gives no other way to exemplify.

    Raises ValidationError if ``example`` is none.
    """
    msgspec.convert(example, kind)

    @dataclass
    class Exemplified(Operation):
        def __post_init__(self) -> None:
            if isinstance(self.request_body, RequestBody):
                for media_type in self.request_body.content.values():
                    media_type.examples = {"body": Example(value=example)}

    return Exemplified


def errors(
    *statuses: int, likely: Mapping[int, AuthCoreError] | None = None
) -> Mapping[int, ResponseSpec]:
    """The documented problem answers of a route, beyond those that any route may give.

    ``likely`` is what a status stands for at this route, for the example.
    """
    causes = {**_LIKELY, **(likely or {})}
    return {
        status: ResponseSpec(
            data_container=AuthProblem,
            description=_WHEN.get(status, HTTPStatus(status).phrase),
            media_type=PROBLEM_JSON,
            generate_examples=False,
            examples=[_example(status, causes.get(status))],
        )
        for status in (*statuses, 500)
    }


def _example(status: int, cause: AuthCoreError | None) -> Example:
    request: Request[Any, Any, Any] = Request(
        cast("HTTPScope", {"type": "http", "state": {}, "request_id": REQUEST_ID})
    )
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:  # its handler would write it to the log
        detail = "Something went wrong on our side. The request id helps us."
        made = problem(request, status, "internal_error", detail)
    elif cause:
        made = handle_core_error(request, cause)
    else:
        made = handle_http_error(request, HTTPException(status_code=status))
    return Example(summary=made.content.code, value=made.content)
