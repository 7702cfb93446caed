"""Timed rounds: floors and ours take turns, so that a busy machine slows all of them alike."""

import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from time import process_time

import redis
from joserfc import jws
from joserfc.jwk import RSAKey

from adapters.crypto import JoseKeyGenerator, JoseSigner
from adapters.system import SystemClock, SystemIds
from auth_core.keys import KeyUse
from auth_core.tokens import AccessClaims
from auth_core.tokens.claims import ACCESS_TYPE
from tests.load.bench import Generator
from tests.load.machine import cpu_seconds
from tests.load.scenarios import USERS, Scenario
from tests.load.service import Started

_SIGNATURES = 200
_CLAIMS_BYTES = 500
_ALGORITHM = "RS256"


@dataclass(frozen=True)
class Round:
    """One scenario, once."""

    rate: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    redis_trips: float


@dataclass(frozen=True)
class Rounds:
    """Medians over all rounds, and how far the CPU figure of single rounds lay apart."""

    rate: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    redis_trips: float
    cpu_low: float
    cpu_high: float

    @classmethod
    def of(cls, rounds: Sequence[Round]) -> "Rounds":
        """Summarise."""
        cpu = [each.cpu_ms for each in rounds]
        return cls(
            rate=statistics.median(each.rate for each in rounds),
            cpu_ms=statistics.median(cpu),
            p50_ms=statistics.median(each.p50_ms for each in rounds),
            p99_ms=statistics.median(each.p99_ms for each in rounds),
            redis_trips=statistics.median(each.redis_trips for each in rounds),
            cpu_low=min(cpu),
            cpu_high=max(cpu),
        )


class RedisCount:
    """How often something has been read from a client's socket: one batch, one round trip."""

    def __init__(self, server: "redis.Redis") -> None:
        self._server = server
        self._before = self._reads()

    def so_far(self) -> int:
        """Reads since this was made, without our own question."""
        return self._reads() - self._before - 1

    def _reads(self) -> int:
        found: int = self._server.info("stats")["total_reads_processed"]
        return found


def one_round(
    scenario: Scenario, service: Started, generator: Generator, server: "redis.Redis", amount: int
) -> Round:
    """Warm up with the same kind of request, then count and time ``amount`` of them."""
    warm = max(USERS, amount // 8)
    requests = scenario.prepare(warm + amount)
    generator.send(service.port, requests[:warm], status=scenario.status)
    trips = RedisCount(server)
    before = cpu_seconds(service.worker)
    outcome = generator.send(service.port, requests[warm:], status=scenario.status)
    cpu = cpu_seconds(service.worker) - before
    ordered = sorted(outcome.latencies)
    return Round(
        rate=amount / outcome.seconds,
        cpu_ms=cpu / amount * 1000,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[len(ordered) * 99 // 100] * 1000,
        redis_trips=trips.so_far() / amount,
    )


class Signing:
    """What one RS256 signature costs, in a process of its own on the service's core."""

    def __init__(self, helper: ProcessPoolExecutor) -> None:
        self._helper = helper
        self._key = RSAKey.generate_key(2048).as_pem(private=True)

    def milliseconds(self) -> float:
        """CPU time of one signature, the mean of a few hundred."""
        return self._helper.submit(_sign, self._key).result()

    def issue_milliseconds(self) -> float:
        """CPU time of making one ES256 access token in process, claims and all."""
        return self._helper.submit(_issue).result()


def _sign(pem: bytes) -> float:
    key, payload = RSAKey.import_key(pem), b"x" * _CLAIMS_BYTES
    header = {"alg": _ALGORITHM, "kid": "bench", "typ": "at+jwt"}
    jws.serialize_compact(header, payload, key, algorithms=[_ALGORITHM])
    began = process_time()
    for _ in range(_SIGNATURES):
        jws.serialize_compact(header, payload, key, algorithms=[_ALGORITHM])
    return (process_time() - began) / _SIGNATURES * 1000


def _issue() -> float:
    clock, ids = SystemClock(), SystemIds()
    key = JoseKeyGenerator(clock, access_algorithm="ES256").generate(KeyUse.ACCESS)
    signer, client = JoseSigner(), ids.uuid()

    def once() -> None:
        now = int(clock.now().timestamp())
        claims = AccessClaims(
            sub=client,
            iss="https://auth.faultmaven.ai",
            aud="faultmaven-api",
            iat=now,
            exp=now + 900,
            jti=str(ids.uuid()),
            sid=client,
            username="bench",
            email="bench@example.com",
            email_verified=False,
            roles=("user",),
            scopes=("personal", "global"),
        )
        signer.sign(claims, key=key, typ=ACCESS_TYPE)

    once()
    began = process_time()
    for _ in range(_SIGNATURES):
        once()
    return (process_time() - began) / _SIGNATURES * 1000
