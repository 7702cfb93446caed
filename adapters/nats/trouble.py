"""What went wrong with NATS, as a code, and what an operator can do about it."""

from typing import Final

from nats.errors import ConnectionClosedError, Error, NoServersError, UnexpectedEOF
from nats.js.errors import APIError, NoStreamResponseError, ServiceUnavailableError

from auth_core.events import PublishingFailed

# `err_code` of the server's JetStream API (server/errors.json of nats-server)
_OTHER_STREAM: Final = 10060
_SUBJECTS_TAKEN: Final = 10065
_FULL: Final = frozenset({10023, 10047, 10054, 10077, 10110})

_ADVICE: Final = {
    "nats_unreachable": "see that nats-server runs where AUTH_NATS_URL says",
    "nats_unauthorized": "AUTH_NATS_URL lacks the right user and password, or token",
    "nats_forbidden": "let this user publish to {subjects} and $JS.API.STREAM.*.{stream}, and"
    " subscribe to _INBOX.>",
    "nats_no_jetstream": "start nats-server with -js, or allow JetStream for this account",
    "nats_other_stream": "another stream takes {subjects}: name it in AUTH_NATS_STREAM, or take the"
    " subjects from it",
    "nats_no_stream": "the stream {stream} is gone, or does not take {subjects}: it is made when"
    " there is none; else add the subjects",
    "nats_stream_full": "the stream {stream} takes nothing any more: raise its limits or its disk,"
    " or let it discard the old",
    "nats_too_slow": "nats-server did not answer in time: see how it is doing",
}

_BY_KIND: Final[tuple[tuple[type[Exception], str], ...]] = (
    (NoStreamResponseError, "nats_no_stream"),
    (TimeoutError, "nats_too_slow"),
    (NoServersError, "nats_unreachable"),
    (ConnectionClosedError, "nats_unreachable"),
    (UnexpectedEOF, "nats_unreachable"),
    (OSError, "nats_unreachable"),
)


def trouble(
    error: Exception, told: Exception | None, *, stream: str, subjects: str
) -> PublishingFailed:
    """``told`` is what the server said beside its answers, if it said something."""
    reason = _reason(error, told)
    advice = _ADVICE.get(reason, "see the log of nats-server")
    return PublishingFailed(reason, advice.format(stream=stream, subjects=subjects))


def _reason(error: Exception, told: Exception | None) -> str:
    said = f"{error} {told or ''}".lower()
    if "authorization violation" in said or "authentication" in said:
        return "nats_unauthorized"
    if "permissions violation" in said:
        return "nats_forbidden"
    if isinstance(error, APIError):
        return _refusal(error)
    for kind, reason in _BY_KIND:
        if isinstance(error, kind):
            return reason
    if type(error) is Error:  # how the client tells of a server that hangs up before it says INFO
        return "nats_unreachable"
    return f"nats_{type(error).__name__}"


def _refusal(error: APIError) -> str:
    if error.err_code in {_OTHER_STREAM, _SUBJECTS_TAKEN}:
        return "nats_other_stream"
    if error.err_code in _FULL:
        return "nats_stream_full"
    if isinstance(error, ServiceUnavailableError) and error.err_code is None:
        return "nats_no_jetstream"
    return f"nats_refused_{error.err_code}"
