"""The figures as text, and how they compare with what was promised."""

from collections.abc import Iterator, Mapping

from tests.load.checking import Checking
from tests.load.counting import Counts
from tests.load.deciding import Deciding
from tests.load.relaying import PER_SECOND, Relayed, Relaying
from tests.load.rounds import Rounds
from tests.load.scenarios import Scenario
from tests.load.startup import Startup
from tests.load.telling import Told
from tests.load.verifying import REVOCATIONS, VERIFIERS, Verifying

ME_RATIO = 1.6
CHECK_RATIO = 1.3
LOGIN_FACTOR = 2.5
PASSWORD_LOGIN_MS = 1.5
"""Beside the signature, with a toy hash in place of a real one."""
PASSWORD_REGISTER_MS = 2.0
REFRESH_FACTOR = 3.5
REFRESH_ES256_MS = 0.9
"""Half of the 1.8 ms measured for node-oidc-provider's in-memory refresh, on another machine."""
INTROSPECTION_RATIO = 2.5
ISSUE_RATIO = 3.0
START_RATIO = 1.3
RSS_OVER_MB = 20.0
HELP_SECONDS = 0.5
WARM_PER_SECOND = 300_000
COLD_RATIO = 1.3
REVOCATIONS_MB = 25.0
FELT_MS = 1000.0
DECISIONS_PER_SECOND = 500_000
RELAYED_PER_SECOND = 2_000
LATE_MS = 1000.0
AUC = 0.55
"""How well time may tell whether somebody has an account; 0.5 is not at all (SEC-01)."""
CHECK_US = 20.0
"""What the blocklist may add to the check of a password."""

_HEAD = (
    f"{'scenario':<22}{'req/s':>7}{'CPU ms':>8}{'(lowest-highest)':>18}{'p50 ms':>8}{'p99 ms':>8}"
    f"{'Redis':>9}{'at load':>9}{'SQL':>6}{'rows':>6}"
)

TOLD_HEAD = (
    f"{'nobody, beside':<26}{'samples':>8}{'ms':>16}{'AUC (95 %)':>22}{'CPU ms':>16}{'AUC':>8}"
)


class Findings:
    """What was measured, by the scenario's name. Anything may be missing."""

    def __init__(self) -> None:
        self.rounds: dict[str, Rounds] = {}
        self.counts: dict[str, Counts] = {}
        self.signature_ms: float | None = None
        self.issue_ms: float | None = None
        self.rss_mb: dict[str, float] = {}
        self.startup: Startup | None = None
        self.verifying: Verifying | None = None
        self.deciding: Deciding | None = None
        self.checking: Checking | None = None
        self.relaying: Relaying | None = None
        self.told: list[Told] = []


def table(scenarios: list[Scenario], found: Findings) -> Iterator[str]:
    """One line for each scenario."""
    yield _HEAD
    for scenario in scenarios:
        each, counts = found.rounds[scenario.name], found.counts[scenario.name]
        spread = f"({each.cpu_low:.3f}-{each.cpu_high:.3f})"
        yield (
            f"{scenario.title:<22}{each.rate:>7.0f}{each.cpu_ms:>8.3f}{spread:>18}"
            f"{each.p50_ms:>8.1f}{each.p99_ms:>8.1f}{counts.redis_trips:>9.2f}"
            f"{each.redis_trips:>9.2f}{counts.statements:>6.1f}{counts.rows:>6.1f}"
        )
    if found.signature_ms is not None:
        yield f"{'RS256 signature':<29}{found.signature_ms:>8.3f}   in a process of its own"
    if found.issue_ms is not None:
        yield f"{'ES256 access token':<29}{found.issue_ms:>8.3f}   likewise, claims included"
    for name, megabytes in found.rss_mb.items():
        yield f"RSS of the {name} worker after the load: {megabytes:.0f} MB"


def start_lines(startup: Startup) -> Iterator[str]:
    """The start-up figures."""
    floor, ours = startup.floor, startup.ours
    yield f"{'start':<26}{'seconds':>9}{'CPU s':>8}{'RSS MB':>8}"
    yield f"{'imports only':<26}{floor.seconds:>9.2f}{floor.cpu_seconds:>8.2f}{floor.rss_mb:>8.0f}"
    yield f"{'fm-auth serve':<26}{ours.seconds:>9.2f}{ours.cpu_seconds:>8.2f}{ours.rss_mb:>8.0f}"
    yield f"{'  of it until the fork':<26}{ours.seconds_to_worker:>9.2f}"
    yield f"{'fm-auth --help':<26}{startup.help_seconds:>9.2f}"


def verifying_lines(found: Verifying) -> Iterator[str]:
    """What a relying service pays."""
    yield f"warm verifications per second and core {found.warm_per_second:>9.0f}"
    yield f"cold verification, RS256               {found.cold_us:>9.1f} us"
    yield f"  decoding and checking it alone       {found.raw_us:>9.1f} us"


def deciding_lines(found: Deciding) -> Iterator[str]:
    """What a permission check costs in process."""
    yield f"decisions per second and core          {found.mean_per_second:>9.0f}"
    yield f"  of the slowest kind                  {found.slowest_per_second:>9.0f}"


def checking_lines(found: Checking) -> Iterator[str]:
    """What the password policy costs in process."""
    yield f"blocklist, us for each password        {found.mean_us:>9.1f}"
    yield f"  for the slowest                      {found.slowest_us:>9.1f}"


def relaying_lines(found: Relaying) -> Iterator[str]:
    """What the relay takes, and how late events are."""
    yield f"{'relay, a backlog':<22}{'events/s':>10}{'per CPU s':>11}"
    yield _backlog("  to Redis", found.redis)
    if found.nats is not None:
        yield _backlog("  to NATS JetStream", found.nats)
    yield (
        f"{PER_SECOND:,} events/s to Redis: p50 {found.p50_ms:.0f} ms, p99 {found.p99_ms:.0f} ms,"
        f" {found.busy:.0%} of its core"
    )


def _backlog(what: str, relayed: Relayed) -> str:
    return f"{what:<22}{relayed.per_second:>10,.0f}{relayed.per_cpu_second:>11,.0f}"


def told_line(told: Told) -> str:
    """What the time of an answer tells of an account, beside one that nobody has."""
    times, cpu = ("{:.2f} / {:.2f}".format(*pair) for pair in (told.time_ms, told.cpu_ms))
    interval = f"{told.time.value:.3f} ({told.time.low:.3f}-{told.time.high:.3f})"
    return (
        f"{f'{told.flow}: {told.kind}':<26}{told.samples:>8}{times:>16}{interval:>22}"
        f"{cpu:>16}{told.cpu.value:>8.3f}"
    )


def verdicts(found: Findings) -> Iterator[str]:
    """Every target that can be judged from what was measured."""
    yield from _me(found)
    yield from _login(found.rounds, found.signature_ms)
    yield from _passwords(found)
    yield from _refresh(found)
    yield from _beside_post(found)
    if found.startup is not None:
        floor, ours = found.startup.floor, found.startup.ours
        yield verdict(
            "start: seconds / imports only", ours.seconds / floor.seconds, START_RATIO, "x"
        )
        yield verdict(
            "start: RSS over imports only", ours.rss_mb - floor.rss_mb, RSS_OVER_MB, " MB"
        )
        yield verdict("fm-auth --help", found.startup.help_seconds, HELP_SECONDS, " s")
    if found.verifying is not None:
        yield from _verifying(found.verifying)
    if found.deciding is not None:
        each, allowed = 1e6 / found.deciding.slowest_per_second, 1e6 / DECISIONS_PER_SECOND
        yield verdict("decision, the slowest kind: CPU", each, allowed, " us")
    if found.checking is not None:
        yield verdict("blocklist, slowest check: CPU", found.checking.slowest_us, CHECK_US, " us")
    for told in found.told:
        yield verdict(f"{told.flow}, {told.kind}: AUC", told.time.distance, AUC, "")
    if found.relaying is not None:
        # fewer is worse: what one costs is compared
        each, most = 1e6 / found.relaying.redis.per_second, 1e6 / RELAYED_PER_SECOND
        yield verdict("relay: one event of a backlog", each, most, " us")
        late = found.relaying.p99_ms
        yield verdict(f"relay: late at {PER_SECOND:,} events/s, p99", late, LATE_MS, " ms")


def _verifying(found: Verifying) -> Iterator[str]:
    # fewer is worse: what one costs is compared
    each, allowed = 1e6 / found.warm_per_second, 1e6 / WARM_PER_SECOND
    yield verdict("verifier, warm: CPU", each, allowed, " us")
    ratio = found.cold_us / found.raw_us
    yield verdict("verifier, cold: CPU / cryptography", ratio, COLD_RATIO, "x")
    yield verdict(f"verifier: {REVOCATIONS:,} revocations", found.memory_mb, REVOCATIONS_MB, " MB")
    what = f"logout until refused at {VERIFIERS} verifiers, p99"
    yield verdict(what, found.felt_ms, FELT_MS, " ms")


def _me(found: Findings) -> Iterator[str]:
    if {"get", "me"} <= found.rounds.keys():
        ratio = found.rounds["me"].cpu_ms / found.rounds["get"].cpu_ms
        yield verdict("/me warm: CPU / bare GET", ratio, ME_RATIO, "x")
    if {"me", "check"} <= found.rounds.keys():
        me, check = found.rounds["me"], found.rounds["check"]
        yield verdict("permission check: CPU / me warm", check.cpu_ms / me.cpu_ms, CHECK_RATIO, "x")
        yield verdict("permission check: p50 / me warm", check.p50_ms / me.p50_ms, CHECK_RATIO, "x")
    if "me" in found.counts:
        counts = found.counts["me"]
        trips = counts.redis_trips + counts.statements
        yield verdict("/me warm: round trips", trips, 1.0, "")


def _login(rounds: Mapping[str, Rounds], signature_ms: float | None) -> Iterator[str]:
    if {"post-insert", "login"} <= rounds.keys() and signature_ms is not None:
        insert = rounds["post-insert"].cpu_ms
        allowed = signature_ms + LOGIN_FACTOR * insert
        yield verdict("dev-login: CPU", rounds["login"].cpu_ms, allowed, " ms")
        beyond = (rounds["login"].cpu_ms - signature_ms) / insert
        yield verdict("  = beyond the signature / (POST + INSERT)", beyond, LOGIN_FACTOR, "x")


def _passwords(found: Findings) -> Iterator[str]:
    rounds, signature_ms = found.rounds, found.signature_ms
    if "password-login" in rounds and signature_ms is not None:
        allowed = signature_ms + PASSWORD_LOGIN_MS
        yield verdict("password login: CPU", rounds["password-login"].cpu_ms, allowed, " ms")
    if "password-register" in rounds:
        measured = rounds["password-register"].cpu_ms
        yield verdict("registration with a password: CPU", measured, PASSWORD_REGISTER_MS, " ms")


def _refresh(found: Findings) -> Iterator[str]:
    rounds = found.rounds
    if {"post", "refresh"} <= rounds.keys() and found.signature_ms is not None:
        allowed = found.signature_ms + REFRESH_FACTOR * rounds["post"].cpu_ms
        yield verdict("refresh: CPU", rounds["refresh"].cpu_ms, allowed, " ms")
        beyond = (rounds["refresh"].cpu_ms - found.signature_ms) / rounds["post"].cpu_ms
        yield verdict("  = beyond the signature / bare POST", beyond, REFRESH_FACTOR, "x")
    if "refresh" in found.counts:
        counts = found.counts["refresh"]
        yield verdict("refresh: statements", counts.statements, 1.0, "")
        yield verdict("refresh: rows", counts.rows, 1.0, "")
        yield verdict("refresh: Redis round trips", counts.redis_trips, 1.0, "")
    if "refresh-es256" in rounds:
        yield verdict(
            "refresh, ES256: CPU", rounds["refresh-es256"].cpu_ms, REFRESH_ES256_MS, " ms"
        )


def _beside_post(found: Findings) -> Iterator[str]:
    if "post" not in found.rounds:
        return
    post = found.rounds["post"].cpu_ms
    if "introspect" in found.rounds:
        ratio = found.rounds["introspect"].cpu_ms / post
        yield verdict("introspection, warm: CPU / bare POST", ratio, INTROSPECTION_RATIO, "x")
    if found.issue_ms is not None:
        ratio = (post + found.issue_ms) / post
        yield verdict("bare POST + ES256 token / bare POST", ratio, ISSUE_RATIO, "x")


def verdict(what: str, measured: float, allowed: float, unit: str) -> str:
    """One line: PASS or MISS, to two decimals."""
    result = "PASS" if round(measured, 2) <= round(allowed, 2) else "MISS"
    return f"{result}  {what:<44}{measured:>7.2f}{unit:<3} (at most {allowed:.2f}{unit})"
