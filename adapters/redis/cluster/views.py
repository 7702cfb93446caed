"""Asking several nodes who has which slots, without waiting for one that is away."""

import asyncio
from collections.abc import Awaitable, Iterable

from redis.exceptions import ConnectionError as NoConnection

from adapters.redis.cluster.dial import ClusterUrl
from adapters.redis.cluster.slots import slot_of
from adapters.redis.cluster.topology import Address, Primary, View, settle
from adapters.redis.trouble import describe

_GRACE = 0.1


async def view_of(url: ClusterUrl, address: Address) -> View | str:
    """What a node says, over a connection of its own, or why it does not."""
    try:
        return await url.claims(address)
    except Exception as error:  # noqa: BLE001 - whatever it is, others may know
        return f"{address}: {describe(error)}"


async def first_views(asking: Iterable[Awaitable[View | str]]) -> tuple[list[View], list[str]]:
    """Views that come at about the time of the first one, and the reasons of who has none."""
    tasks = {asyncio.ensure_future(each) for each in asking}
    waiting, views, reasons = tasks, list[View](), list[str]()
    try:
        while waiting:
            done, waiting = await asyncio.wait(
                waiting,
                timeout=_GRACE if views else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                break
            for task in done:
                answer = task.result()
                if isinstance(answer, str):
                    reasons.append(answer)
                else:
                    views.append(answer)
        return views, reasons
    finally:
        for task in tasks:
            task.cancel()


class Finder:
    """Finds the primary that has a key."""

    def __init__(self, url: ClusterUrl, key: str) -> None:
        self._url = url
        self._slot = slot_of(key)
        self._known = list(url.seeds)

    async def find(self) -> Primary:
        """The primary. Raises ConnectionError of redis-py when nobody knows."""
        views, reasons = await first_views(view_of(self._url, each) for each in self._known)
        primaries = settle(views)
        if primaries:  # those that we began with may go, one after the other
            known = (primary.address for primary in primaries)
            self._known = list(dict.fromkeys([*self._url.seeds, *known]))
        for primary in primaries:
            if self._slot in primary.slots:
                return primary
        raise NoConnection("; ".join(reasons) or "nobody has its slot")
