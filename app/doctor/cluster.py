"""What there is to say about a cluster of Redis."""

from collections.abc import Iterator

from adapters.redis.cluster.diagnosis import ClusterFacts
from adapters.redis.diagnosis import RedisFacts
from app.doctor.finding import Finding, Level
from app.doctor.redis_server import memory_findings

_ABOUT = "redis"


def cluster_findings(facts: ClusterFacts) -> Iterator[Finding]:
    """Every slot has a primary that answers, keeps what we rely on, and could be replaced."""
    if facts.unheld:
        text = f"nobody has {facts.unheld} of its 16384 slots: users in them are never cached"
        advice = "CLUSTER NODES shows who had them; `valkey-cli --cluster fix` gives them away"
        yield Finding(Level.ERROR, _ABOUT, text, advice)
    else:
        text = f"cluster of {len(facts.primaries)} primaries; each of the 16384 slots has one"
        yield Finding(Level.OK, _ABOUT, text)
    for address, node in facts.primaries.items():
        if isinstance(node.said, RedisFacts):
            yield from _node_findings(address, node.slots, node.said)
        else:
            advice = "start it, or let a replica take over: CLUSTER FAILOVER FORCE on it"
            yield Finding(Level.ERROR, _ABOUT, f"{node.said} ({node.slots} slots)", advice)


def _node_findings(address: str, slots: int, said: RedisFacts) -> Iterator[Finding]:
    text = f"{address}: {said.server} {said.version}, {slots} slots, {said.replicas} replica(s)"
    if said.replicas:
        yield Finding(Level.OK, _ABOUT, text)
    else:
        advice = "CLUSTER REPLICATE on another node: nobody can take over its slots"
        yield Finding(Level.WARNING, _ABOUT, text, advice)
    yield from memory_findings(said, _ABOUT, node=f"{address}: ")
