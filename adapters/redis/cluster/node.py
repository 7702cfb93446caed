"""One primary of the cluster and our link to it."""

from collections.abc import Awaitable, Callable
from typing import cast

from adapters.redis.cluster.dial import ClusterUrl, NodeDialler
from adapters.redis.cluster.link import ClusterLink
from adapters.redis.cluster.redirect import Redirected
from adapters.redis.cluster.topology import Address, Primary
from adapters.redis.connection import SharedConnection
from adapters.redis.link import Link
from adapters.redis.trouble import Unsuitable
from auth_core.kernel import Metric, Metrics

Prepare = Callable[[ClusterLink, frozenset[int]], Awaitable[None]]
"""Makes a fresh link fit for use for the slots of its node."""

_EFFECT = (
    "session checks of the users in its slots ask PostgreSQL until it is back or its replica has"
    " taken over; answers stay correct, these requests are slower"
)


class NodeConnection(SharedConnection):
    """The link to a primary. It serves no slot before it has been prepared for it."""

    def __init__(
        self,
        url: ClusterUrl,
        primary: Primary,
        prepare: Prepare,
        on_redirect: Callable[[Address, Redirected], object],
        metrics: Metrics,
    ) -> None:
        self.at = primary.address
        self.slots = primary.slots
        self._prepare_for = prepare
        self._on_redirect = on_redirect
        dialler = NodeDialler(url, primary.address, lambda: self.slots)
        super().__init__(dialler, self._prepare_node, metrics=metrics, effect=_EFFECT)

    @property
    def link(self) -> ClusterLink | None:
        """See `SharedConnection.link`."""
        link = self._link
        if link is None or link.lost.done():
            return None
        return cast("ClusterLink", link)

    def has_now(self, slots: frozenset[int]) -> None:
        """Note which slots it has. When there are more the link begins anew: it owes them what
        every link begins with.
        """
        more, self.slots = not slots <= self.slots, slots
        if more and self.link is not None:
            self.link.fail("it has more slots now")

    async def _prepare_node(self, link: Link) -> None:
        link = cast("ClusterLink", link)
        link.on_redirect = lambda redirected: self._on_redirect(self.at, redirected)
        ready: frozenset[int] = frozenset()
        try:
            while not self.slots <= ready:  # it may have got more meanwhile
                ready = self.slots
                await self._prepare_for(link, ready)
        except Redirected:
            raise Unsuitable("it does not have its slots any more") from None


class NodeMetrics:
    """Counts what a node does as what Redis does; a link that comes or goes is told instead."""

    def __init__(self, metrics: Metrics, on_change: Callable[[], object]) -> None:
        self._metrics = metrics
        self._on_change = on_change

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """See `Metrics.count`."""
        self._metrics.count(metric, *labels, by=by)

    def set(self, metric: Metric, value: float | None, *labels: str) -> None:  # noqa: ARG002
        """It is whether there is a link to one node."""
        self._on_change()

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """See `Metrics.observe`."""
        self._metrics.observe(metric, value, *labels)
