"""Who has which slots, as CLUSTER NODES tells it.

Nodes differ in what they know while the cluster changes. They settle it by the configuration epoch:
who claims a slot with the highest one has it. So do we, over the answers of several nodes.
"""

from collections.abc import Iterable
from typing import NamedTuple

from adapters.redis.cluster.slots import SLOTS

Ranges = tuple[tuple[int, int], ...]


class Address(NamedTuple):
    """Where a node takes connections."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Claim(NamedTuple):
    """The slots that a primary claims; both ends of a range are in it."""

    node_id: str
    address: Address
    epoch: int
    ranges: Ranges


View = tuple[Claim, ...]
"""What one node says."""


class Primary(NamedTuple):
    """A node and the slots that it has."""

    node_id: str
    address: Address
    epoch: int
    slots: frozenset[int]


def parse_claims(text: str, asked: Address, *, by_name: bool = False) -> View:
    """The claims in an answer to CLUSTER NODES by the node ``asked``.

    ``by_name``: prefer the name that a node announces to its address, as certificates want it.
    Raises ValueError for what is no such answer.
    """
    claims = []
    for line in filter(None, text.splitlines()):
        node_id, place, flags, _, _, _, epoch, _, *slots = line.split(" ")
        if "master" in flags.split(","):
            ranges = tuple(_range(each) for each in slots if not each.startswith("["))
            if ranges:
                claims.append(Claim(node_id, _address(place, asked, by_name), int(epoch), ranges))
    return tuple(claims)


def settle(views: Iterable[View]) -> list[Primary]:
    """Who has which slots, given what several nodes say."""
    holders: list[Claim | None] = [None] * SLOTS
    newest: dict[str, Claim] = {}
    for claim in sorted({claim for view in views for claim in view}, key=lambda each: each.epoch):
        newest[claim.node_id] = claim
        for first, last in claim.ranges:
            holders[first : last + 1] = [claim] * (last + 1 - first)
    slots: dict[str, set[int]] = {}
    for slot, holder in enumerate(holders):
        if holder is not None:
            slots.setdefault(holder.node_id, set()).add(slot)
    return [
        Primary(node_id, newest[node_id].address, newest[node_id].epoch, frozenset(held))
        for node_id, held in slots.items()
    ]


def _address(place: str, asked: Address, by_name: bool) -> Address:  # noqa: FBT001
    # ip:port@cport, since Redis 7 followed by ,hostname and by further ,name=value
    address, *further = place.split(",")
    host, _, port = address.partition("@")[0].rpartition(":")
    name = next((each for each in further if each and "=" not in each), "")
    # a node that nobody has met yet does not know its own address
    return Address((name if by_name and name else host.strip("[]")) or asked.host, int(port))


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    found = int(first), int(last or first)
    if not 0 <= found[0] <= found[1] < SLOTS:
        raise ValueError(text)
    return found
