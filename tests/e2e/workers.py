"""Each worker of a service by itself: which process is behind a connection."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx


class Workers:
    """The workers of one running service, and a connection to each of them.

    They share a listening socket, and a handful of connections may all go to one of them.
    """

    def __init__(
        self, port: int, supervisor: Callable[[], int], connect: Callable[[], Any]
    ) -> None:
        """``supervisor`` tells its process id, ``connect`` makes a client."""
        self._port = port
        self._supervisor = supervisor
        self._connect = connect
        self._clients: dict[int, httpx.Client] = {}

    def pids(self) -> set[int]:
        """Their process ids: children that are forks of their supervisor."""
        found, supervisor = set(), self._supervisor()
        with suppress(OSError):
            command = Path(f"/proc/{supervisor}/cmdline").read_bytes()
            children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
            for child in children:
                with suppress(OSError):
                    if Path(f"/proc/{child}/cmdline").read_bytes() == command:
                        found.add(int(child))
        return found

    def ask(self, path: str, answers: dict[int, httpx.Response], **request: Any) -> None:
        """Ask whoever is not among ``answers`` yet, once, and put in the answers that came."""
        for worker in self.pids() - answers.keys():
            client = self._clients.pop(worker, None) or self._connect()
            try:
                answer = client.get(path, **request)
            except httpx.TransportError:
                client.close()
                continue
            owner = self.behind(answer)
            if owner is None or owner in self._clients:
                client.close()
            else:
                self._clients[owner] = client
            if owner is not None:
                answers[owner] = answer

    def behind(self, answer: httpx.Response) -> int | None:
        """The worker whose answer it is, as long as its connection is open."""
        stream = answer.extensions["network_stream"]
        ours = stream.get_extra_info("client_addr")[1]
        inode = _inode(self._port, ours)
        return next((pid for pid in self.pids() if inode and _holds(pid, inode)), None)

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()


def _inode(local: int, remote: int) -> str | None:
    """The socket of the connection between these ports, on the side of the first one."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, here, there, *fields = line.split()
            if (_port(here), _port(there)) == (local, remote):
                return str(fields[6])
    return None


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _holds(pid: int, inode: str) -> bool:
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if str(descriptor.readlink()) == f"socket:[{inode}]":
                    return True
    return False
