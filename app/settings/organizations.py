"""The settings of organizations."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from app.settings import parse
from app.settings.field import Field
from app.settings.parse import BadValue, Kind
from app.settings.tree import DnsServer

_MAX_SERVERS = 8
_MAX_PORT = 65535
_DNS_PORT = 53
_ENTRY_MAX = 64


def dns_servers() -> Kind:
    """Addresses of name servers, each perhaps with a port."""
    line = parse.text(1, _MAX_SERVERS * _ENTRY_MAX)

    def read(text: str) -> tuple[DnsServer, ...]:
        entries = [entry.strip() for entry in str(line.parse(text)).split(",")]
        if len(entries) > _MAX_SERVERS:
            raise BadValue(f"has more than {_MAX_SERVERS} entries")
        return tuple(_server(entry) for entry in entries)

    return Kind(
        parse=read,
        allowed=f"up to {_MAX_SERVERS} IP addresses with a comma between them, each perhaps with a"
        " port: 192.0.2.53, 192.0.2.54:5353, [2001:db8::53]:53",
    )


def _server(entry: str) -> DnsServer:
    whole = f"[{entry}]" if entry.count(":") > 1 and "[" not in entry else entry
    try:
        parts = urlsplit(f"//{whole}")
        address = ip_address(parts.hostname or "")
        port = _DNS_PORT if parts.port is None else parts.port
    except ValueError:
        raise BadValue("has an entry that is no IP address") from None
    if parts.netloc != whole or "@" in whole or not 1 <= port <= _MAX_PORT:
        raise BadValue("has an entry that is no IP address with a port")
    return DnsServer(address=str(address), port=port)


ORGANIZATIONS = (
    Field(
        name="AUTH_ORGANIZATION_CREATION",
        attribute="organizations.creation",
        kind=parse.choice("anybody", "admins"),
        default="anybody",
        description="Who makes organizations: everybody with an account, or those with the role"
        " `platform_admin` and `fm-auth organization create` only",
    ),
    Field(
        name="AUTH_ORGANIZATION_MAX_OWNED",
        attribute="organizations.max_owned",
        kind=parse.integer(1, 100_000),
        default="20",
        description="How many organizations one person may make for themselves",
    ),
    Field(
        name="AUTH_ORGANIZATION_MAX_MEMBERS",
        attribute="organizations.max_members",
        kind=parse.integer(1, 1_000_000),
        default="500",
        description="Members of an organization, unless a platform administrator has given it"
        " another limit",
    ),
    Field(
        name="AUTH_ORGANIZATION_MAX_TEAMS",
        attribute="organizations.max_teams",
        kind=parse.integer(1, 1_000_000),
        default="100",
        description="Teams of an organization, as above",
    ),
    Field(
        name="AUTH_ORGANIZATION_MAX_DOMAINS",
        attribute="organizations.max_domains",
        kind=parse.integer(0, 1000),
        default="10",
        description="E-mail domains that an organization may claim; 0 lets nobody claim any",
    ),
    Field(
        name="AUTH_ORGANIZATION_INVITATION_DAYS",
        attribute="organizations.invitation_days",
        kind=parse.integer(1, 30),
        default="7",
        description="How long an invitation can be accepted, in organizations that are new;"
        " each may choose otherwise",
    ),
    Field(
        name="AUTH_ORGANIZATION_DELETION_GRACE_DAYS",
        attribute="organizations.deletion_grace_days",
        kind=parse.integer(0, 365),
        default="30",
        description="How long a deleted organization can be restored",
    ),
    Field(
        name="AUTH_ORGANIZATION_DNS_SERVERS",
        attribute="organizations.dns_servers",
        kind=dns_servers(),
        default_note="not set: those of the operating system",
        example="192.0.2.53",
        description="Name servers that are asked whether a claimed e-mail domain is proven",
    ),
)
