"""The files of the embedded PostgreSQL: made once, checked at every start."""

import os
import shutil
import subprocess
from pathlib import Path

from adapters.embedded.binaries import postgres_program
from adapters.embedded.errors import EmbeddedServersError
from adapters.embedded.identity import Identity
from adapters.embedded.logfile import LogFile
from adapters.embedded.process import environment

DATABASE = SUPERUSER = "fm_auth"
SERVICE = "fm_auth_service"
_MAJOR_VERSION = "18"
_SECONDS = 120.0


class Cluster:
    """A PostgreSQL data folder that belongs to `identity`."""

    def __init__(self, folder: Path, *, identity: Identity, log: LogFile, durable: bool) -> None:
        self._folder = folder
        self._identity = identity
        self._log = log
        self._durable = durable

    def prepare(self) -> None:
        """Make the cluster with its database when the folder is empty, else check its version.

        Raises EmbeddedServersError: another version, no cluster at all, or initdb failed; whatever
        was in the folder is untouched.
        """
        if any(self._folder.iterdir()):
            self._check_version()
        else:
            self._create()

    def _check_version(self) -> None:
        version = self._folder / "PG_VERSION"
        try:
            found = version.read_text().strip()
        except FileNotFoundError:
            raise EmbeddedServersError(
                f"{self._folder} holds no PostgreSQL database: {version} is missing. "
                "Restore the folder from a backup; or move it away to start with no data."
            ) from None
        if found != _MAJOR_VERSION:
            raise EmbeddedServersError(
                f"{self._folder} was made by PostgreSQL {found}, but this is PostgreSQL "
                f"{_MAJOR_VERSION}. Take its data over with pg_dump or pg_upgrade of both "
                "versions; or move the folder away to start with no data."
            )

    def _create(self) -> None:
        # Made beside its place and moved there when complete: a run that is killed half-way leaves
        # nothing that a later run could take for a database.
        unfinished = self._folder.with_name(f"{self._folder.name}.new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        self._identity.own(unfinished)
        self._run("initdb", *self._initdb_options(), "-D", str(unfinished))
        self._run(
            *("postgres", "--single", "-D", str(unfinished), "template1"),
            stdin=f"CREATE DATABASE {DATABASE};\n",
        )
        unfinished.rename(self._folder)
        if self._durable:
            _sync(self._folder.parent)

    def _initdb_options(self) -> list[str]:
        options = [
            f"--username={SUPERUSER}",
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            # the same order of text on every machine, whatever its C library
            "--no-locale",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        return options if self._durable else [*options, "--no-sync"]

    def _run(self, program: str, *arguments: str, stdin: str = "") -> None:
        begin = self._log.size()
        try:
            with self._log.appending() as output:
                subprocess.run(  # noqa: S603 - our own programs, no shell
                    self._identity.command(postgres_program(program), *arguments),
                    input=stdin.encode(),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment(),
                    timeout=_SECONDS,
                    check=True,
                    start_new_session=True,
                )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise EmbeddedServersError(
                f"the embedded PostgreSQL could not make its database in {self._folder}: "
                f"{program} failed. {self._log.quote(since=begin)}"
            ) from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
