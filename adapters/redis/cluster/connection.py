"""The links of a process to all primaries of a cluster, and which of them has which slot."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

import structlog

from adapters.redis.cluster.dial import ClusterUrl
from adapters.redis.cluster.link import ClusterLink
from adapters.redis.cluster.node import NodeConnection, NodeMetrics, Prepare
from adapters.redis.cluster.redirect import ASK, DOWN, MOVED, Redirected
from adapters.redis.cluster.slots import SLOTS
from adapters.redis.cluster.topology import Address, Primary, View, settle
from adapters.redis.cluster.views import first_views, view_of
from adapters.redis.commands import pack
from adapters.redis.metrics import CONNECTED
from adapters.redis.trouble import LinkLost, Refused, Unsuitable, describe
from auth_core.kernel import NO_METRICS, Metrics, Secret, end_tasks

_START_LIMIT = 0.5
_FIRST_PAUSE = 0.05  # between two looks, however many ask for one
_PAUSE_IN_TROUBLE = 1.0
_PAUSE = 10.0
_ASKED = 8
_ENOUGH = 2  # that answer, not to ask others
_HOPS = 4
_ASKING: Final = pack("ASKING")

_log = structlog.get_logger(__name__)


class ClusterConnection:
    """One link per primary, each for the slots that it has; they come and go by themselves.

    ``prepare`` makes a fresh link fit for use for its slots. A primary that is away makes only
    its slots unavailable, and nothing waits for it.
    """

    def __init__(
        self, url: Secret[str], prepare: Prepare, *, metrics: Metrics = NO_METRICS
    ) -> None:
        self._url = ClusterUrl(url)
        self._prepare = prepare
        self._metrics = metrics
        self._node_metrics = NodeMetrics(metrics, self._changed)
        self._nodes: dict[tuple[str, Address], NodeConnection] = {}
        self._holders: list[NodeConnection | None] = [None] * SLOTS
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._looks: list[asyncio.Future[None]] = []
        self._informant: Address | None = None
        self._batches = 0
        self._unheld = SLOTS
        self._reason = "it has not been asked yet"
        metrics.set(CONNECTED, 0)

    @property
    def trouble(self) -> str | None:
        """Which nodes are away and why, for the operator; None while every slot is served."""
        away = [
            f"{node.at}: {trouble}"
            for node in self._nodes.values()
            if (trouble := node.trouble) is not None
        ]
        if self._unheld:
            missing = f"nobody has {self._unheld} of its {SLOTS} slots"
            away.append(self._reason if self._unheld == SLOTS else missing)
        return "; ".join(away) or None

    @property
    def round_trips(self) -> int:
        """Batches sent over prepared links since the start."""
        return self._batches + sum(node.round_trips for node in self._nodes.values())

    @property
    def links(self) -> list[ClusterLink]:
        """The links that may be used now."""
        return [node.link for node in self._nodes.values() if node.link is not None]

    def link_of(self, slot: int) -> ClusterLink | None:
        """The link to who has a slot, if it may be used."""
        holder = self._holders[slot]
        return None if holder is None else holder.link

    async def run(
        self, slot: int, command: bytes, *, vital: bool = False, link: ClusterLink | None = None
    ) -> object:
        """Run a command where its keys are, following redirections; begin with ``link`` if given.

        Raises LinkLost when the way ends at a node that is away, and Refused, which is a
        Redirected when the slot is on its way and the command has to be another one.
        """
        link, asking = link or self.link_of(slot), False
        for _ in range(_HOPS):
            if link is None:
                break
            try:
                if asking:
                    link.send(_ASKING)
                return await link.send(command, vital=vital)
            except Redirected as redirected:
                if redirected.address is None:
                    raise
                asking = redirected.code == ASK
                link = self._link_at(redirected.address)
                if link is None:
                    await self.look()
                    link = self._link_at(redirected.address)
                    if link is None and not asking:  # MOVED: it may be known by another name
                        link = self.link_of(slot)
        raise LinkLost(self.trouble or "its nodes send us round and round")

    async def start(self) -> None:
        """Begin to connect. Returns once every slot is served, and after half a second."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="redis-cluster")
        try:
            async with asyncio.timeout(_START_LIMIT):
                while not self._nodes:
                    await self.look()
                await asyncio.gather(*(node.start() for node in self._nodes.values()))
        except TimeoutError:
            pass

    async def close(self) -> None:
        """Close all links and look no more."""
        task, self._task = self._task, None
        if task is not None:
            await end_tasks([task])
        await asyncio.gather(*(node.close() for node in self._nodes.values()))
        _settle_all(self._looks)

    async def retry(self, slot: int) -> None:
        """See who has the slot now, and one attempt to connect to them through."""
        await self.look()
        holder = self._holders[slot]
        if holder is not None:
            await holder.retry()

    async def look(self) -> None:
        """Wait for one look at who has which slots. Several at a time share it."""
        if self._task is None:
            return
        look = asyncio.get_running_loop().create_future()
        self._looks.append(look)
        self._hurry.set()
        await look

    def _link_at(self, address: Address) -> ClusterLink | None:
        return next((node.link for node in self._nodes.values() if node.at == address), None)

    def _redirected(self, by: Address, redirected: Redirected) -> None:
        if redirected.code in {MOVED, DOWN}:
            self._informant = by
            self._hurry.set()

    def _changed(self) -> None:
        self._metrics.set(CONNECTED, 1 if self.trouble is None else 0)
        if self.trouble is not None:
            self._hurry.set()

    async def _follow(self) -> None:
        while True:
            self._hurry.clear()
            looks, self._looks = self._looks, []
            try:
                await self._look_once()
            except Exception as error:  # noqa: BLE001 - whatever it is, we have to look again
                _log.error("redis_unexpected_error", exc_info=error)
            finally:
                _settle_all(looks)
            await asyncio.sleep(_FIRST_PAUSE)
            pause = _PAUSE if self.trouble is None else _PAUSE_IN_TROUBLE
            try:
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
            except TimeoutError:
                pass

    async def _look_once(self) -> None:
        views, reasons = await first_views(map(self._view_of, self._whom_to_ask()))
        if views:
            self._informant = None
            await self._apply(settle(views))
        else:
            self._reason = "; ".join(dict.fromkeys(reasons))

    def _whom_to_ask(self) -> Sequence[Address]:
        """Who last sent us elsewhere, some that answer, and those that we began with."""
        linked = [node.at for node in self._nodes.values() if node.link is not None]
        random.shuffle(linked)
        first = [] if self._informant is None else [self._informant]
        others = [node.at for node in self._nodes.values()] + self._url.seeds
        alone = len(linked) < _ENOUGH
        return list(dict.fromkeys([*first, *linked, *(others if alone else ())]))[:_ASKED]

    async def _view_of(self, address: Address) -> View | str:
        link = self._link_at(address)
        if link is None:
            return await view_of(self._url, address)
        try:
            return self._url.read_claims(await link.send(pack("CLUSTER", "NODES")), address)
        except (LinkLost, Refused, Unsuitable) as error:
            return f"{address}: {describe(error)}"

    async def _apply(self, primaries: Sequence[Primary]) -> None:
        before, self._nodes = self._nodes, {}
        holders: list[NodeConnection | None] = [None] * SLOTS
        for primary in primaries:
            key = primary.node_id, primary.address
            node = before.pop(key, None)
            if node is None:
                node = self._new(primary)
            else:
                node.has_now(primary.slots)
            self._nodes[key] = node
            for slot in primary.slots:
                holders[slot] = node
        self._holders = holders
        self._unheld = holders.count(None)
        for gone in before.values():
            self._batches += gone.round_trips
            await gone.close()
        self._metrics.set(CONNECTED, 1 if self.trouble is None else 0)

    def _new(self, primary: Primary) -> NodeConnection:
        node = NodeConnection(
            self._url, primary, self._prepare, self._redirected, self._node_metrics
        )
        node.begin()
        _log.info("redis_primary", address=str(primary.address), slots=len(primary.slots))
        return node


def _settle_all(looks: Sequence[asyncio.Future[None]]) -> None:
    for look in looks:
        if not look.done():
            look.set_result(None)
