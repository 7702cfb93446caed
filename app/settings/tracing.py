"""Settings of traces: the names that OpenTelemetry has for them.

Whole clusters have these names in the environment of everything that runs there, so they are looked
at only where ENABLE_TRACING is true.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from importlib.util import find_spec
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from app.settings import parse
from app.settings.field import Field
from app.settings.parse import BadValue, Kind
from app.settings.tree import Settings, TracingSettings
from auth_core.kernel import Misconfigured, Secret

SAMPLERS: Final = (
    *("always_on", "always_off", "traceidratio"),
    *("parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"),
)
_PROTOCOL: Final = "http/protobuf"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z/-]{1,255}")


def _kept(allowed: str) -> Kind:
    """Text that is looked at by `check_tracing`."""
    return Kind(parse=lambda value: value, allowed=allowed)


TRACING = (
    Field(
        name="ENABLE_TRACING",
        attribute="tracing.enabled",
        kind=parse.boolean(),
        default="false",
        description="Send traces to an OpenTelemetry collector. Needs the extra `otel`. The names"
        " below are OpenTelemetry's, and looked at only with this one; whatever else its Python SDK"
        " knows (`OTEL_BSP_…`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `…_CERTIFICATE`) has its effect, too",
    ),
    Field(
        name="OTEL_SDK_DISABLED",
        attribute="tracing.disabled",
        kind=_kept("true, or anything else for false"),
        default="false",
        description="true is the same as ENABLE_TRACING=false",
    ),
    Field(
        name="OTEL_EXPORTER_OTLP_ENDPOINT",
        attribute="tracing.endpoint",
        kind=_kept("http://… or https://…"),
        default="http://localhost:4318",
        description="The collector's OTLP over HTTP; traces go to `/v1/traces` below it",
    ),
    Field(
        name="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        attribute="tracing.traces_endpoint",
        kind=_kept("http://… or https://…"),
        default_note="not set: OTEL_EXPORTER_OTLP_ENDPOINT",
        example="http://tempo:4318/v1/traces",
        description="Where traces go, taken as it is",
    ),
    Field(
        name="OTEL_EXPORTER_OTLP_PROTOCOL",
        attribute="tracing.protocol",
        kind=_kept(_PROTOCOL),
        default=_PROTOCOL,
        description="How the collector is spoken to: there is one way",
    ),
    Field(
        name="OTEL_EXPORTER_OTLP_HEADERS",
        attribute="tracing.headers",
        kind=Kind(parse=Secret, allowed="name=value,name=value; percent-encoded"),
        secret=True,
        description="Headers for the collector, such as its key",
    ),
    Field(
        name="OTEL_SERVICE_NAME",
        attribute="tracing.service_name",
        kind=_kept("text"),
        default_note="service.name of OTEL_RESOURCE_ATTRIBUTES, else fm-auth-service",
        example="fm-auth-service",
        description="What the traces call this service",
    ),
    Field(
        name="OTEL_RESOURCE_ATTRIBUTES",
        attribute="tracing.resource",
        kind=_kept("name=value,name=value; percent-encoded"),
        example="service.namespace=faultmaven",
        description="What all traces of this deployment say of it",
    ),
    Field(
        name="OTEL_TRACES_SAMPLER",
        attribute="tracing.sampler",
        kind=_kept(" | ".join(SAMPLERS)),
        default="parentbased_always_on",
        description="Which requests are traced; `parentbased_…` does as the caller's trace does,"
        " and decides where there is none",
    ),
    Field(
        name="OTEL_TRACES_SAMPLER_ARG",
        attribute="tracing.ratio",
        kind=_kept("a number from 0 to 1"),
        default="1",
        description="The share of traces that `…traceidratio` takes",
    ),
)


def check_tracing(values: Mapping[str, object], _: AbstractSet[str]) -> list[str]:
    """What is wrong with these settings, where traces are on."""
    if values.get("ENABLE_TRACING") is not True or is_true(values["OTEL_SDK_DISABLED"]):
        return []
    problems = []
    for name, judge in _JUDGES.items():
        value = values.get(name)
        text = value.reveal() if isinstance(value, Secret) else value
        if text is None:
            continue
        try:
            judge(str(text))
        except BadValue as reason:
            problems.append(f"{name} {reason}")
    return problems


def traces_are_on(tracing: TracingSettings) -> bool:
    """Whether there is a collector to tell."""
    return tracing.enabled and not is_true(tracing.disabled)


def without_traces(settings: Settings) -> Settings:
    """The same for a command that is over in a moment."""
    tracing = msgspec.structs.replace(settings.tracing, enabled=False)
    return msgspec.structs.replace(settings, tracing=tracing)


def require_opentelemetry() -> None:
    """Raise Misconfigured when its packages are not installed; loads none of them."""
    try:
        found = find_spec("opentelemetry.exporter.otlp.proto.http") and find_spec(
            "opentelemetry.sdk"
        )
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise Misconfigured(
            "ENABLE_TRACING needs the extra otel: pip install 'fm-auth-service[otel]'"
        )


def is_true(value: object) -> bool:
    """Whether a text is what OpenTelemetry takes for true; all else is false to it."""
    return str(value).strip().lower() == "true"


def pairs(text: str) -> dict[str, str]:
    """``name=value,name=value`` with percent-encoded values (W3C Baggage). Raises BadValue."""
    found = {}
    for each in text.split(","):
        if not each.strip():
            continue
        name, equals, value = each.partition("=")
        name = unquote(name.strip())
        if not equals or not _NAME.fullmatch(name):
            raise BadValue("is not a list like name=value,name=value")
        found[name] = unquote(value.strip())
    return found


def ratio(text: str) -> float:
    """A share. Raises BadValue."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise BadValue("is not a number from 0 to 1")
    return share


def _url(text: str) -> None:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise BadValue("is not a URL that begins with http:// or https://")


def _headers(text: str) -> None:
    if any(not value.isprintable() or not value.isascii() for value in pairs(text).values()):
        raise BadValue("has a value that no header can have")


def _sampler(text: str) -> None:
    if text not in SAMPLERS:
        raise BadValue(f"is not one of {', '.join(SAMPLERS)}")


def _protocol(text: str) -> None:
    if text != _PROTOCOL:
        raise BadValue(f"must be {_PROTOCOL}: collectors listen for it on port 4318")


_JUDGES: Final = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": _url,
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": _url,
    "OTEL_EXPORTER_OTLP_PROTOCOL": _protocol,
    "OTEL_EXPORTER_OTLP_HEADERS": _headers,
    "OTEL_RESOURCE_ATTRIBUTES": pairs,
    "OTEL_TRACES_SAMPLER": _sampler,
    "OTEL_TRACES_SAMPLER_ARG": ratio,
}
