"""Reading a form that one of our own pages sent."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from litestar import Request
from litestar.exceptions import ClientException

from app.errors import FormRequired
from auth_core.kernel import PermissionDenied

_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 20


class OtherSite(PermissionDenied):
    """A form that a page of another site sent (SEC-47)."""

    code = "other_site"
    default_message = "This form was sent by another site."


async def read_form(request: Request[Any, Any, Any]) -> Mapping[str, str]:
    """The fields of the form. Raises FormRequired, ClientException, OtherSite."""
    _require_own_page(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise FormRequired
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError as error:  # also not UTF-8
        raise ClientException(status_code=HTTPStatus.BAD_REQUEST) from error


def _require_own_page(request: Request[Any, Any, Any]) -> None:
    """Browsers say whose page a form stands on; what says nothing is no browser of today.

    ``Origin`` is ``null`` for our own pages, too, because they send no referrer (Fetch §3.1). There
    is no cookie that another site could ride on: without the mailed token a form does nothing.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise OtherSite
        return
    origin = request.headers.get("origin", "null")
    if origin != "null" and urlsplit(origin).netloc != request.headers.get("host"):
        raise OtherSite
