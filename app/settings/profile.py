"""The custom claims of profiles, as a setting."""

import re

import msgspec

from app.settings.parse import BadValue, Kind
from auth_core.users import ClaimKind

_MAX_CLAIMS = 32
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def claims_schema() -> Kind:
    """A JSON object: the name of each claim, and what its value may be."""
    return Kind(
        parse=_parse,
        allowed='a JSON object like {"department": "string", "floor": "integer", "remote":'
        ' "boolean"}; kinds: ' + ", ".join(ClaimKind) + "; names of a-z, 0-9 and _; 32 at most",
    )


def _parse(text: str) -> dict[str, ClaimKind]:
    try:
        schema = msgspec.json.decode(text.encode(), type=dict[str, ClaimKind])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        raise BadValue("is not such an object") from None
    if len(schema) > _MAX_CLAIMS:
        raise BadValue("has too many claims")
    if not all(_NAME.fullmatch(name) for name in schema):
        raise BadValue("has a claim whose name is not one")
    return schema
