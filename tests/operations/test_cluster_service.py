"""A cluster that changes under two nodes that serve: nobody is turned away, nobody comes back."""

import asyncio
import json
from contextlib import suppress
from itertools import islice

import pytest

from adapters.redis import RedisEventStream, RedisRevocations, RedisRevocationStream
from adapters.redis.cluster.slots import slot_of
from adapters.redis.revocation_stream import STREAM
from auth_core.events import PublishingFailed
from auth_core.kernel import Secret, Unavailable
from auth_core.testing.contracts.event_publisher import new_cloud_event
from auth_core.testing.contracts.making import now
from auth_core.testing.contracts.revocation_stream import LIFETIME, new_revocation
from auth_core.tokens.verify import Reset, Snapshot
from tests.e2e.running import Service, Services, eventually, fm_auth
from tests.operations.cluster_nodes import Cluster
from tests.operations.test_sentinel_service import Checks


@pytest.mark.sec("SEC-29", "SEC-33", "SEC-72")
def test_a_lost_primary_and_a_moved_slot_refuse_nobody_and_revive_nobody(
    cluster: Cluster, settings: dict[str, str], services: Services
) -> None:
    settings |= {"REDIS_URL": cluster.url, "RATE_LIMIT_REQUESTS": "1000000"}
    nodes = [services(settings) for _ in range(2)]
    for node in nodes:
        node.start()
    for node in nodes:
        node.until("ready")
    names = [nodes[0].register() for _ in range(9)]  # in slots of every primary, very likely
    kept = [token for _, token in names]
    tokens = [nodes[0].log_in(name) for name, _ in names for _ in range(4)]
    for node in nodes:
        assert {200} == {node.check(token) for token in (*kept, *tokens)}
    checks = Checks(nodes, kept)

    def log_out(node: Service) -> None:
        token = tokens.pop()
        node.log_out(token)
        checks.ended.append(token)

    primary, source, target = [each for each in cluster.nodes if each.is_primary()]
    with checks.going_on():
        log_out(nodes[0])
        primary.kill()
        eventually(lambda: "degraded" == nodes[0].readiness())
        log_out(nodes[1])
        for node in nodes:
            node.until("ready")
            log_out(node)
        for slot in cluster.slots_in_use(source)[:20]:
            cluster.move(slot, source, target)
            if len(tokens) > 10:
                log_out(nodes[slot % 2])
        for node in nodes:
            node.until("ready")
            log_out(node)
        assert {200} == {node.check(token) for node in nodes for token in kept}

    assert not checks.wrong
    assert checks.asked > 100
    assert {401} == {node.check(token) for node in nodes for token in checks.ended}
    lost = [line for line in nodes[0].output.splitlines() if '"redis_lost"' in line]
    assert primary.address in {json.loads(line)["address"] for line in lost}
    told = fm_auth("doctor", settings=settings)
    assert "cluster of 3 primaries; each of the 16384 slots has one" in told.stdout
    assert ", 0 replica(s)" in told.stdout
    assert f"{target.address}: Valkey" in told.stdout
    primary.start()
    cluster.complete()
    told = fm_auth("doctor", settings=settings)
    assert 0 == told.returncode, told.stdout
    assert ", 0 replica(s)" not in told.stdout


def test_a_service_that_is_not_told_of_the_cluster_says_what_to_set(
    cluster: Cluster, settings: dict[str, str]
) -> None:
    settings["REDIS_URL"] = cluster.url.replace("redis+cluster://", "redis://").split(",")[0]

    told = fm_auth("doctor", settings=settings)

    assert "set REDIS_MODE=cluster" in told.stdout
    assert 1 == told.returncode


@pytest.mark.sec("SEC-65", "SEC-72")
async def test_the_streams_follow_their_slot_and_are_whole_on_the_new_primary(
    cluster: Cluster,
) -> None:
    """A process fills the stream again before it vouches for it: the last entries may be lost."""
    url, entry, event = Secret(cluster.url), new_revocation(), new_cloud_event()
    stream = RedisRevocationStream(url, access_lifetime=LIFETIME)
    events = RedisEventStream(url, max_length=100)
    cluster.flush()
    while not await stream.confirm(now()):
        await stream.add([entry])
    feed = RedisRevocations(url).follow(None)
    messages = iter(feed)
    snapshot = next(messages)
    assert isinstance(snapshot, Snapshot)
    assert entry.session_id in {each.session_id for each in snapshot.revocations}
    old = cluster.holder_of(slot_of(STREAM))
    await asyncio.to_thread(cluster.promote, cluster.replica_of(old))

    vouched = True
    async with asyncio.timeout(60):
        while vouched:
            with suppress(Unavailable):
                vouched = await stream.confirm(now())
            await asyncio.sleep(0.05)
        await stream.add([entry])
        while not vouched:
            with suppress(Unavailable):
                vouched = await stream.confirm(now())
    assert Reset() in islice(messages, 1000)
    feed.close()
    async with asyncio.timeout(60):
        while True:
            try:
                await events.publish([event])
            except PublishingFailed:  # once, by the connection that led to the old primary
                continue
            break
    new = cluster.holder_of(slot_of(STREAM))
    assert new is not old
    found = [each["sid"] for _, each in new.ask("XRANGE", STREAM, "-", "+")]
    assert 2 == found.count(str(entry.session_id))
    for each in (stream, events):
        await each.close()
