"""A span for each call of a service of the core, inside of what is traced."""

from typing import Final

import msgspec
from opentelemetry.trace import SpanKind

from adapters.tracing import Spans, public_coroutines, watch
from auth_core.core import Core
from auth_core.events import Events
from auth_core.kernel import CountedLimits
from auth_core.keys import KeyService
from auth_core.mail import MailRelay
from auth_core.sessions import RevocationFeed

_NOT_OF_REQUESTS: Final = (KeyService, CountedLimits, Events, MailRelay, RevocationFeed)
"""What each request asks without work, and what runs beside them."""
_WITHIN_ANOTHER: Final = "SessionService.state"
"""All that `Authenticator.authenticate` waits for, in each request."""


def trace_services(core: Core, spans: Spans) -> None:
    """Have the services of ``core``, and those that they are made of, be seen by name."""
    seen: set[int] = set()
    for service in vars(core).values():
        for part in (service, *_parts(service)):
            if id(part) not in seen and _is_service(part):
                seen.add(id(part))
                _trace(part, spans)


def _trace(service: object, spans: Spans) -> None:
    for method in public_coroutines(service):
        name = f"{type(service).__name__}.{method}"
        if name != _WITHIN_ANOTHER:
            watch(service, method, spans, name, SpanKind.INTERNAL, {})


def _parts(service: object) -> list[object]:
    """The services that one shows as its own: ``organizations.members``."""
    if not _is_service(service):
        return []
    return [part for name, part in vars(service).items() if not name.startswith("_")]


def _is_service(candidate: object) -> bool:
    return (
        type(candidate).__module__.startswith("auth_core.")
        and not isinstance(candidate, (msgspec.Struct, *_NOT_OF_REQUESTS))
        and hasattr(candidate, "__dict__")
    )
