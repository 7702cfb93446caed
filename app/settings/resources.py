"""The resources of consuming services, as a setting."""

import msgspec

from app.settings.parse import BadValue, Kind
from auth_core.access import PermissionRegistry
from auth_core.kernel import Misconfigured


def registered_resources() -> Kind:
    """A JSON object: the name of each resource, and the actions that can be permitted on it."""
    return Kind(
        parse=_parse,
        allowed='a JSON object like {"incidents": ["read", "write", "close"]}; names of a-z, 0-9'
        " and _; 64 resources at most, each with 1 to 32 actions; none of this service's own",
    )


def _parse(text: str) -> dict[str, tuple[str, ...]]:
    try:
        resources = msgspec.json.decode(text.encode(), type=dict[str, tuple[str, ...]])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        raise BadValue("is not such an object") from None
    try:
        PermissionRegistry(resources)
    except Misconfigured as error:
        raise BadValue(f"is not possible: {error.message}") from None
    return resources
