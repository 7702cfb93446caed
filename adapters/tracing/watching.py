"""Spans around the methods of one object. Its class, and every other object, stay as they are.

So nothing is in the way where there are no traces: there is not even a question whether there are.
"""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from opentelemetry.trace import SpanKind

from adapters.tracing.spans import Attributes, Spans

Method = Callable[..., Awaitable[Any]]


def replace(target: object, name: str, around: Callable[[Method], Method]) -> None:
    """Put ``around(method)`` in the place of a method of ``target`` alone."""
    method = getattr(target, name)
    setattr(target, name, wraps(method)(around(method)))


def watch(
    target: object, name: str, spans: Spans, span_name: str, kind: SpanKind, attributes: Attributes
) -> None:
    """Have each call of a method be a span, inside of what is traced."""
    begin = spans.within if kind is SpanKind.INTERNAL else spans.leaf

    def around(method: Method) -> Method:
        async def watched(*arguments: Any, **named: Any) -> Any:
            if not spans.recorded:
                return await method(*arguments, **named)
            with begin(span_name, kind, attributes):
                return await method(*arguments, **named)

        return watched

    replace(target, name, around)


def public_coroutines(target: object) -> list[str]:
    """The names of the methods that somebody may await."""
    return [
        name
        for name, _ in inspect.getmembers(type(target), inspect.iscoroutinefunction)
        if not name.startswith("_")
    ]
