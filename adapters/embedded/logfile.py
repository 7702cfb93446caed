"""What a server writes, kept for the person who has to find out why it did not start."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIMIT_BYTES = 10 * 1024 * 1024
_TAIL_BYTES = 8192
_QUOTED_LINES = 10


class LogFile:
    """A log that only its owner can read; put aside as `.old` when it has grown to 10 MiB."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """Where the next line will begin."""
        return self.path.stat().st_size if self.path.exists() else 0

    @contextmanager
    def appending(self) -> Iterator[int]:
        """A file descriptor that a child process can write to."""
        if self.size() > _LIMIT_BYTES:
            self.path.rename(self.path.with_suffix(".log.old"))
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def quote(self, *, since: int) -> str:
        """The last lines written after `since`, introduced by the path, for an error message."""
        size = self.size()
        if size == 0:
            return f"{self.path} is empty."
        begin = since if since <= size else 0  # the log was put aside in between
        with self.path.open("rb") as log:
            log.seek(max(begin, size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        quoted = "\n".join(f"  {line}" for line in lines[-_QUOTED_LINES:])
        return f"{self.path} ends with:\n{quoted or '  (nothing new)'}"
