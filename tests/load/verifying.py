"""What verifying costs another service: verifiers in a process of their own, fed by a real one."""

import os
import statistics
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from time import thread_time
from urllib.request import Request, urlopen

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import RSAKey

from adapters.crypto import JoseKeyGenerator, JoseSigner
from adapters.system import SystemClock, SystemIds
from auth_core.kernel import InvalidToken, Secret
from auth_core.keys import KeyUse
from auth_core.tokens import AccessClaims
from auth_core.tokens.access_token import AccessTokenVerification
from auth_core.tokens.claims import ACCESS_TYPE
from auth_core.tokens.signatures import verification_key
from auth_core.tokens.verify import HttpIssuer, Revocation, SyncTokenVerifier
from auth_core.tokens.verify.revocations import RevokedSessions
from tests.load.bench import CLIENT, Place, helper
from tests.load.client import BenchError
from tests.load.machine import rss_bytes
from tests.load.service import OUR_COMMAND, serving

VERIFIERS, REVOCATIONS = 200, 100_000
ISSUER, AUDIENCE = "https://auth.faultmaven.ai", "faultmaven-api"
_LOGOUTS = 10
_WARM, _COLD, _REPEATS = 20_000, 500, 7
_NAP, _PATIENCE = 0.002, 30.0
_MEGABYTE = 1_000_000
_API = "/api/v1/auth"


@dataclass(frozen=True)
class Verifying:
    """``felt_ms``: from the begin of a logout to the refusal at each verifier, 99th percentile."""

    warm_per_second: float
    cold_us: float
    raw_us: float
    memory_mb: float
    felt_ms: float


def verifying(place: Place) -> Verifying:
    """Measure all of it. Raises BenchError."""
    with (
        serving(
            OUR_COMMAND,
            place.environ,
            core=place.cores.service,
            health="/health",
            log=place.service_log,
        ) as service,
        helper(place.cores.rest) as pool,
    ):
        secret = str(CLIENT["client_secret"])
        warm, felt = pool.submit(_followers, service.port, secret).result()
    with helper(place.cores.service) as pool:
        memory = pool.submit(_memory).result()
        cold, raw = pool.submit(_cold_and_raw).result()
    return Verifying(warm, cold, raw, memory, felt)


def _followers(port: int, secret: str) -> tuple[float, float]:
    """Warm verifications per second of CPU, and how late the slowest hundredth hears of the end."""
    base = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        verifiers = [_verifier(base, secret) for _ in range(VERIFIERS)]
        for verifier in verifiers:
            verifier.start(wait=0)
            stack.callback(verifier.close)
        _until(lambda: all(verifier.ready for verifier in verifiers))
        token = next(tokens := _tokens(base))
        _agree(verifiers, token)
        warm = cpu_seconds(lambda: verifiers[0].verify(token), _WARM)
        felt = [late for _ in range(_LOGOUTS) for late in _felt(base, verifiers, next(tokens))]
        with ThreadPoolExecutor(VERIFIERS) as threads:  # each waits for its threads to end
            stack.pop_all()
            list(threads.map(lambda verifier: verifier.close(), verifiers))
    return 1 / warm, sorted(felt)[len(felt) * 99 // 100] * 1000


def _verifier(base: str, secret: str) -> SyncTokenVerifier:
    issuer = HttpIssuer(
        base, client_id=str(CLIENT["client_id"]), client_secret=Secret(secret), allow_http=True
    )
    return SyncTokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=issuer, revocations=issuer)


def _felt(base: str, verifiers: list[SyncTokenVerifier], token: str) -> list[float]:
    """Seconds from before the logout is asked for until each verifier refuses the token."""
    _agree(verifiers, token)
    began = time.perf_counter()
    _post(f"{base}{_API}/logout", authorization=f"Bearer {token}")
    felt, waiting = [], verifiers
    while waiting:
        if time.perf_counter() - began > _PATIENCE:
            raise BenchError(f"{len(waiting)} verifiers have not heard of a logout")
        still = [verifier for verifier in waiting if _admits(verifier, token)]
        felt += [time.perf_counter() - began] * (len(waiting) - len(still))
        waiting = still
        time.sleep(_NAP)
    return felt


def _agree(verifiers: list[SyncTokenVerifier], token: str) -> None:
    for verifier in verifiers:
        verifier.verify(token)


def _admits(verifier: SyncTokenVerifier, token: str) -> bool:
    try:
        verifier.verify(token)
    except InvalidToken:
        return False
    return True


def _tokens(base: str) -> Iterator[str]:
    for number in count():
        body = msgspec.json.encode({"username": f"verified.{number}"})
        answer = _post(f"{base}{_API}/dev-register", body=body)
        yield msgspec.json.decode(answer)["access_token"]


def _post(url: str, *, body: bytes = b"", authorization: str | None = None) -> bytes:
    headers = {"Content-Type": "application/json"} if body else {}
    if authorization is not None:
        headers["Authorization"] = authorization
    with urlopen(Request(url, data=body, headers=headers, method="POST"), timeout=10) as answer:
        answered: bytes = answer.read()
    return answered


def _until(condition: Callable[[], bool]) -> None:
    patience = time.perf_counter() + _PATIENCE
    while not condition():
        if time.perf_counter() > patience:
            raise BenchError("the verifiers do not become ready")
        time.sleep(_NAP)


def _memory() -> float:
    """Megabytes that the view of revocations adds to a process."""
    ids = SystemIds()
    expires_at = int(SystemClock().now().timestamp()) + 86_400
    before = rss_bytes(os.getpid())
    revoked = RevokedSessions(staleness=5.0)
    revoked.add(
        Revocation(session_id=ids.uuid(), expires_at=expires_at + number // 10)
        for number in range(REVOCATIONS)
    )
    return (rss_bytes(os.getpid()) - before) / _MEGABYTE


def _cold_and_raw() -> tuple[float, float]:
    """Microseconds of a whole first verification, and of decoding and checking an RS256 alone."""
    clock, ids = SystemClock(), SystemIds()
    key = JoseKeyGenerator(clock, access_algorithm="RS256").generate(KeyUse.ACCESS)
    now = int(clock.now().timestamp())
    claims = AccessClaims(
        sub=ids.uuid(),
        iss=ISSUER,
        aud=AUDIENCE,
        iat=now,
        exp=now + 900,
        jti=str(ids.uuid()),
        sid=ids.uuid(),
        username="bench",
        email="bench@example.com",
        email_verified=False,
        roles=("user",),
        scopes=("personal", "global"),
    )
    token = JoseSigner().sign(claims, key=key, typ=ACCESS_TYPE)
    verification = AccessTokenVerification(issuer=ISSUER, audience=AUDIENCE, clock=clock)
    public = verification_key(dict(key.public_jwk or {}), kid=key.kid, algorithm="RS256")
    verify = RSAKey.import_key(dict(key.public_jwk or {})).public_key.verify
    padding, digest = PKCS1v15(), SHA256()

    def cold() -> None:
        verification.prove(token, verification.header(token), public)

    def raw() -> None:
        signed, _, signature = token.rpartition(".")
        verify(urlsafe_b64decode(f"{signature}=="), signed.encode(), padding, digest)

    return cpu_seconds(cold, _COLD) * 1e6, cpu_seconds(raw, _COLD) * 1e6


def cpu_seconds(work: Callable[[], object], times: int) -> float:
    """CPU seconds of one call, the median of some rounds, of this thread alone."""
    rounds = []
    for _ in range(_REPEATS):
        began = thread_time()
        for _ in range(times):
            work()
        rounds.append((thread_time() - began) / times)
    return statistics.median(rounds)
