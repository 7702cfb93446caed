"""Whom PostgreSQL runs as. Only root has to ask: PostgreSQL refuses to run as uid 0."""

import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adapters.embedded.errors import EmbeddedServersError
from adapters.embedded.process import environment

_LAUNCHER = Path(__file__).with_name("launcher.py")
_PROBE_SECONDS = 20.0


@dataclass(frozen=True)
class Identity:
    """The owner of PostgreSQL's files as everybody else sees it, and the way to become it."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def command(self, program: Path, *arguments: str) -> list[str]:
        """The command line that runs a program as this identity."""
        return [*self.prefix, str(program), *arguments]

    def admit(self, folder: Path) -> None:
        """Let it pass through a folder of ours, not list it; no-op when it counts as us."""
        if self.uid != os.geteuid():
            os.chown(folder, -1, self.gid)
            folder.chmod(0o710)

    def own(self, folder: Path) -> None:
        """Give it a folder and everything below; no-op when the folder is its own already."""
        if _owner(folder) == (self.uid, self.gid):
            return
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(Path(parent, name), self.uid, self.gid, follow_symlinks=False)
        # last, so that an interrupted walk is walked again
        os.chown(folder, self.uid, self.gid)


Choice = Callable[[Path, Path], Identity]


def choose(program: Path, folder: Path) -> Identity:
    """Ourselves, or for root a user namespace, or else an existing account.

    Makes sure that the identity can run `program` and use `folder`, which it then owns.

    Raises EmbeddedServersError: root, and neither way works here.
    """
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid())
    try:
        return choose_namespace(program, folder)
    except EmbeddedServersError as refused:
        try:
            return choose_account(program, folder)
        except EmbeddedServersError as unusable:
            raise EmbeddedServersError(
                "PostgreSQL refuses to run as root, and no other way works here.\n"
                f"{refused}\n{unusable}\n"
                "Run as an ordinary user, or move the program and the data folder where such a "
                "user may go, or set DATABASE_URL and REDIS_HOST or REDIS_URL."
            ) from unusable


def choose_namespace(program: Path, folder: Path) -> Identity:
    """Root under another name in a user namespace: files and folders stay root's.

    Raises EmbeddedServersError: user namespaces are refused, or something lies in a folder of
    somebody else that root without its capabilities cannot pass.
    """
    # initdb looks its user up by name, so the name must exist
    inside = next((a for a in _accounts("nobody") + pwd.getpwall() if a.pw_uid != 0), None)
    if inside is None:
        raise EmbeddedServersError("In a user namespace: /etc/passwd knows nobody but root.")
    prefix = _prefix("namespace", inside, folder)
    return _usable(Identity(0, os.getegid(), prefix), program, folder, "In a user namespace")


def choose_account(program: Path, folder: Path) -> Identity:
    """The account `postgres`, or else `nobody`. It gets `folder`, and leave to search its parent.

    Raises EmbeddedServersError: there is no such account, or it cannot reach program or folder.
    """
    accounts = [a for a in _accounts("postgres", "nobody") if a.pw_uid != 0]
    if not accounts:
        raise EmbeddedServersError("As another account: there is no `postgres` and no `nobody`.")
    account = accounts[0]
    identity = Identity(account.pw_uid, account.pw_gid, _prefix("account", account, folder))
    identity.admit(folder.parent)
    return _usable(identity, program, folder, f"As the account {account.pw_name}")


def _prefix(way: str, account: pwd.struct_passwd, folder: Path) -> tuple[str, ...]:
    python = (sys.executable, "-I", "-S", str(_LAUNCHER))
    return (*python, way, str(account.pw_uid), str(account.pw_gid), str(folder))


def _usable(identity: Identity, program: Path, folder: Path, way: str) -> Identity:
    identity.own(folder)
    try:
        subprocess.run(  # noqa: S603 - our own programs, no shell
            identity.command(program, "--version"),
            check=True,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=_PROBE_SECONDS,
            start_new_session=True,
        )
    except subprocess.CalledProcessError as error:
        raise EmbeddedServersError(f"{way}: {error.stderr.strip()}.") from error
    except subprocess.TimeoutExpired as error:
        raise EmbeddedServersError(f"{way}: {program} --version does not end.") from error
    return identity


def _accounts(*names: str) -> list[pwd.struct_passwd]:
    known = {account.pw_name: account for account in pwd.getpwall()}
    return [known[name] for name in names if name in known]


def _owner(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_uid, status.st_gid
