"""The data folder: private to its owner, used by one run at a time."""

import fcntl
import os
import weakref
from pathlib import Path

from adapters.embedded.errors import EmbeddedServersError


class DataDirectory:
    """`.data/` with a folder for each server, one for their logs, and a lock."""

    def __init__(self, path: Path) -> None:
        # absolute and without links, as the servers will report it
        self.path = Path(os.path.realpath(path))
        self.postgres = self.path / "postgres"
        self.valkey = self.path / "valkey"
        self.log = self.path / "log"
        self._lock = _Lock(self.path / "lock")

    def open(self) -> None:
        """Make the folder if it is missing, tighten it to 0700, and keep other runs out.

        Raises EmbeddedServersError: another run uses it, or it belongs to somebody else;
        OSError: it cannot be made or written.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise EmbeddedServersError(
                f"the data folder {self.path} belongs to uid {owner}, but this is uid "
                f"{os.geteuid()}: run as its owner, or choose another data folder"
            )
        self._lock.acquire()
        self.path.chmod(0o700)
        for folder in (self.postgres, self.valkey, self.log):
            folder.mkdir(mode=0o700, exist_ok=True)

    def in_use(self) -> bool:
        """Whether another run holds the folder right now."""
        return self._lock.is_held()

    def close(self) -> None:
        """Let the next run in; no-op when not open."""
        self._lock.release()


class _Lock:
    """A file lock that the kernel releases when its holder dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        this = weakref.ref(self)
        # a worker forked by the holder must not keep the folder locked when the holder is killed
        os.register_at_fork(after_in_child=lambda: _close_in_child(this()))

    def acquire(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode().strip() or "unknown"
            os.close(descriptor)
            raise EmbeddedServersError(
                f"the data folder {self._path.parent} is in use by process {holder}: "
                "stop that process, or choose another data folder"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def is_held(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except OSError:  # missing, or not ours to look at
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def release(self) -> None:
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.close()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _close_in_child(lock: _Lock | None) -> None:
    if lock is not None:
        lock.close()
