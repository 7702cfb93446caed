"""Where log lines go."""

import asyncio
import contextlib
import fcntl
import os
import stat
import threading
from collections.abc import Callable


class FileDescriptorSink:
    """Writes whole lines to a file descriptor that other processes may be writing to as well.

    One `write` per line. A pipe takes more than PIPE_BUF bytes in pieces, so on a pipe all writers
    take a record lock. A reader that went away, or a full disk, loses lines and never a request.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._mutex = threading.Lock()
        self._shared = stat.S_ISFIFO(os.fstat(descriptor).st_mode)

    def __call__(self, line: bytes) -> None:
        with self._mutex, contextlib.suppress(OSError):
            if not self._shared:
                self._write(line)
                return
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
            try:
                self._write(line)
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _write(self, line: bytes) -> None:
        written = os.write(self._descriptor, line)
        while written < len(line):
            written += os.write(self._descriptor, line[written:])


class TurnSink:
    """Hands on the lines of one turn of the event loop as one: a busy worker writes once for all.

    Without a loop each line goes out at once.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._lines: list[bytes] = []

    def __call__(self, line: bytes) -> None:
        if not self._lines:
            try:
                asyncio.get_running_loop().call_soon(self._flush)
            except RuntimeError:
                self._write(line)
                return
        self._lines.append(line)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        self._write(b"".join(lines))
