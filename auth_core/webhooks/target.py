"""The URL of an endpoint, taken apart and judged before anything is looked up or connected to."""

import re
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import msgspec

from auth_core.kernel import FieldProblem, InvalidInput, IpAddress
from auth_core.webhooks.addresses import Reach, reach

_LENGTH_MAX = 2048
_VISIBLE = re.compile(r"[!-~]+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NAME_MAX = 253
_PORTS = {443, 8443}
_DEFAULT_PORTS = {"https": 443, "http": 80}
# 127.1, 0x7f.1 and 2130706433 are addresses to some resolvers (WHATWG URL, "ends in a number")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a delivery goes. ``address`` when the URL has one in place of a name."""

    secure: bool
    host: str
    port: int
    path: str
    address: IpAddress | None = None

    @property
    def authority(self) -> str:
        """The value of the header ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = _DEFAULT_PORTS["https" if self.secure else "http"]
        return host if self.port == default else f"{host}:{self.port}"

    def __repr__(self) -> str:  # what stands in a path may be a secret of the receiver
        return f"Target({self.authority!r})"


def permitted(address: IpAddress, *, allow_private: bool) -> bool:
    """Whether a connection may be made to ``address``."""
    found = reach(address)
    return found is Reach.PUBLIC or (allow_private and found is Reach.PRIVATE)


def parse_target(url: str, *, allow_private: bool = False) -> Target:
    """The target of a URL that deliveries may be sent to.

    https on port 443 or 8443, a name of several labels or a public address; neither user nor
    fragment. ``allow_private``: also http, any port, and private addresses. Raises InvalidInput.
    """
    if len(url) > _LENGTH_MAX or not _VISIBLE.fullmatch(url):
        raise _refused("not a URL of at most 2048 visible ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused("not a URL") from error
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise _refused("must begin with https://")
    if "@" in parts.netloc or "#" in url or "\\" in url:
        raise _refused("must have neither user nor password nor fragment nor backslash")
    wanted = port or _DEFAULT_PORTS[parts.scheme]
    if port == 0 or not (allow_private or wanted in _PORTS):
        raise _refused("the port must be 443 or 8443")
    host, address = _host(parts, allow_private=allow_private)
    path = parts.path or "/"
    return Target(
        secure=parts.scheme == "https",
        host=host,
        port=wanted,
        path=f"{path}?{parts.query}" if parts.query else path,
        address=address,
    )


def _host(parts: SplitResult, *, allow_private: bool) -> tuple[str, IpAddress | None]:
    host = (parts.hostname or "").lower()
    with suppress(ValueError):
        address = ip_address(host)
        if not permitted(address, allow_private=allow_private):
            raise _refused("must lead to a public address")
        return host, address
    labels = host.split(".")
    if not _NAME.fullmatch(host) or len(host) > _NAME_MAX or _NUMBER.fullmatch(labels[-1]):
        raise _refused("the host is not a name; write international names in their ASCII form")
    if len(labels) == 1 and not allow_private:
        raise _refused("the host must be a name that is known everywhere")
    return host, None


def _refused(message: str) -> InvalidInput:
    return InvalidInput(FieldProblem(field="url", type="invalid", message=message))
