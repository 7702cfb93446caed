"""The role that services work as in tests: one that owns nothing, as everywhere."""

import re

from adapters.embedded.cluster import SERVICE
from adapters.postgres import migrate as migrate_as_owner
from auth_core.kernel import Secret

_USER = re.compile(r"(?<=://)[^:@/?]+(?=[:@])")


def as_service(owner_url: str) -> str:
    """The same server, database and password for the service; ``owner_url`` names its owner."""
    url, replaced = _USER.subn(SERVICE, owner_url, count=1)
    assert replaced, "a URL with a user"
    return url


def migrate(owner_url: Secret[str]) -> None:
    """All tables, and the service's role with what it needs."""
    migrate_as_owner(owner_url, service=Secret(as_service(owner_url.reveal())))
