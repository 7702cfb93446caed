"""What an operator should know of the sentinels."""

from collections.abc import Mapping

import msgspec

from adapters.redis.sentinel_url import is_sentinel_url, parse_sentinel_url
from adapters.redis.sentinels import Opinion, Sentinels, majority
from auth_core.kernel import Secret


class SentinelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """``primary`` is host and port that more than half of ``known`` name, None if they do not.

    ``strays`` are the others of those that are listed, each with what it says instead.
    """

    primary: str | None
    listed: int
    known: int
    replicas: int
    strays: Mapping[str, str]


async def sentinel_facts(url: Secret[str]) -> SentinelFacts | None:
    """Ask each of them; None when no sentinels are used. Takes half a second at most."""
    if not is_sentinel_url(url):
        return None
    sentinels = Sentinels(parse_sentinel_url(url))
    try:
        said = await sentinels.each()
    finally:
        await sentinels.close()
    opinions = [each for each in said.values() if isinstance(each, Opinion)]
    found = majority(opinions, listed=len(said))
    primary = None if found is None else found[0]
    return SentinelFacts(
        primary=None if primary is None else f"{primary.host}:{primary.port}",
        listed=len(said),
        known=max([len(said), *(each.sentinels for each in opinions)]),
        replicas=max([0, *(each.replicas for each in opinions if each.primary == primary)]),
        strays={
            address: each if isinstance(each, str) else _names(each)
            for address, each in said.items()
            if isinstance(each, str) or each.primary != primary
        },
    )


def _names(opinion: Opinion) -> str:
    return f"it names {opinion.primary.host}:{opinion.primary.port}"
