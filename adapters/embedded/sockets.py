"""Where the unix sockets go: beside the data, unless that path is too long for a socket."""

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from adapters.embedded.directory import DataDirectory
from adapters.embedded.errors import EmbeddedServersError
from adapters.embedded.identity import Identity

_LIMIT_BYTES = 107  # sizeof(sun_path) - 1, see unix(7)
_LONGEST_NAME = "postgres/.s.PGSQL.5432"


class SocketFolders:
    """A folder for each server's socket, usable by the server's identity and by us only."""

    def __init__(self, directory: DataDirectory) -> None:
        self._private = None if _fits(directory.path) else _private_folder(directory.path)
        base = self._private or directory.path
        self.postgres = base / directory.postgres.name
        self.valkey = base / directory.valkey.name

    def make(self, identity: Identity) -> None:
        """Make the folders; no-op when the sockets go beside the data.

        Raises EmbeddedServersError: somebody else has made a folder of that name.
        """
        if self._private is None:
            return
        with suppress(FileExistsError):
            self._private.mkdir(mode=0o700)
        status = self._private.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise EmbeddedServersError(
                f"{self._private} should be our folder for sockets, but somebody else has made it: "
                "remove it, or choose a data folder with a shorter path"
            )
        self._private.chmod(0o700)
        for folder in (self.postgres, self.valkey):
            folder.mkdir(mode=0o700, exist_ok=True)
        identity.admit(self._private)
        identity.own(self.postgres)

    def remove(self) -> None:
        """Remove the folders made by `make`; one that is not empty stays."""
        if self._private is not None:
            for folder in (self.postgres, self.valkey, self._private):
                with suppress(OSError):
                    folder.rmdir()


def _fits(base: Path) -> bool:
    path = str(base / _LONGEST_NAME)
    # database clients take a comma for the end of a host name, and decode URLs as UTF-8
    urls_can_say_it = "," not in path and path.isprintable()
    return urls_can_say_it and len(os.fsencode(path)) <= _LIMIT_BYTES


def _private_folder(data: Path) -> Path:
    # Not XDG_RUNTIME_DIR: it ends with the login session, the servers may live longer, and the
    # next run has to come to the same name to adopt them.
    name = f"fm-auth-{os.geteuid()}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"
    candidates = [Path(os.path.realpath(place), name) for place in (tempfile.gettempdir(), "/tmp")]  # noqa: S108 - the folder is made private and its owner checked
    return next(filter(_fits, candidates), candidates[-1])
