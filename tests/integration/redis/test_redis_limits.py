"""Limits on a real server: shared by processes, kept by it, and never none without it."""

import asyncio
import json
import sys
from collections.abc import Callable
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from structlog.testing import capture_logs

from adapters.redis import (
    Digests,
    LocalFailureSpread,
    LocalRateLimiter,
    RedisFailureSpread,
    RedisRateLimiter,
    RedisSessionCache,
)
from adapters.redis.rate_limiter import GIVE_BACK, HIT
from auth_core.kernel import Hit, Limit, Secret, judge, returned
from tests.integration.redis.valkey_process import MakeCache, ValkeyProcess, until

KEY = Secret(b"a key that all processes have")
TWENTY = Limit(name="twenty", requests=20, period=20 * 3600)

ANOTHER_PROCESS = """
import asyncio, json, sys
from adapters.redis import Digests, LocalRateLimiter, RedisRateLimiter, RedisSessionCache
from auth_core.kernel import Hit, Limit, Secret

async def recently_ended():
    return []

async def main(url, key, subject, times):
    cache = RedisSessionCache(Secret(url), recently_ended)
    await cache.start()
    async with asyncio.timeout(60):
        while not cache.available:
            await asyncio.sleep(0.01)
    limiter = RedisRateLimiter(cache.connection, Digests(Secret(key.encode())), LocalRateLimiter())
    hit = Hit(Limit(name="twenty", requests=20, period=72000), subject)
    answers = await asyncio.gather(*(limiter.hit([hit]) for _ in range(int(times))))
    await cache.close()
    print(json.dumps([verdict.allowed for [verdict] in answers]))

asyncio.run(main(*sys.argv[1:]))
"""


def limiter_on(cache: RedisSessionCache, *, share: int = 4) -> RedisRateLimiter:
    return RedisRateLimiter(cache.connection, Digests(KEY), LocalRateLimiter(share=share))


async def allowed(limiter: RedisRateLimiter, hit: Hit, times: int) -> int:
    verdicts = [(await limiter.hit([hit]))[0] for _ in range(times)]
    return sum(verdict.allowed for verdict in verdicts)


@pytest.mark.sec("SEC-13")
async def test_processes_share_a_limit_and_the_next_one_begins_where_they_ended(
    redis_url: str, cache: RedisSessionCache
):
    subject = uuid4().hex

    async def another_process(times: int) -> int:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ANOTHER_PROCESS),
            *(redis_url, KEY.reveal().decode(), subject, str(times)),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert 0 == process.returncode
        return sum(json.loads(output))

    counts = await asyncio.gather(another_process(15), another_process(15))
    assert 20 == sum(counts)

    assert 0 == await another_process(5)
    assert 0 == await allowed(limiter_on(cache), Hit(TWENTY, subject), 5)


async def test_several_limits_take_one_round_trip(cache: RedisSessionCache):
    limiter, who = limiter_on(cache), uuid4().hex
    limits = [Limit(name=f"limit-{number}", requests=5, period=60) for number in range(4)]
    before = cache.round_trips

    await limiter.hit([Hit(limit, who) for limit in limits])

    assert 1 == cache.round_trips - before


async def test_one_moment_of_hits_and_reads_takes_one_round_trip(cache: RedisSessionCache):
    limiter = limiter_on(cache)
    before = cache.round_trips

    await asyncio.gather(
        *(limiter.hit([Hit(TWENTY, uuid4().hex)]) for _ in range(10)),
        *(cache.read(uuid4(), uuid4()) for _ in range(10)),
    )

    assert 1 == cache.round_trips - before


@pytest.mark.sec("SEC-71")
async def test_keys_name_nobody_live_no_longer_than_they_mean_something_and_are_single_slot(
    cache: RedisSessionCache, client: Redis
):
    who = "john.doe@example.com"
    await limiter_on(cache).hit([Hit(TWENTY, who)])
    spread = RedisFailureSpread(cache.connection, Digests(KEY), LocalFailureSpread())
    await spread.note(who, who, accounts=5, window=60)

    keys = sorted([key async for key in client.scan_iter()])

    digest = Digests(KEY).of(who)
    limit, set_of = f"fm:{{{digest}}}:limit:twenty".encode(), f"fm:{{{digest}}}:spread".encode()
    assert [limit, set_of] == [key for key in keys if digest.encode() in key]
    assert 0 < await client.pttl(limit) <= 3600 * 1000
    assert 0 < await client.pttl(set_of) <= 60 * 1000
    stored = [*keys, *(await client.smembers(set_of))]
    assert [] == [text for text in stored if b"john" in text or b"example" in text]
    assert digest != Digests(Secret(b"another key")).of(who)


async def test_what_is_given_back_completely_leaves_no_key(cache: RedisSessionCache, client: Redis):
    limiter, hit = limiter_on(cache), Hit(TWENTY, uuid4().hex)
    await limiter.hit([hit])
    await limiter.give_back([hit])
    await limiter.give_back([hit])
    await cache.ping()  # they go out with the next batch

    assert [] == [
        key
        async for key in client.scan_iter(match="*limit:twenty")
        if Digests(KEY).of(hit.subject).encode() in key
    ]


@given(
    limit=st.builds(
        Limit, name=st.just("x"), requests=st.integers(1, 1_000_000), period=st.integers(1, 86_400)
    ),
    ahead=st.none() | st.integers(-(10**6), 10**12),
    now=st.integers(1_700_000_000_000_000, 1_900_000_000_000_000),
)
def test_the_script_decides_as_the_core_does(redis_url: str, limit: Limit, ahead, now):
    """On a given time instead of the server's, which stands still while a script runs."""
    tat = None if ahead is None else now + ahead
    around = """
local now = tonumber(ARGV[3])
redis.call('DEL', KEYS[1])
if ARGV[4] ~= '' then redis.call('SET', KEYS[1], ARGV[4]) end
local function script() {} end
return {{script(), redis.call('GET', KEYS[1])}}
"""
    with BlockingRedis.from_url(redis_url) as server:

        def run(script: str) -> tuple[object, int | None]:
            given = (limit.step, limit.span, now, "" if tat is None else tat)
            answer, left = server.eval(around.format(script), 1, "script-test", *given)
            return answer, None if left is None else int(left)

        verdict = judge(limit, tat=tat, now=now)
        answer, left = run(HIT)
        assert [verdict.ahead, verdict.wait] == answer
        assert (now + verdict.ahead if verdict.allowed else tat) == left
        if tat is not None:
            assert returned(limit, tat=tat, now=now) == run(GIVE_BACK)[1]


@pytest.mark.sec("SEC-72")
async def test_without_a_server_the_process_counts_more_strictly_until_it_is_back(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    cache = await make_cache(valkey.url)
    limiter, hit = limiter_on(cache), Hit(TWENTY, "somebody")
    assert 3 == await allowed(limiter, hit, 3)
    assert limiter.shared

    await asyncio.to_thread(valkey.kill)
    await until(lambda: not cache.available)
    assert not limiter.shared
    assert 5 == await allowed(limiter, hit, 30)
    [verdict] = await limiter.hit([hit])
    assert (5, 0) == (verdict.limit.requests, verdict.remaining)
    assert 0 < verdict.retry_after <= 4 * 3600

    valkey.start()
    await until(lambda: limiter.shared)
    assert 20 == await allowed(limiter, hit, 30)  # an empty server begins anew


@pytest.mark.sec("SEC-72")
async def test_hits_under_way_when_the_server_dies_or_freezes_are_judged_here(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    cache = await make_cache(valkey.url)
    limiter = limiter_on(cache)
    valkey.freeze()
    answers = await asyncio.gather(*(limiter.hit([Hit(TWENTY, "somebody")]) for _ in range(50)))
    valkey.thaw()

    assert 5 == sum(verdict.allowed for [verdict] in answers)


async def test_a_restarted_server_that_kept_its_data_goes_on_counting(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    """Limits belong to no generation of cached state."""
    cache = await make_cache(valkey.url)
    limiter, hit = limiter_on(cache), Hit(TWENTY, "somebody")
    assert 20 == await allowed(limiter, hit, 20)
    valkey.ask("SAVE")

    await asyncio.to_thread(valkey.kill)
    await until(lambda: not cache.available)
    valkey.start()
    await until(lambda: limiter.shared)

    assert 0 == await allowed(limiter, hit, 5)


@pytest.mark.sec("SEC-72")
async def test_a_full_server_makes_the_process_count_and_say_so_once(
    valkey: ValkeyProcess, make_cache: MakeCache
):
    cache = await make_cache(valkey.url)
    limiter = limiter_on(cache)
    valkey.ask("CONFIG", "SET", "maxmemory", "1")
    with capture_logs() as logs:
        assert 5 == await allowed(limiter, Hit(TWENTY, "somebody"), 10)
    assert cache.available
    assert not limiter.shared
    told = [each for each in logs if each["event"] == "limits_local"]
    assert ["its memory is full"] == [each["reason"] for each in told]

    valkey.ask("CONFIG", "SET", "maxmemory", "0")
    assert 20 == await allowed(limiter, Hit(TWENTY, "somebody"), 25)
    assert limiter.shared


async def test_the_spread_is_counted_here_meanwhile(valkey: ValkeyProcess, make_cache: MakeCache):
    cache = await make_cache(valkey.url)
    spread = RedisFailureSpread(cache.connection, Digests(KEY), LocalFailureSpread())
    await asyncio.to_thread(valkey.kill)
    await until(lambda: not cache.available)

    told = [
        await spread.note("a network", f"user-{number}", accounts=3, window=60)
        for number in range(6)
    ]

    assert [2] == [number for number, one in enumerate(told) if one]


def local(capacity: int, share: int = 1) -> tuple[LocalRateLimiter, Callable[[int], None]]:
    now = [0]

    def pass_time(microseconds: int) -> None:
        now[0] += microseconds

    return LocalRateLimiter(share=share, capacity=capacity, now=lambda: now[0]), pass_time


async def test_a_full_table_lets_newcomers_share_one_counter_and_nobody_out():
    limiter, pass_time = local(capacity=100)
    limit = Limit(name="three", requests=3, period=30)
    for number in range(100):
        await limiter.hit([Hit(limit, f"early-{number}")])

    verdicts = [(await limiter.hit([Hit(limit, f"late-{number}")]))[0] for number in range(50)]

    assert 3 == sum(verdict.allowed for verdict in verdicts)
    assert len(limiter) == 101
    assert (await limiter.hit([Hit(limit, "early-7")]))[0].allowed
    pass_time(30_000_000)
    assert (await limiter.hit([Hit(limit, "late-1")]))[0].remaining == 2
    assert len(limiter) == 1


async def test_a_share_is_at_least_one_request():
    limiter, _ = local(capacity=10, share=4)
    limit = Limit(name="three", requests=3, period=30)

    verdicts = [(await limiter.hit([Hit(limit, "somebody")]))[0] for _ in range(3)]

    assert [True, False, False] == [verdict.allowed for verdict in verdicts]
    assert 30 == verdicts[1].retry_after
