"""What an operator should know of a cluster."""

import asyncio
from collections.abc import Mapping

import msgspec

from adapters.redis.cluster.dial import ClusterUrl, is_cluster_url
from adapters.redis.cluster.slots import SLOTS
from adapters.redis.cluster.topology import Primary, settle
from adapters.redis.cluster.views import first_views, view_of
from adapters.redis.diagnosis import RedisFacts, redis_facts
from auth_core.kernel import Clock, Secret, Unavailable


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A primary: how many slots it has, and what it says, or why it says nothing."""

    slots: int
    said: RedisFacts | str


class ClusterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The primaries by their addresses, in the order of their slots."""

    primaries: Mapping[str, NodeFacts]

    @property
    def unheld(self) -> int:
        """How many slots no primary has."""
        return SLOTS - sum(node.slots for node in self.primaries.values())


async def cluster_facts(url: Secret[str], clock: Clock) -> ClusterFacts | None:
    """Ask every primary; None when it is no cluster. Raises Unavailable when nobody answers."""
    if not is_cluster_url(url):
        return None
    nodes = ClusterUrl(url)
    views, reasons = await first_views(view_of(nodes, each) for each in nodes.seeds)
    if not views:
        raise Unavailable("; ".join(reasons))
    primaries = sorted(settle(views), key=lambda each: min(each.slots))
    told = await asyncio.gather(*(_node(nodes, each, clock) for each in primaries))
    return ClusterFacts(
        primaries={str(each.address): facts for each, facts in zip(primaries, told, strict=True)}
    )


async def _node(nodes: ClusterUrl, primary: Primary, clock: Clock) -> NodeFacts:
    return NodeFacts(
        slots=len(primary.slots), said=await _said(nodes.url_of(primary.address), clock)
    )


async def _said(url: Secret[str], clock: Clock) -> RedisFacts | str:
    try:
        return await redis_facts(url, clock)
    except Unavailable as error:
        return str(error)
