"""What there is to say about one server of Redis or Valkey."""

from collections.abc import Iterator

from adapters.redis.diagnosis import RedisFacts
from app.doctor.finding import Finding, Level

_NEARLY_FULL = 0.9


def memory_findings(facts: RedisFacts, about: str, *, node: str = "") -> Iterator[Finding]:
    """It keeps what we rely on, and has room for it. ``node``: how a text begins."""
    if facts.may_evict:
        yield Finding(
            Level.WARNING if facts.max_memory == 0 else Level.ERROR,
            about,
            f"{node}maxmemory-policy is {facts.policy}: when its memory is full"
            f" ({_limit(facts)}) it evicts limits and the tombstones of ended sessions",
            "CONFIG SET maxmemory-policy noeviction, and in its configuration file",
        )
    elif facts.max_memory and facts.used_memory > _NEARLY_FULL * facts.max_memory:
        used = f"{_megabytes(facts.used_memory)} of {_limit(facts)}"
        text = f"{node}its memory is nearly full: {used}"
        yield Finding(Level.WARNING, about, text, "raise maxmemory: nothing new is cached then")


def _limit(facts: RedisFacts) -> str:
    return _megabytes(facts.max_memory) if facts.max_memory else "no maxmemory is set"


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.0f} MB"
