"""URLs that name several hosts, as libpq and Redis Sentinel have them."""

import re
from urllib.parse import SplitResult, urlsplit


def hosts_apart(url: str) -> tuple[str, SplitResult]:
    """The hosts as they stand there, and all else, split, with the word ``hosts`` in their place.

    Since 3.11.12, 3.12.9 and 3.13.2 Python's own `urlsplit` takes no IPv6 address behind another
    host. Raises ValueError for what is no URL.
    """
    scheme, separator, rest = url.partition("://")
    netloc = re.split("[/?#]", rest, maxsplit=1)[0]
    user, at, hosts = netloc.rpartition("@")
    return hosts, urlsplit(f"{scheme}{separator}{user}{at}hosts{rest[len(netloc) :]}")
