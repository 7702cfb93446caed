"""argon2id in a bounded pool of threads (RFC 9106; OWASP's parameters)."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import argon2

from adapters.crypto.metrics import HASH_REFUSED, HASH_WAIT, HASH_WORK
from adapters.crypto.passwords import argon2 as phc
from adapters.crypto.passwords.foreign import read
from adapters.crypto.passwords.pepper import Pepper, PepperKey
from adapters.crypto.passwords.reading import Refused, unpadded
from auth_core.credentials import PasswordHasher
from auth_core.kernel import NO_METRICS, Metrics, Secret, Unavailable

T = TypeVar("T")

OWASP_MEMORY_KIB, OWASP_PASSES, OWASP_LANES = 19456, 2, 1
QUEUE_PER_THREAD = 64
"""Waiting hashes per thread before the next caller is turned away: about two seconds of work."""
_SALT_BYTES, _DIGEST_BYTES = 16, 32


class Argon2Hasher:
    """Hashes and verifies off the event loop; a process runs one per core at a time (SEC-08)."""

    def __init__(
        self,
        *,
        memory_kib: int = OWASP_MEMORY_KIB,
        passes: int = OWASP_PASSES,
        lanes: int = OWASP_LANES,
        threads: int | None = None,
        pepper: Sequence[PepperKey] = (),
        metrics: Metrics = NO_METRICS,
    ) -> None:
        """Raises Misconfigured for pepper keys that are none."""
        self._threads = threads or len(os.sched_getaffinity(0))
        self._hasher = argon2.PasswordHasher(
            time_cost=passes,
            memory_cost=memory_kib,
            parallelism=lanes,
            salt_len=_SALT_BYTES,
            hash_len=_DIGEST_BYTES,
        )
        self._pepper = Pepper(pepper)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="argon2")
        self._waiting = 0
        self._metrics = metrics
        cost = f"$argon2id$v={argon2.low_level.ARGON2_VERSION}$m={memory_kib},t={passes},p={lanes}"
        key = "" if self._pepper.current is None else f",keyid={self._pepper.current}"
        self._plain_prefix, self._prefix = f"{cost}$", f"{cost}{key}$"
        # no password has this hash
        self._nobodys = Secret(
            self._prefix
            + unpadded(os.urandom(_SALT_BYTES))
            + "$"
            + unpadded(os.urandom(_DIGEST_BYTES))
        )

    async def hash(self, password: Secret[str]) -> Secret[str]:
        """A PHC string with a random salt. Raises Unavailable when the queue is full."""
        return Secret(await self._run(lambda: self._hashed(password)))

    async def verify(self, password: Secret[str], password_hash: Secret[str] | None) -> bool:
        """As the port says. Raises Unavailable when the queue is full."""
        return await self._run(lambda: self._matches(password, password_hash))

    def is_current(self, password_hash: Secret[str]) -> bool:
        """Whether it has today's parameters and pepper key."""
        _, _, rest = password_hash.reveal().partition(self._prefix)
        salt, _, digest = rest.partition("$")
        lengths = len(unpadded(bytes(_SALT_BYTES))), len(unpadded(bytes(_DIGEST_BYTES)))
        return (len(salt), len(digest)) == lengths

    def close(self) -> None:
        """Let running hashes finish and release the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _hashed(self, password: Secret[str]) -> str:
        peppered = self._pepper.digest(password.reveal().encode(), self._pepper.current)
        return self._prefix + self._hasher.hash(peppered).removeprefix(self._plain_prefix)

    def _matches(self, password: Secret[str], stored: Secret[str] | None) -> bool:
        try:
            text = password.reveal().encode()
        except UnicodeEncodeError:
            return False
        known = self._nobodys if stored is None else stored
        try:
            return self._compare(text, known.reveal())
        except Refused:  # never evaluated, at the cost of one that is
            self._compare(text, self._nobodys.reveal())
            return False

    def _compare(self, password: bytes, stored: str) -> bool:
        check = read(stored)
        kid = phc.key_id(stored) if stored.startswith(phc.PREFIXES) else None
        if kid is not None and not self._pepper.knows(kid):
            raise Refused("unknown_pepper_key")
        return check(self._pepper.digest(password, kid))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._threads * (1 + QUEUE_PER_THREAD):
            self._metrics.count(HASH_REFUSED)
            raise Unavailable("Too many sign-ins at once. Try again shortly.", retry_after=1)
        self._waiting += 1
        asked = perf_counter()

        def timed() -> tuple[T, float, float]:
            began = perf_counter()
            return work(), began, perf_counter()

        try:
            done, began, ended = await asyncio.get_running_loop().run_in_executor(self._pool, timed)
        finally:
            self._waiting -= 1
        self._metrics.observe(HASH_WAIT, began - asked)
        self._metrics.observe(HASH_WORK, ended - began)
        return done


if TYPE_CHECKING:
    _: type[PasswordHasher] = Argon2Hasher
