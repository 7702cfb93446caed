"""Servers that answer and must not be trusted, and a truth that does not answer."""

import asyncio

import pytest

from auth_core.sessions import ENDED
from tests.hearing import capture_logs_of
from tests.integration.redis.valkey_process import (
    MakeCache,
    Truth,
    ValkeyProcess,
    new_state,
    until,
    warm,
)


@pytest.mark.sec("SEC-72")
async def test_without_the_truth_the_cache_stays_shut(
    valkey: ValkeyProcess, make_cache: MakeCache, truth: Truth
):
    cache = await make_cache(valkey.url)
    state = new_state()
    await warm(cache, state)
    truth.reachable = False
    with capture_logs_of("redis_") as logs:
        cache._connection.link.fail("test")
        asked = truth.asked
        await until(lambda: truth.asked >= asked + 3)

        assert not cache.available
        assert await cache.read(state.user.id, state.session.id) is None
        assert "PostgreSQL" in cache.trouble

        truth.reachable = True
        await until(lambda: cache.available)
    assert [entry["event"] for entry in logs] == ["redis_lost", "redis_back"]
    assert await cache.read(state.user.id, state.session.id) == state


async def test_an_unexpected_failure_of_the_truth_is_logged_once_and_retried(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    broken = True

    async def ended():
        if broken:
            raise ZeroDivisionError
        return []

    with capture_logs_of("redis_") as logs:
        cache = await make_cache(valkey.url, truth=ended)
        assert not cache.available
        broken = False
        await until(lambda: cache.available)

    assert [entry["event"] for entry in logs] == [
        "redis_unexpected_error",
        "redis_lost",
        "redis_back",
    ]


async def test_a_host_that_is_not_there_is_named(make_cache: MakeCache):
    with capture_logs_of("redis_") as logs:
        cache = await make_cache("redis://:hunter2@127.0.0.1:1/0")
        await until(lambda: bool(logs))

    assert not cache.available
    (line,) = logs
    assert line["address"] == "127.0.0.1:1"
    assert "hunter2" not in repr(logs)


@pytest.mark.sec("SEC-72")
@pytest.mark.parametrize("password", ["wr0ng", None])
async def test_a_wrong_password_is_named_and_not_shown(
    valkey: ValkeyProcess, make_cache: MakeCache, password: str | None
):
    valkey.kill()
    valkey.start("--requirepass", "s3cret")
    url = f"unix://{f':{password}@' if password else ''}{valkey.socket}"
    with capture_logs_of("redis_") as logs:
        cache = await make_cache(url)
        await until(lambda: bool(logs))
        await asyncio.sleep(0.3)

    (line,) = logs
    assert "password" in line["reason"]
    assert "wr0ng" not in repr(logs)
    assert not cache.available

    right = await make_cache(f"unix://:s3cret@{valkey.socket}")
    await warm(right, new_state())
    valkey.ask("CONFIG", "SET", "requirepass", password or "", password="s3cret")
    await until(lambda: cache.available)


@pytest.mark.sec("SEC-72")
async def test_a_read_only_server_is_not_trusted(valkey: ValkeyProcess, make_cache: MakeCache):
    here, there = await make_cache(valkey.url), await make_cache(valkey.url)
    state = new_state()
    await warm(here, state)
    with capture_logs_of("redis_") as logs:
        valkey.ask("REPLICAOF", "127.0.0.1", "1")

        await here.end(state.user.id, [state.session.id])

        assert await here.read(state.user.id, state.session.id) is None
        await until(lambda: not there.available)
        assert await there.read(state.user.id, state.session.id) is None
        valkey.ask("REPLICAOF", "NO", "ONE")
        await until(lambda: here.available and there.available)
    assert {entry["reason"] for entry in logs if entry["event"] == "redis_lost"} == {
        "it is a read-only replica: point us at the primary"
    }
    assert await there.read(state.user.id, state.session.id) is ENDED


@pytest.mark.parametrize("rule", ["-eval", "-mget", "-del", "-info", "-set"])
async def test_a_user_without_the_rights_is_never_taken_for_a_working_one(
    valkey: ValkeyProcess, make_cache: MakeCache, rule: str
):
    valkey.ask("ACL", "SETUSER", "limited", "on", ">pw", "~fm:*", "+@all", rule)
    with capture_logs_of("redis_") as logs:
        cache = await make_cache(f"unix://limited:pw@{valkey.socket}")

    assert not cache.available
    (line,) = logs
    assert line["reason"] == "its access rules forbid a command that we need"


async def test_the_rights_that_are_needed_are_few(valkey: ValkeyProcess, make_cache: MakeCache):
    rights = ("+info", "+select", "+mget", "+get", "+set", "+del", "+exists", "+eval")
    valkey.ask("ACL", "SETUSER", "limited", "on", ">pw", "~fm:*", *rights)

    cache = await make_cache(f"unix://limited:pw@{valkey.socket}?db=3")

    state = new_state()
    await warm(cache, state)
    await cache.end(state.user.id, [state.session.id])
    assert await cache.read(state.user.id, state.session.id) is ENDED


async def test_a_cluster_is_refused_by_name(valkey: ValkeyProcess, make_cache: MakeCache):
    valkey.kill()
    valkey.start("--cluster-enabled", "yes")
    with capture_logs_of("redis_") as logs:
        cache = await make_cache(valkey.url)

    assert not cache.available
    assert "cluster" in logs[0]["reason"]


async def test_a_silent_truth_is_not_waited_for_for_ever(
    valkey: ValkeyProcess, make_cache: MakeCache, truth: Truth, monkeypatch
):
    monkeypatch.setattr("adapters.redis.session_cache.RESYNC_LIMIT", 0.1)
    truth.gate = asyncio.Event()

    cache = await make_cache(valkey.url)

    assert not cache.available
    assert "PostgreSQL" in cache.trouble
    truth.gate.set()
    await until(lambda: cache.available)
