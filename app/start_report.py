"""How a worker that cannot start tells its supervisor why, so that the operator is told once."""

import os

EXIT_MISCONFIGURED = 78
"""EX_CONFIG of sysexits.h: only an operator can help, and starting again does not."""

_MAX_BYTES = 4096
_pipe: tuple[int, int] | None = None


def listen() -> None:
    """In the supervisor, before it forks: be there for what workers say."""
    global _pipe  # noqa: PLW0603 - a forked worker has nothing else from its supervisor
    _pipe = os.pipe()
    for end in _pipe:
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
