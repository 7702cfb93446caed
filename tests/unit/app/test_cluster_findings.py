"""What `fm-auth doctor` says about a cluster of Redis."""

from datetime import timedelta
from typing import Any

from adapters.redis.cluster.diagnosis import ClusterFacts, NodeFacts
from adapters.redis.diagnosis import RedisFacts
from app.doctor.cluster import cluster_findings
from app.doctor.finding import Level

EVICTS = "when its memory is full (5 MB) it evicts limits and the tombstones of ended sessions"


def node(slots: int, **change: Any) -> NodeFacts:
    said = {
        "server": "Valkey",
        "version": "9.0.0",
        "mode": "cluster",
        "role": "master",
        "replicas": 1,
        "policy": "noeviction",
        "max_memory": 0,
        "used_memory": 1,
        "ahead": timedelta(0),
    }
    return NodeFacts(slots=slots, said=RedisFacts(**(said | change)))


def test_a_cluster_that_is_well():
    facts = ClusterFacts(primaries={"a:1": node(10_000), "b:1": node(6_384)})

    assert [(each.level, each.text) for each in cluster_findings(facts)] == [
        (Level.OK, "cluster of 2 primaries; each of the 16384 slots has one"),
        (Level.OK, "a:1: Valkey 9.0.0, 10000 slots, 1 replica(s)"),
        (Level.OK, "b:1: Valkey 9.0.0, 6384 slots, 1 replica(s)"),
    ]


def test_each_node_that_is_not_is_named():
    facts = ClusterFacts(
        primaries={
            "a:1": node(4_000, replicas=0),
            "b:1": node(4_000, policy="allkeys-lru", max_memory=5_000_000),
            "c:1": NodeFacts(slots=8_000, said="c:1: it cannot be reached (refused)"),
        }
    )

    found = list(cluster_findings(facts))

    assert [(each.level, each.text) for each in found] == [
        (Level.ERROR, "nobody has 384 of its 16384 slots: users in them are never cached"),
        (Level.WARNING, "a:1: Valkey 9.0.0, 4000 slots, 0 replica(s)"),
        (Level.OK, "b:1: Valkey 9.0.0, 4000 slots, 1 replica(s)"),
        (
            Level.ERROR,
            "b:1: maxmemory-policy is allkeys-lru: " + EVICTS,
        ),
        (Level.ERROR, "c:1: it cannot be reached (refused) (8000 slots)"),
    ]
    assert all(each.advice for each in found if each.level is not Level.OK)
