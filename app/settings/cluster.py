"""What is said about a cluster of Redis, in one URL or as REDIS_MODE beside a node or several."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from urllib.parse import parse_qs, unquote, urlsplit

from adapters.several_hosts import hosts_apart
from app.settings.parse import BadValue
from auth_core.kernel import Secret

SCHEMES = ("redis+cluster", "rediss+cluster")
_PLACE = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_MAX_URL = 4096
_MAX_NODES = 32
_PORT = 6379
_MAX_PORT = 65535
_ONE_DATABASE = "REDIS_MODE=cluster has one database only: REDIS_DB must be 0"

Values = Mapping[str, object]


def parse_cluster_url(text: str) -> Secret[str]:
    """A URL of one of `SCHEMES`, checked. Raises BadValue."""
    if len(text) > _MAX_URL:
        raise BadValue("is too long")
    if re.search(r"[^!-~]|#", text):
        raise BadValue("has a space, a '#', a control or a non-ASCII character (percent-encode it)")
    try:
        hosts, parts = hosts_apart(text)
    except ValueError:
        raise BadValue("is not a URL (percent-encode special characters of the password)") from None
    places = hosts.split(",")
    if len(places) > _MAX_NODES:
        raise BadValue("lists too many nodes: a few are enough to find the others")
    for place in places:
        matched = _PLACE.fullmatch(place)
        if not matched or int(matched[2] or _PORT) not in range(1, _MAX_PORT + 1):
            raise BadValue("has an entry that is no host and port")
    if not re.fullmatch(r"/?0?", parts.path) or parse_qs(parts.query).get("db", ["0"]) != ["0"]:
        raise BadValue("names a database: a cluster has number 0 only")
    return Secret(text)


def of(url: Secret[str]) -> Secret[str]:
    """The URL of one server as that of the cluster which that server is a node of."""
    scheme, separator, rest = url.reveal().partition("://")
    return Secret(f"{scheme}+cluster{separator}{rest}")


def split(url: str) -> dict[str, object]:
    """The parts of such a URL under the names of the settings that say the same.

    The host and the port are those of the first node.
    """
    places, parts = hosts_apart(url)
    user_info = parts.netloc.rpartition("@")[0]
    first = urlsplit(f"//{places.partition(',')[0]}")
    return {
        "REDIS_HOST": first.hostname,
        "REDIS_PORT": first.port or _PORT,
        "REDIS_DB": 0,
        "REDIS_PASSWORD": unquote(user_info.partition(":")[2]) or None,
        "REDIS_MODE": "cluster",
        "REDIS_SENTINEL_HOSTS": None,
        "REDIS_MASTER_SET": None,
        "REDIS_SENTINEL_PASSWORD": None,
    }


def effective_url(values: Values) -> Secret[str] | None:
    """REDIS_URL, which leads to a cluster if REDIS_MODE says so; None when it is not set."""
    url = values.get("REDIS_URL")
    if not isinstance(url, Secret):
        return None
    of_one = url.reveal().partition("://")[0] in {"redis", "rediss"}
    return of(url) if of_one and values.get("REDIS_MODE") == "cluster" else url


def check(values: Values, _: AbstractSet[str]) -> list[str]:
    """Problems of REDIS_MODE=cluster with the other settings."""
    if values.get("REDIS_MODE") != "cluster":
        return []
    url = effective_url(values)
    parts = None if url is None else hosts_apart(url.reveal())[1]
    path = parts.path.strip("/") if parts is not None and parts.scheme in SCHEMES else ""
    return [_ONE_DATABASE] if values.get("REDIS_DB") or path not in {"", "0"} else []
