"""Where log lines go."""

import contextlib
import fcntl
import os
import stat
import threading


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
