"""A run of the service in miniature, for tests to kill: starts the servers and holds them.

    holder.py DATA [--uid=N] [--no-namespaces] [--fork]
Prints one line of JSON, then stops the servers when its standard input ends.
"""

import ctypes
import json
import os
import sys
import time
from pathlib import Path

from adapters.embedded import EmbeddedServers, EmbeddedServersError


def report(facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def forbid_namespaces() -> None:
    """Enter a namespace with all users of this machine that allows no further namespace."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    report(os.getpid())  # the test writes the maps: only an outsider may map all users
    sys.stdin.readline()
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def main(data: str, *options: str) -> None:
    for option in options:
        uid = int(option.removeprefix("--uid=")) if option.startswith("--uid=") else os.geteuid()
        if uid != os.geteuid():
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
    if "--no-namespaces" in options:
        forbid_namespaces()
    servers = EmbeddedServers(Path(data), durable=False)
    try:
        endpoints = servers.start()
    except EmbeddedServersError as error:
        report({"error": str(error)})
        return
    facts: dict[str, object] = {
        "pid": os.getpid(),
        "pids": [servers.postgres.pid, servers.valkey.pid],
        "database_url": endpoints.database_url,
        "redis_url": endpoints.redis_url,
        "service_url": endpoints.service_url,
    }
    if "--fork" in options:
        facts["forked"] = fork_a_worker(servers)
    report(facts)
    sys.stdin.read()
    servers.stop()


def fork_a_worker(servers: EmbeddedServers) -> int:
    """A child that stops its copy of the servers and lives on, like a slow worker."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        servers.stop()
        os.write(tell, b"stopped")
        time.sleep(60)
        os._exit(0)
    os.read(told, 7)
    return pid


if __name__ == "__main__":
    main(*sys.argv[1:])
