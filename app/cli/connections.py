"""What the server grants a connection, before anything of ours sees a request (SEC-52)."""

import resource
import socket
from typing import Any

from granian.constants import HTTPModes
from granian.http import HTTP1Settings

HEAD_SECONDS = 30
"""For the head of a request, from the start of a connection or the end of the answer before. It is
also how long an idle connection lives.
"""
HEAD_BYTES = 64 * 1024
"""What is read ahead of one connection at most: a larger head is answered with 431."""
DEAF_SECONDS = 30
"""How long a client may leave unread what it is sent, once the system's buffers are full."""
_CONNECTIONS = 4096
_OTHER_FILES = 256
"""Connections to servers, modules, logs."""


def granted() -> dict[str, Any]:
    """The arguments of granian's that say so.

    HTTP/1.1 alone: to tell the versions apart granian waits for the first bytes, for ever, and its
    HTTP/2 has no time for anything.
    """
    return {
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(
            header_read_timeout=HEAD_SECONDS * 1000, max_buffer_size=HEAD_BYTES
        ),
        "backpressure": connections(),
    }


def bound(listener: socket.socket) -> None:
    """End connections whose client does not take what it is sent.

    Those that are accepted inherit it. Linux counts it since 5.11 also for a client that is there
    and does not read.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it
    if option is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, DEAF_SECONDS * 1000)


def connections() -> int:
    """How many each worker keeps open at once; who comes then waits for one to end.

    No more than there may be open files; that limit is raised as far as this process may.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return _CONNECTIONS
    return max(1, min(_CONNECTIONS, soft - _OTHER_FILES))
