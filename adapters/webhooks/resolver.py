"""Names to addresses, by what the operating system is configured to ask."""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import TYPE_CHECKING

from auth_core.kernel import IpAddress
from auth_core.webhooks import Resolver, WebhookFailure

_THREADS = 16


class SystemResolver:
    """``getaddrinfo`` in threads of its own, so that a slow name server delays nothing else."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="webhook-names")

    async def resolve(self, host: str) -> Sequence[IpAddress]:
        """As the port says."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._pool, _look_up, host)
        except (OSError, UnicodeError):
            raise WebhookFailure("no_such_name") from None
        addresses = [ip_address(sockaddr[0]) for *_, sockaddr in found]
        return list(dict.fromkeys(addresses))

    def close(self) -> None:
        """Wait for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str) -> Sequence[tuple[object, object, object, object, tuple[str, ...]]]:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)  # type: ignore[return-value]


if TYPE_CHECKING:
    _: type[Resolver] = SystemResolver
