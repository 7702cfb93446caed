"""From a page's name and values to an answer."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Response

SERVICE = "FaultMaven"
STYLE_PATH = "/account/style.css"
_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Origin",
}


class FormField(msgspec.Struct, frozen=True, kw_only=True):
    """One input of a form."""

    name: str
    label: str
    kind: str = "text"
    autocomplete: str = "off"
    maximum: int = 254
    required: bool = True
    fixed: bool = False
    value: str = ""
    hint: str = ""


def page(
    template: str,
    words: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response[str]:
    """A page that loads our stylesheet and nothing else, and runs no script (SEC-51)."""
    content = _environment().get_template(template).render(words=words, service=SERVICE, **values)
    return Response(
        content,
        status_code=status,
        media_type=MediaType.HTML,
        headers={**_HEADERS, "Content-Language": str(words["language"]), **(headers or {})},
    )


def form(
    words: Mapping[str, Any],
    name: str,
    token: str,
    *,
    intro: str,
    fields: Sequence[FormField] = (),
    problem: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response[str]:
    """The page that asks for a click, and for what else is needed."""
    return page(
        "form.html",
        words,
        status=status,
        text=words[name],
        path=f"/account/{name.replace('_', '-')}",
        token=token,
        intro=intro,
        fields=fields,
        problem=problem,
        wrong=wrong,
    )


def stylesheet() -> Response[bytes]:
    """What all pages look like."""
    return Response(
        _stylesheet(),
        media_type="text/css",
        headers={"Cache-Control": "public, max-age=3600"},
    )


@cache
def _stylesheet() -> bytes:
    return (files("app") / "templates" / "account" / "style.css").read_bytes()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("app", "templates/account"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
