"""Opening links to the nodes of a cluster, and asking them about it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final, cast

from redis.asyncio.connection import SSLConnection

from adapters.redis.cluster.link import ClusterLink
from adapters.redis.cluster.topology import Address, View, parse_claims
from adapters.redis.commands import pack
from adapters.redis.dial import (
    CONNECT_LIMIT,
    Dialler,
    ask,
    connected,
    connection_options,
    facts_in,
    in_cluster_mode,
    run_in,
    transport_of,
)
from adapters.redis.link import Link
from adapters.redis.trouble import LinkLost, Refused, Unsuitable
from auth_core.kernel import Secret

REIGN_LENGTH: Final = 8
SCHEMES: Final = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
"""How the URL of a cluster begins, and that of a node of it."""

_PORT = 6379
_serials = count(1)  # one series for all nodes: a lease is good on the link that it was taken on


def is_cluster_url(url: Secret[str]) -> bool:
    """Whether a URL leads to a cluster."""
    return url.reveal().partition("://")[0] in SCHEMES


class ClusterUrl:
    """``redis+cluster://user:password@host:port,host:port``: nodes to begin with.

    What stands before the hosts and behind them counts for every node.
    """

    def __init__(self, url: Secret[str]) -> None:
        scheme, _, rest = url.reveal().partition("://")
        place, slash, behind = rest.partition("/")
        user, at, hosts = place.rpartition("@")
        self._before, self._after = f"{SCHEMES[scheme]}://{user}{at}", f"{slash}{behind}"
        kinds = [
            connection_options(f"{self._before}{host}{self._after}") for host in hosts.split(",")
        ]
        self.kind, self.options = kinds[0]
        self.by_name = issubclass(self.kind, SSLConnection)
        self.seeds = [
            Address(str(options.get("host", "localhost")), int(options.get("port", _PORT)))
            for _, options in kinds
        ]

    def url_of(self, address: Address) -> Secret[str]:
        """The URL of one node."""
        return Secret(f"{self._before}{address}{self._after}")

    def at(self, address: Address) -> dict[str, Any]:
        """How redis-py connects to one node."""
        return {**self.options, "host": address.host, "port": address.port}

    async def claims(self, address: Address) -> View:
        """What a node says of who has which slots, over a connection of its own.

        Raises Unsuitable, OSError, TimeoutError or an error of redis-py.
        """
        async with connected(self.kind, self.at(address), CONNECT_LIMIT) as connection:
            async with asyncio.timeout(CONNECT_LIMIT):
                if not in_cluster_mode(facts_in(await ask(connection, "INFO", "server"))):
                    raise Unsuitable("it is not a node of a cluster: set REDIS_MODE=standalone")
                answer = await ask(connection, "CLUSTER", "NODES")
        return self.read_claims(answer, address)

    def read_claims(self, answer: object, asked: Address) -> View:
        """The same from the answer of ``asked`` to CLUSTER NODES. Raises Unsuitable."""
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
        try:
            return parse_claims(text, asked, by_name=self.by_name)
        except ValueError:
            raise Unsuitable("it answers CLUSTER NODES in a way that we do not know") from None


class NodeDialler:
    """Opens links to one node. ``slots``: those that it has now."""

    def __init__(
        self, url: ClusterUrl, address: Address, slots: Callable[[], frozenset[int]]
    ) -> None:
        self._url = url
        self._at = address
        self._slots = slots
        self.address = str(address)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """See `Dialler.open`."""
        async with connected(self._url.kind, self._url.at(self._at), CONNECT_LIMIT) as connection:
            async with asyncio.timeout(CONNECT_LIMIT):
                server = facts_in(await ask(connection, "INFO", "server"))
                place = facts_in(await ask(connection, "CLUSTER", "INFO"))
            transport = transport_of(connection)
            epoch = _epoch(place)
            link = ClusterLink(
                transport,
                serial=next(_serials),
                reign=_reign(run_in(server), epoch),
                epoch=epoch,
                address=self._at,
                slots=self._slots,
            )
            transport.set_protocol(link)
            try:
                yield link
            finally:
                link.fail("it is not used any more")

    async def confirm(self, link: Link) -> None:
        """Fail the link when the node has another place in the cluster than when it was opened.

        Then what it holds is that of another reign.
        """
        link = cast("ClusterLink", link)
        with suppress(LinkLost, Refused):
            answer = await link.send(pack("CLUSTER", "INFO"), vital=True)
            try:
                if _epoch(facts_in(answer)) != link.epoch:
                    link.fail("it has another place in its cluster now")
            except Unsuitable as reason:
                link.fail(str(reason))

    async def close(self) -> None:
        """Nothing: nothing is kept."""


def _epoch(place: dict[str, str]) -> str:
    """The configuration epoch of a node that is in a cluster that works."""
    if place.get("cluster_state") != "ok":
        raise Unsuitable("its cluster is down: CLUSTER INFO says more")
    epoch = place.get("cluster_my_epoch", "")
    if not epoch.isdecimal():
        raise Unsuitable("it does not tell its epoch (CLUSTER INFO)")
    return epoch


def _reign(run: str, epoch: str) -> bytes:
    return hashlib.blake2b(f"{run} {epoch}".encode(), digest_size=REIGN_LENGTH).digest()


if TYPE_CHECKING:
    _: type[Dialler] = NodeDialler
