"""Of which trace a request is (W3C Trace Context), for whoever hears of it later.

Like the actor it stands beside the work: every event that is made meanwhile carries it.
"""

import re
from contextlib import AbstractContextManager
from contextvars import ContextVar

import msgspec

from auth_core.kernel.actor import Marked

_TRACE: ContextVar[str | None] = ContextVar("fm_auth_trace", default=None)

# version, trace id, parent id, flags; newer versions may say more behind another dash (§4.3)
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-[!-~]{0,256})?"
)


def parse_traceparent(text: str) -> str | None:
    """A ``traceparent`` as version 00 has it (W3C Trace Context §3.2), or None if it is none."""
    found = _TRACEPARENT.fullmatch(text)
    if found is None or (found[1] == "00" and found[3] is not None):
        return None
    return f"00-{found[2]}"


def trace_id_of(traceparent: str) -> str:
    """The 32 hexadecimal digits of a trace, from what `parse_traceparent` gave back."""
    return traceparent[3:35]


def current_traceparent() -> str | None:
    """The trace of the request that is served, or None."""
    return _TRACE.get()


def traceparent_or_nothing() -> str | msgspec.UnsetType:
    """The same for a field that is left out where there is none."""
    return _TRACE.get() or msgspec.UNSET


def tracing(traceparent: str | None) -> AbstractContextManager[None]:
    """Every event and letter made inside the block, and by tasks begun in it, names this trace."""
    return Marked(_TRACE, traceparent)
