"""What can go wrong with Redis, and how to say it without repeating what a server said.

Servers echo arguments in some errors, and an argument may be the password.
"""

from typing import Final

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
)
from redis.exceptions import TimeoutError as RedisTimeout

from auth_core.kernel import Unavailable

# what a script may not do is reported as a plain ERR: by Valkey 9, by Redis 7.0
_FORBIDDEN_IN_A_SCRIPT: Final = ("ACL failure", "The user executing the script")


class LinkLost(Exception):
    """The connection is gone; whatever was under way may or may not have happened."""


class Refused(Exception):
    """The server answered one command with an error; ``code`` is its first word."""

    def __init__(self, answer: str) -> None:
        forbidden = any(sign in answer for sign in _FORBIDDEN_IN_A_SCRIPT)
        self.code = "NOPERM" if forbidden else answer.partition(" ")[0]
        super().__init__(self.code)


class Unsuitable(Exception):
    """The server works but must not be trusted; the message is ours and says why."""


_REFUSALS: Final = {
    "WRONGPASS": "it wants another password: check REDIS_PASSWORD or REDIS_URL",
    "NOPERM": "its access rules forbid a command that we need",
    "READONLY": "it is a read-only replica: point us at the primary",
    "LOADING": "it is still loading its data",
    "OOM": "its memory is full",
    "MISCONF": "it takes no writes because it cannot save to disk",
    "NOREPLICAS": "it takes no writes because replicas are missing",
    "CROSSSLOT": "it is a node of a cluster: set REDIS_MODE=cluster",
    "MOVED": "it is a node of a cluster: set REDIS_MODE=cluster",
}


def describe(error: BaseException) -> str:
    """One line for the operator, free of secrets."""
    match error:
        case Unsuitable() | LinkLost():
            reason = str(error)
        case Unavailable():
            reason = "PostgreSQL cannot say which sessions ended lately"
        case Refused():
            reason = _refusal(error.code)
        case AuthenticationError():
            reason = _REFUSALS["WRONGPASS"]
        case NoPermissionError():
            reason = _REFUSALS["NOPERM"]
        case BusyLoadingError():
            reason = _REFUSALS["LOADING"]
        case TimeoutError() | RedisTimeout():
            reason = "it does not answer in time"
        case OSError():
            reason = _unreachable(error)
        case RedisError():
            reason = _describe_connecting(error)
        case _:
            reason = f"unexpected {type(error).__name__}"
    return reason


def _describe_connecting(error: RedisError) -> str:
    # redis-py turns an OSError into a ConnectionError raised while that one is handled
    # and, on a unix socket only, wraps a refused password in one
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError | RedisError | Unsuitable):
        return describe(cause)
    return f"connecting failed with {type(error).__name__}"


def _unreachable(error: OSError) -> str:
    return f"it cannot be reached ({error.strerror or type(error).__name__})"


def _refusal(code: str) -> str:
    return _REFUSALS.get(code, f"it answers {code}")
