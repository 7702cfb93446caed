"""What every kind of hash has in common: reading a string that somebody else wrote."""

import base64
import binascii
import re
from collections.abc import Callable

Check = Callable[[bytes], bool]
"""Whether a password, in UTF-8, matches. Slow; runs on a thread of the pool."""

_DIGITS = re.compile(r"[0-9]{1,10}")
_MAX_BINARY = 1024


class Refused(Exception):
    """A hash that is not evaluated; ``code`` says why, nothing quotes it."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


MALFORMED, TOO_COSTLY, UNKNOWN = "malformed", "too_costly", "unknown_format"


def number(text: str, *, low: int, high: int) -> int:
    """A decimal number. Raises Refused: ``too_costly`` above ``high`` (SEC-09)."""
    if not _DIGITS.fullmatch(text):
        raise Refused(MALFORMED)
    if int(text) > high:
        raise Refused(TOO_COSTLY)
    if int(text) < low:
        raise Refused(MALFORMED)
    return int(text)


def parameters(text: str) -> dict[str, str]:
    """``a=1,b=2`` as PHC strings write it. Raises Refused."""
    pairs = [part.partition("=") for part in text.split(",")]
    found = {name: value for name, equals, value in pairs if equals}
    if len(found) != len(pairs):
        raise Refused(MALFORMED)
    return found


def binary(text: str, *, low: int = 1) -> bytes:
    """Base64 in any of its dialects, with or without padding. Raises Refused."""
    plain = text.rstrip("=").translate({ord("-"): "+", ord("_"): "/", ord("."): "+"})
    if len(plain) > _MAX_BINARY:
        raise Refused(MALFORMED)
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(MALFORMED) from None
    if len(decoded) < low:
        raise Refused(MALFORMED)
    return decoded


def unpadded(data: bytes) -> str:
    """Base64 as PHC strings write it."""
    return base64.b64encode(data).rstrip(b"=").decode()


def parts(text: str, count: int) -> list[str]:
    """The fields between dollar signs. Raises Refused unless there are ``count``."""
    fields = text.split("$")
    if len(fields) != count or not text.isascii():
        raise Refused(MALFORMED)
    return fields
