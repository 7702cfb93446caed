"""Becomes somebody PostgreSQL accepts, then turns into the given program.

Run by root as a script, never imported:
    launcher.py namespace|account UID GID FOLDER PROGRAM [ARGUMENT...]
PostgreSQL refuses to run as uid 0. `namespace` enters a user namespace in which root is called UID;
outside nothing changes, so root's files and folders stay root's. `account` becomes that account.
Nothing but the standard library: it runs with -I -S to start fast.
"""

import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_FAILED = 120


def _enter_namespace(uid: int, gid: int) -> None:
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    # os.unshare exists from Python 3.12 on
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "this system refuses user namespaces")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outside_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outside_gid} 1")


def _become_account(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _check_access(program: str, folder: str) -> None:
    if not os.access(program, os.X_OK):
        raise PermissionError(f"it may not reach the program {program}")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(f"it may not use the folder {folder}")


def _main(way: str, uid: str, gid: str, folder: str, *command: str) -> int:
    become = {"namespace": _enter_namespace, "account": _become_account}[way]
    try:
        become(int(uid), int(gid))
        _check_access(command[0], folder)
        os.execv(command[0], command)  # noqa: S606 - the very purpose
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    return _FAILED


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
