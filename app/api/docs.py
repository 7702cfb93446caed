"""GET /openapi.json and GET /docs, every asset from this package: no CDN."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Controller, Litestar, Request, Response, Router, get
from litestar.config.app import AppConfig
from litestar.params import FromPath
from litestar.plugins import InitPlugin

from app.limits import LIMIT_GENERAL
from app.security import PUBLIC
from auth_core.kernel import NotFound

_FRAMEWORK_PATH = "/schema"
_DOCUMENT = "openapi_document"
_ASSETS = files("app") / "static" / "swagger-ui"
# Litestar adds the charset to text
_MEDIA_TYPES = {
    "index.html": "text/html",
    "start.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
# Swagger UI writes style attributes and inlines its icons; scripts come from files only.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "public, max-age=3600",
}


class OwnDocsPlugin(InitPlugin):
    """Drops the routes that Litestar adds for its document; `DocsController` serves it."""

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Come again after the framework's own plugins, which are last in the list."""
        app_config.plugins.append(_DropFrameworkRoutes())
        return app_config


class _DropFrameworkRoutes(InitPlugin):
    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        app_config.route_handlers = [
            handler
            for handler in app_config.route_handlers
            if not (isinstance(handler, Router) and handler.path == _FRAMEWORK_PATH)
        ]
        return app_config


class DocsController(Controller):
    """The API described, for machines and for people."""

    opt = PUBLIC | LIMIT_GENERAL
    include_in_schema = False

    @get("/openapi.json", sync_to_thread=False)
    def openapi(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Read the OpenAPI 3.1 document."""
        return Response(_document(request.app), media_type="application/json")

    @get("/docs", sync_to_thread=False)
    def page(self) -> Response[bytes]:
        """Read the API reference as a page."""
        return _asset("index.html")

    @get("/docs/{name:str}", sync_to_thread=False)
    def asset(self, name: FromPath[str]) -> Response[bytes]:
        """Read a file of the page."""
        return _asset(name)


def _document(app: Litestar) -> bytes:
    # Made once: it takes as long as hundreds of other requests, and anybody may ask for it.
    made: bytes | None = app.state.get(_DOCUMENT)
    if made is None:
        made = app.state[_DOCUMENT] = msgspec.json.encode(description_of(app))
    return made


def description_of(app: Litestar) -> dict[str, Any]:
    """The OpenAPI document. It says of which bodies unknown members are refused."""
    document = app.openapi_schema.to_schema()
    strict = {each.__name__ for each in _kinds(msgspec.Struct) if _refuses_unknown(each)}
    for name, schema in document["components"]["schemas"].items():
        if name in strict:
            schema["additionalProperties"] = False
    return document


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    each: type[Any]
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)


def _refuses_unknown(kind: type[Any]) -> bool:
    config = getattr(kind, "__struct_config__", None)
    return config is not None and config.forbid_unknown_fields


def _asset(name: str) -> Response[bytes]:
    if name not in _MEDIA_TYPES:
        raise NotFound
    return Response(_read(name), media_type=_MEDIA_TYPES[name], headers=_HEADERS)


@cache
def _read(name: str) -> bytes:
    return (_ASSETS / name).read_bytes()
