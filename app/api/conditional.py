"""Conditional requests (RFC 9110 §13): whoever has the document already is told so."""

import hashlib
import re
from collections.abc import Iterable

import msgspec

from auth_core.kernel import PreconditionFailed

_VERSION = re.compile(r'"([1-9][0-9]{0,9})"')
_TAG = re.compile(r'(?:W/)?("[^"]*")')


def entity_tag(document: msgspec.Struct) -> str:
    """A strong entity tag: the same for the same bytes on every worker."""
    return f'"{hashlib.sha256(msgspec.json.encode(document)).hexdigest()[:32]}"'


def is_not_modified(conditions: Iterable[str], tag: str) -> bool:
    """Whether one of the ``If-None-Match`` headers names ``tag``, compared weakly, or is ``*``."""
    listed = ",".join(conditions)
    return listed.strip() == "*" or tag in _TAG.findall(listed)


def version_tag(version: int) -> str:
    """The entity tag of an object that counts its versions."""
    return f'"{version}"'


def wanted_version(conditions: Iterable[str]) -> int | None:
    """The version that the ``If-Match`` headers ask for, or None when any will do.

    Compared strongly (RFC 9110 §13.1.1): a weak tag matches nothing. Of several tags the newest
    counts. Raises PreconditionFailed for tags that no version has.
    """
    listed = ",".join(conditions).strip()
    if listed in {"", "*"}:
        return None
    tags = [tag.strip() for tag in listed.split(",")]
    versions = [int(found[1]) for tag in tags if (found := _VERSION.fullmatch(tag))]
    if not versions:
        raise PreconditionFailed
    return max(versions)
