"""What a worker tells its supervisor of its start: that it serves, or why it cannot.

The reason is for the operator, who is told once.
"""

import os
import struct
from contextlib import suppress

EXIT_MISCONFIGURED = 78
"""EX_CONFIG of sysexits.h: only an operator can help, and starting again does not."""

_MAX_BYTES = 4096
_PID = struct.Struct("=i")
_pipe: tuple[int, int] | None = None
_ready: tuple[int, int] | None = None


def listen() -> None:
    """In the supervisor, before it forks: be there for what workers say."""
    global _pipe, _ready  # a forked worker has nothing else from its supervisor
    _pipe, _ready = os.pipe(), os.pipe()
    for end in (*_pipe, *_ready):
        os.set_blocking(end, False)


def tell(message: str) -> bool:
    """In a worker; False when no supervisor listens, or it has heard enough."""
    if _pipe is None:
        return False
    try:
        os.write(_pipe[1], f"{message}\n".encode()[:_MAX_BYTES])  # at once, up to PIPE_BUF
    except OSError:
        return False
    return True


def heard() -> str:
    """In the supervisor: what the first worker has said, or ""."""
    if _pipe is None:
        return ""
    try:
        return os.read(_pipe[0], _MAX_BYTES).decode(errors="replace").partition("\n")[0]
    except OSError:
        return ""


def tell_ready() -> None:
    """In a worker that serves from now on."""
    if _ready is not None:
        with suppress(OSError):
            os.write(_ready[1], _PID.pack(os.getpid()))


def heard_ready() -> set[int]:
    """In the supervisor: the workers that have come to serve since it last asked, by process id."""
    if _ready is None:
        return set()
    try:
        said = os.read(_ready[0], 1024 * _PID.size)
    except BlockingIOError:
        return set()
    return {pid for (pid,) in _PID.iter_unpack(said)}
