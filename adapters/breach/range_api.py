"""The range API of Have I Been Pwned, and whoever else speaks it.

``GET …/range/21BD1`` answers lines of ``SUFFIX:COUNT``; a count of 0 is padding, which hides from
onlookers how many there are.
"""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from auth_core.credentials import BreachedPasswords
from auth_core.kernel import Unavailable
from auth_core.tokens.verify.ports import SourceLost
from auth_core.tokens.verify.transport import HttpTransport

_LIMIT_BYTES = 1_000_000
_LINE = re.compile(r"([0-9A-F]{35}):([0-9]{1,12})")
_OK = 200
_THREADS = 4
_WAITING_MAX = 32


class RangeApi:
    """Bounded in time, size and number; follows no redirect, verifies TLS (SEC-64)."""

    def __init__(self, url: str) -> None:
        """``url`` is all before the five digits. Raises ValueError for one without TLS."""
        self._transport = HttpTransport(url)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="breach-lookup")
        self._waiting = 0

    async def suffixes(self, prefix: str) -> frozenset[str]:
        """As the port says."""
        if self._waiting >= _WAITING_MAX:
            raise Unavailable
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, prefix)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, prefix: str) -> frozenset[str]:
        try:
            answer = self._transport.ask(
                f"/{prefix}", headers={"Add-Padding": "true"}, limit=_LIMIT_BYTES
            )
        except SourceLost:
            raise Unavailable from None
        if answer.status != _OK:
            raise Unavailable
        lines = answer.body.decode("ascii", errors="replace").upper().split()
        found = [_LINE.fullmatch(line) for line in lines]
        if not found or None in found:  # no list at all, such as the page of a proxy
            raise Unavailable
        return frozenset(each[1] for each in found if each is not None and int(each[2]))


if TYPE_CHECKING:
    _: type[BreachedPasswords] = RangeApi
