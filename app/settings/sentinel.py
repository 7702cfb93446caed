"""What is said about Redis Sentinel, as settings of its own or in one URL."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from urllib.parse import parse_qsl, quote, unquote, urlencode

from adapters.several_hosts import hosts_apart
from app.settings import parse
from app.settings.field import Field
from app.settings.parse import BadValue, Kind
from auth_core.kernel import Secret

SCHEMES = ("redis+sentinel", "rediss+sentinel")
_PLACE = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_MASTER_SET = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PORT = 26379
_MAX_PORT = 65535
_MAX_URL = 4096
_MAX_SENTINELS = 32

Values = Mapping[str, object]


def _hosts() -> Kind:
    return Kind(
        parse=_parse_hosts,
        allowed="host:port,host:port,host:port (without a port it is 26379)",
    )


def _master_set() -> Kind:
    def parse_name(text: str) -> str:
        if not _MASTER_SET.fullmatch(text):
            raise BadValue("has other signs than letters, digits and . - _, or too many")
        return text

    return Kind(parse=parse_name, allowed="1 to 64 letters, digits and . - _")


def _parse_hosts(text: str) -> tuple[str, ...]:
    places = [place.strip() for place in text.split(",")]
    if len(places) > _MAX_SENTINELS:
        raise BadValue("lists too many")
    found = []
    for place in places:
        matched = _PLACE.fullmatch(place)
        if not matched or int(matched[2] or _PORT) not in range(1, _MAX_PORT + 1):
            raise BadValue("has an entry that is no host and port")
        found.append(f"{matched[1]}:{int(matched[2] or _PORT)}")
    if len(set(found)) != len(found):
        raise BadValue("lists one twice")
    return tuple(found)


SENTINEL = (
    Field(
        name="REDIS_SENTINEL_HOSTS",
        attribute="redis.sentinel_hosts",
        kind=_hosts(),
        example="sentinel-1:26379,sentinel-2:26379,sentinel-3:26379",
        description="All sentinels, for REDIS_MODE=sentinel: more than half of them must agree",
    ),
    Field(
        name="REDIS_MASTER_SET",
        attribute="redis.master_set",
        kind=_master_set(),
        example="mymaster",
        description="Name of the master set, for REDIS_MODE=sentinel",
    ),
    Field(
        name="REDIS_SENTINEL_PASSWORD",
        attribute="redis.sentinel_password",
        kind=parse.secret_text(1, 1024),
        secret=True,
        description="Password of the sentinels themselves, if they have one",
    ),
)


def parse_sentinel_url(text: str) -> Secret[str]:
    """A URL of one of `SCHEMES`, checked. Raises BadValue."""
    if len(text) > _MAX_URL:
        raise BadValue("is too long")
    if re.search(r"[^!-~]|#", text):
        raise BadValue("has a space, a '#', a control or a non-ASCII character (percent-encode it)")
    try:
        places, parts = hosts_apart(text)
    except ValueError:
        raise BadValue("is not a URL (percent-encode special characters of the password)") from None
    _parse_hosts(places)
    if not re.fullmatch(r"/?[0-9]{0,4}", parts.path):
        raise BadValue("has a path that is not a database number")
    if not _MASTER_SET.fullmatch(dict(parse_qsl(parts.query)).get("master", "")):
        raise BadValue("names no master set (?master=NAME)")
    return Secret(text)


def split(url: str) -> dict[str, object]:
    """The parts of such a URL under the names of the settings that say the same."""
    places, parts = hosts_apart(url)
    user_info = parts.netloc.rpartition("@")[0]
    query = dict(parse_qsl(parts.query))
    return {
        "REDIS_HOST": None,
        "REDIS_PORT": None,
        "REDIS_DB": int(parts.path.strip("/") or 0),
        "REDIS_PASSWORD": unquote(user_info.partition(":")[2]) or None,
        "REDIS_MODE": "sentinel",
        "REDIS_SENTINEL_HOSTS": _parse_hosts(places),
        "REDIS_MASTER_SET": query["master"],
        "REDIS_SENTINEL_PASSWORD": query.get("sentinel_password"),
    }


def compose(values: Values) -> dict[str, object]:
    """The URL that says the same as the settings, beside what has no meaning then."""
    password, of_sentinels = values["REDIS_PASSWORD"], values["REDIS_SENTINEL_PASSWORD"]
    hosts, query = values["REDIS_SENTINEL_HOSTS"], {"master": str(values["REDIS_MASTER_SET"])}
    credential = ""
    if isinstance(password, Secret):
        credential = f":{quote(password.reveal(), safe='')}@"
    if isinstance(of_sentinels, Secret):
        query["sentinel_password"] = of_sentinels.reveal()
    places = ",".join(hosts) if isinstance(hosts, tuple) else ""
    url = f"{SCHEMES[0]}://{credential}{places}/{values['REDIS_DB']}?{urlencode(query)}"
    return {"REDIS_URL": Secret(url), "REDIS_PORT": None}


def check(values: Values, given: AbstractSet[str]) -> list[str]:
    """Problems of the settings for Sentinel among themselves and with the others."""
    if "REDIS_URL" in given or "REDIS_MODE" not in values:
        return []
    if values["REDIS_MODE"] != "sentinel":
        # a master set's name may stand in every deployment's environment
        return [
            f"{name} is set but REDIS_MODE is not sentinel: it would have no effect"
            for name in ("REDIS_SENTINEL_HOSTS", "REDIS_SENTINEL_PASSWORD")
            if name in given
        ]
    problems = [
        f"REDIS_MODE=sentinel needs {name}"
        for name in ("REDIS_SENTINEL_HOSTS", "REDIS_MASTER_SET")
        if name not in given
    ]
    if "REDIS_HOST" in given:
        problems.append(
            "REDIS_HOST and REDIS_MODE=sentinel exclude each other: the sentinels say where it is"
        )
    return problems
