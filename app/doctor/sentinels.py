"""What there is to say about the sentinels."""

from collections.abc import Iterator

from adapters.redis.sentinel_diagnosis import SentinelFacts
from app.doctor.finding import Finding, Level

_ABOUT = "sentinels"


def sentinel_findings(facts: SentinelFacts) -> Iterator[Finding]:
    """More than half agree, the others are there as well, and somebody could take over."""
    agree = facts.listed - len(facts.strays)
    if facts.primary is None:
        text = f"no majority of {facts.known} names a primary: Redis is not used"
        yield Finding(Level.ERROR, _ABOUT, text, "see what each of them says, below")
    else:
        text = f"{agree} of {facts.listed} name {facts.primary}, with {facts.replicas} replicas"
        yield Finding(Level.OK, _ABOUT, text)
    for address, says in facts.strays.items():
        yield Finding(
            Level.WARNING,
            _ABOUT,
            f"{address}: {says}",
            "more than half must agree for Redis to be used, and for a failover",
        )
    if facts.known > facts.listed:
        text = f"they know {facts.known} sentinels, and {facts.listed} are listed"
        advice = (
            "list all in REDIS_SENTINEL_HOSTS: more than half of those known must agree;"
            " SENTINEL RESET makes them forget those that are gone for good"
        )
        yield Finding(Level.WARNING, _ABOUT, text, advice)
    if facts.primary is not None and facts.replicas == 0:
        text = "there is no replica: nobody can take over"
        yield Finding(Level.WARNING, _ABOUT, text, "REPLICAOF on another server")
