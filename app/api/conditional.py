"""Conditional requests (RFC 9110 §13): whoever has the document already is told so."""

import hashlib
import re
from collections.abc import Iterable

import msgspec

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def entity_tag(document: msgspec.Struct) -> str:
    """A strong entity tag: the same for the same bytes on every worker."""
    return f'"{hashlib.sha256(msgspec.json.encode(document)).hexdigest()[:32]}"'


def is_not_modified(conditions: Iterable[str], tag: str) -> bool:
    """Whether one of the ``If-None-Match`` headers names ``tag``, compared weakly, or is ``*``."""
    listed = ",".join(conditions)
    return listed.strip() == "*" or tag in _TAG.findall(listed)
