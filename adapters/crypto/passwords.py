"""argon2id in a bounded pool of threads (RFC 9106; OWASP's parameters)."""

import asyncio
import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from auth_core.credentials import PasswordHasher
from auth_core.kernel import Secret, Unavailable

T = TypeVar("T")

OWASP_MEMORY_KIB, OWASP_PASSES, OWASP_LANES = 19456, 2, 1
QUEUE_PER_THREAD = 16
"""Waiting hashes per thread before the next caller is turned away: about half a second of work."""


class Argon2Hasher:
    """Hashes and verifies off the event loop; a process runs one per core at a time (SEC-08)."""

    def __init__(
        self,
        *,
        memory_kib: int = OWASP_MEMORY_KIB,
        passes: int = OWASP_PASSES,
        lanes: int = OWASP_LANES,
        threads: int | None = None,
    ) -> None:
        self._threads = threads or len(os.sched_getaffinity(0))
        self._hasher = argon2.PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=lanes
        )
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobodys = Secret(
            f"$argon2id$v={argon2.low_level.ARGON2_VERSION}"
            f"$m={memory_kib},t={passes},p={lanes}${_random(16)}${_random(32)}"
        )

    async def hash(self, password: Secret[str]) -> Secret[str]:
        """A PHC string with a random salt. Raises Unavailable when the queue is full."""
        return Secret(await self._run(lambda: self._hasher.hash(password.reveal())))

    async def verify(self, password: Secret[str], password_hash: Secret[str] | None) -> bool:
        """Whether the password matches; None is compared with nobody's hash, at the same cost."""
        expected = (self._nobodys if password_hash is None else password_hash).reveal()
        matches = await self._run(lambda: self._matches(expected, password))
        return matches and password_hash is not None

    def close(self) -> None:
        """Let running hashes finish and release the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _matches(self, expected: str, password: Secret[str]) -> bool:
        try:
            return self._hasher.verify(expected, password.reveal())
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._threads * (1 + QUEUE_PER_THREAD):
            raise Unavailable("Too many sign-ins at once. Try again shortly.", retry_after=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _random(size: int) -> str:
    """Random bytes as PHC strings write them: no password has this hash."""
    return base64.b64encode(os.urandom(size)).rstrip(b"=").decode()


if TYPE_CHECKING:
    _: type[PasswordHasher] = Argon2Hasher
