"""Links to the primary that the sentinels name, and away from it when they name another.

A link is used for no longer than `TRUST` after a majority has last named its server, and a new
primary is not used before every link to the one before it must have been given up. So no two
workers ever use two primaries, and an old one that lives on tells nobody anything.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from redis.asyncio.connection import AbstractConnection

from adapters.redis.commands import GENERATION_LENGTH
from adapters.redis.dial import CONNECT_LIMIT, Dialler, ask, connected, linked, run_id
from adapters.redis.link import Link
from adapters.redis.sentinel_url import parse_sentinel_url
from adapters.redis.sentinels import Agreement, Primary, Sentinels
from adapters.redis.trouble import Unsuitable
from auth_core.kernel import Secret

TRUST: Final = 2.5
"""Seconds. More than two heartbeats, and with what follows less than a feed may be silent for."""
_PAUSE: Final = 0.2
_MARGIN: Final = 0.1  # clocks of two machines do not run at quite the same speed


class SentinelDialler:
    """Opens links to the primary of one master set."""

    def __init__(self, url: Secret[str]) -> None:
        self._url = parse_sentinel_url(url)
        self._sentinels = Sentinels(self._url)
        self._serial = 0
        self._primary: Primary | None = None

    @property
    def address(self) -> str:
        """See `Dialler.address`: the sentinels, and the primary that they have named last."""
        if self._primary is None:
            return self._sentinels.address
        return f"{self._primary.host}:{self._primary.port}, {self._sentinels.address}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """See `Dialler.open`. Waits for `TRUST` seconds when the primary is a new one."""
        found = await self._settled()
        primary = self._primary = found.primary
        self._serial += 1
        options = {**self._url.server, "host": primary.host, "port": primary.port}
        async with connected(self._url.kind, options, CONNECT_LIMIT) as connection:
            async with asyncio.timeout(CONNECT_LIMIT):
                generation = generation_of(await run_id(connection), primary)
                await _require_primary(connection)
            async with linked(connection, serial=self._serial, generation=generation) as link:
                link.trusted_until = found.asked_at + TRUST
                yield link

    async def confirm(self, link: Link) -> None:
        """See `Dialler.confirm`. Asks again while the link may still be trusted."""
        found = await self._heard_in_time(link)
        if found is None:
            return
        if found.primary == self._primary:
            link.trusted_until = found.asked_at + TRUST
        else:
            link.fail(f"{found.primary.host}:{found.primary.port} is the primary now")

    async def close(self) -> None:
        """See `Dialler.close`."""
        await self._sentinels.close()

    async def _heard_in_time(self, link: Link) -> Agreement | None:
        while not link.lost.done():
            try:
                return await self._sentinels.agree()
            except Unsuitable as error:
                left = link.trusted_until - asyncio.get_running_loop().time()
                if left <= 0:
                    link.fail(str(error))
                else:
                    await asyncio.sleep(min(left, _PAUSE))
        return None

    async def _settled(self) -> Agreement:
        while True:
            found = await self._sentinels.agree()
            early = TRUST + _MARGIN - found.age
            if early <= 0:
                return found
            await asyncio.sleep(early)


def generation_of(run: str, primary: Primary) -> str:
    """Another one after each failover, also when it leads back to a server that lived on."""
    text = f"{run}:{primary.epoch}".encode()
    return hashlib.blake2s(text, digest_size=GENERATION_LENGTH // 2).hexdigest()


async def _require_primary(connection: AbstractConnection) -> None:
    answer = await ask(connection, "ROLE")
    role = answer[0] if isinstance(answer, list) and answer else b""
    if role not in (b"master", "master"):
        raise Unsuitable("the sentinels name it as the primary, and it is a replica still")


if TYPE_CHECKING:
    _: type[Dialler] = SentinelDialler
