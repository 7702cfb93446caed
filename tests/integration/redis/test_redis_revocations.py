"""The revocation feed as a relying service reads it from Redis."""

from itertools import islice
from uuid import uuid4

import pytest

from adapters.redis import RedisRevocations
from auth_core.kernel import Secret
from auth_core.testing.contracts import CutOff, EndSession, RevocationSourceContract
from auth_core.tokens.verify import Alive, Reset, Revocation, Revoked, Snapshot, SourceLost
from tests.integration.redis.valkey_process import ValkeyProcess


def revoke(valkey):
    session = uuid4()
    entry = ("sid", str(session), "exp", "2000000000")
    valkey.ask("XADD", "auth:revocations", "*", *entry)
    return Revocation(session_id=session, expires_at=2_000_000_000)


def vouch(valkey, milliseconds=1000):
    valkey.ask("SET", "auth:revocations:as_of", milliseconds)


def follow(valkey, cursor=None):
    return RedisRevocations(Secret(valkey.url)).follow(cursor)


def test_a_snapshot_comes_first_and_then_what_is_added(valkey: ValkeyProcess):
    first = revoke(valkey)
    vouch(valkey)
    feed = follow(valkey)
    messages = iter(feed)

    snapshot = next(messages)
    second = revoke(valkey)
    added, alive = islice(messages, 2)

    assert isinstance(snapshot, Snapshot)
    assert [first] == snapshot.revocations
    assert isinstance(added, Revoked)
    assert second == added.revocation
    assert Alive(as_of=1.0) == alive
    feed.close()
    resumed = follow(valkey, added.cursor)
    assert Alive(as_of=1.0) == next(iter(resumed))
    resumed.close()


@pytest.mark.sec("SEC-72")
def test_a_flushed_redis_vouches_for_nothing(valkey: ValkeyProcess):
    revoke(valkey)
    vouch(valkey)
    feed = follow(valkey)
    messages = iter(feed)
    next(messages)

    valkey.ask("FLUSHALL")

    assert Reset() == next(messages)
    feed.close()
    with pytest.raises(SourceLost, match="nobody vouches"):
        next(iter(follow(valkey)))
    vouch(valkey)  # but the stream is older than what was read before
    assert Reset() == next(iter(follow(valkey, "99999999999999-0")))


def test_a_redis_that_is_gone_is_lost(valkey: ValkeyProcess):
    valkey.kill()

    with pytest.raises(SourceLost):
        next(iter(follow(valkey)))


class TestContract(RevocationSourceContract):
    @pytest.fixture
    def revocation_source(self, valkey: ValkeyProcess) -> RedisRevocations:
        vouch(valkey)
        return RedisRevocations(Secret(valkey.url))

    @pytest.fixture
    def end_session(self, valkey: ValkeyProcess) -> EndSession:
        return lambda: revoke(valkey)

    @pytest.fixture
    def cut_off(self, valkey: ValkeyProcess) -> CutOff:
        return valkey.kill
