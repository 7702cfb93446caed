"""Every error as RFC 9457 problem+json. The only place that knows both error codes and statuses."""

import asyncio
import re
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    InternalServerException,
    SerializationException,
    ValidationException,
)
from litestar.types import ExceptionHandlersMap

from auth_core.kernel import (
    AuthCoreError,
    Conflict,
    InvalidClient,
    InvalidInput,
    InvalidRequest,
    Misconfigured,
    NotFound,
    OneTimeSecretRefused,
    PermissionDenied,
    PreconditionFailed,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from auth_core.tokens import bearer_challenge

PROBLEM_JSON = "application/problem+json"
BODY_SECONDS = 10.0
"""Time for a whole body of at most 64 KB; after it the caller gets 408."""
RETRY_AFTER = 5
"""Seconds after which to retry what a missing dependency refused, if nothing better is known."""

_STATUS: dict[type[AuthCoreError], HTTPStatus] = {
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    OneTimeSecretRefused: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    PermissionDenied: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Misconfigured: HTTPStatus.SERVICE_UNAVAILABLE,
}

_FRAMEWORK: dict[int, tuple[str, str]] = {
    400: ("bad_request", "The request is not valid."),
    404: ("not_found", "There is nothing at this path."),
    405: ("method_not_allowed", "This path does not take this method; see the Allow header."),
    408: ("request_timeout", "The body did not arrive in time. Send it again at once."),
    413: ("body_too_large", "The body is too large; 64 KB is the limit."),
    415: ("unsupported_media_type", "Send the body as application/json."),
    422: ("validation_failed", "The request is not valid."),
    429: ("too_many_requests", "Too many requests. Wait and try again."),
}
_RFC_9110_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Python names these two as RFC 9110 does only from 3.13 on."""
_MALFORMED_JSON = "The body is not valid JSON in UTF-8, or is nested too deeply."
_MISSING_FIELD = re.compile(r"missing required field `([^`]{1,64})`")

WIRE_CODE = "fm_auth.error_code"
"""In the scope of a request that is answered with a problem: its code."""

_log = structlog.get_logger(__name__)


class StrictRequest(Request[Any, Any, Any]):
    """A request whose unreadable bodies are all the caller's fault."""

    async def body(self) -> bytes:
        """The whole body, in time (SEC-52); who leaves before its end gets 400, in the log."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await super().body()
        except TimeoutError as error:
            raise HTTPException(status_code=HTTPStatus.REQUEST_TIMEOUT) from error
        except InternalServerException as error:
            raise ClientException from error

    async def json(self) -> Any:
        """The decoded body; bytes that are not UTF-8 and deep nesting are malformed, too."""
        try:
            return await super().json()
        except (RecursionError, UnicodeDecodeError) as error:
            raise SerializationException from error


class EndpointNotAvailable(NotFound):
    """A route that this deployment does not offer."""

    code = "endpoint_not_available"
    default_message = "This endpoint is not available in this environment."


class FormRequired(HTTPException):
    """A route that takes a form, as those of OAuth do (RFC 6749 §3.2)."""

    status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    detail = "Send the body as application/x-www-form-urlencoded."


class AuthFieldError(msgspec.Struct, frozen=True, rename={"kind": "type"}):
    """One thing wrong with the request; ``loc`` is the path to it: ``["body", "username"]``."""

    loc: tuple[str, ...]
    msg: str
    kind: str


class AuthProblem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every error answer looks like (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    request_id: str
    errors: tuple[AuthFieldError, ...] = ()
    error: str | None = None
    """The code once more where OAuth clients look for it (RFC 6749 §5.2)."""
    error_description: str | None = None


def problem(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    errors: tuple[AuthFieldError, ...] = (),
    oauth: bool = False,
) -> Response[AuthProblem]:
    """A problem+json response. ``detail`` is prose for the caller and is always a string."""
    request.scope[WIRE_CODE] = code  # type: ignore[literal-required]
    body = AuthProblem(
        type=f"urn:faultmaven:auth:problem:{code}",
        title=_RFC_9110_TITLES.get(status) or HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        message=detail,
        request_id=str(request.scope.get("request_id", "")),
        errors=errors,
        error=code if oauth else None,
        error_description=detail if oauth else None,
    )
    return Response(body, status_code=status, media_type=PROBLEM_JSON, headers=headers)


def status_of(kind: type[AuthCoreError]) -> HTTPStatus:
    """The status of the nearest class of an error; 500 for one that is not meant to get here."""
    known = (_STATUS[cls] for cls in kind.__mro__ if cls in _STATUS)
    return next(known, HTTPStatus.INTERNAL_SERVER_ERROR)


def handle_core_error(
    request: Request[Any, Any, Any], error: AuthCoreError
) -> Response[AuthProblem]:
    """Map an error of the core by its class; the leaf's code goes out as it is."""
    status = status_of(type(error))
    match error:
        case Misconfigured():  # the message is for the operator, not for the caller
            _log.error("misconfigured", error_code=error.code, detail=error.message)
            return handle_core_error(request, Unavailable(retry_after=RETRY_AFTER))
        case InvalidInput():
            errors = tuple(
                AuthFieldError((wrong.source, wrong.field), wrong.message, wrong.type)
                for wrong in error.problems
            )
            return problem(request, status, error.code, error.message, errors=errors)
        case Unauthenticated():
            headers = {"WWW-Authenticate": _challenge(error)}
        case TooManyRequests():
            headers = {"Retry-After": str(error.retry_after), **_rate_limit(error)}
        case Unavailable():
            headers = {"Retry-After": str(error.retry_after)}
        case _:
            headers = {}
    oauth = isinstance(error, InvalidClient | InvalidRequest)
    return problem(request, status, error.code, error.message, headers=headers, oauth=oauth)


def handle_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Map what the framework refuses: unknown paths, wrong methods, bodies it cannot read."""
    if isinstance(error, ClientException) and isinstance(error.__cause__, SerializationException):
        malformed = AuthFieldError(("body",), _MALFORMED_JSON, "json_invalid")
        return problem(request, 422, "malformed_json", _MALFORMED_JSON, errors=(malformed,))
    if isinstance(error, ValidationException):
        found = error.extra if isinstance(error.extra, list) else []
        errors = tuple(_field_error(extra) for extra in found)
        detail = "; ".join(f"{'.'.join(e.loc[1:]) or e.loc[0]}: {e.msg}" for e in errors)
        return problem(
            request, 422, "validation_failed", detail or _FRAMEWORK[422][1], errors=errors
        )
    if misnamed := _misnamed(error):
        return handle_http_error(request, ValidationException(extra=[misnamed]))
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return handle_unexpected_error(request, error)
    code, detail = _FRAMEWORK.get(error.status_code, _FRAMEWORK[400])
    if isinstance(error, FormRequired):
        detail = error.detail
    allow = (error.headers or {}).get("allow")
    headers = {"Allow": allow} if allow else None
    return problem(request, error.status_code, code, detail, headers=headers)


def handle_unexpected_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Log the fault with its traceback; tell the caller nothing but the request id (SEC-69)."""
    _log.error("unexpected_error", exc_info=error, error=type(error).__name__)
    return problem(
        request, 500, "internal_error", "Something went wrong on our side. The request id helps us."
    )


def _rate_limit(error: TooManyRequests) -> dict[str, str]:
    """What is left of the limit that refused (draft-ietf-httpapi-ratelimit-headers-06)."""
    if error.limit is None or error.reset is None:
        return {}
    return {
        "RateLimit-Limit": str(error.limit),
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": str(error.reset),
    }


def _challenge(error: Unauthenticated) -> str:
    if isinstance(error, InvalidClient):
        return 'Basic realm="faultmaven-auth", charset="UTF-8"'
    return bearer_challenge(error)


def _misnamed(error: HTTPException) -> dict[str, str] | None:
    """What is wrong with a field of the body that is named like one of our dependencies.

    Litestar takes it for a fault of the dependency, which would be ours.
    """
    if not isinstance(error.__cause__, msgspec.ValidationError):
        return None
    message, _, place = str(error.__cause__).partition(" - at `$.data.")
    return {"message": message, "key": place.rstrip("`")} if place else None


def _field_error(extra: dict[str, str]) -> AuthFieldError:
    message = extra.get("message", "not valid")
    if message == "'data'":  # how Litestar says that there is no body
        return AuthFieldError(("body",), "a body is required", "missing")
    source = extra.get("source") or "body"
    key = extra.get("key", "")
    path = () if key in {"", "data"} else tuple(key.split("."))
    missing = _MISSING_FIELD.search(message)
    if missing:
        return AuthFieldError((source, *path, missing[1]), "this field is required", "missing")
    return AuthFieldError((source, *path), message, "type_error")


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    AuthCoreError: handle_core_error,
    HTTPException: handle_http_error,
    Exception: handle_unexpected_error,
}
