"""Parsers: text of the environment in, a typed value or a reason out.

A parser raises `BadValue` with a reason that never repeats the value: the caller decides how much
of the value may be shown.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from auth_core.kernel import Secret

_INTEGER = re.compile(r"[+-]?[0-9]+")
_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,255}")
_STREAM_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VISIBLE_ASCII = re.compile(r"[!-~]{1,255}")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_EXTENSION_ORIGIN = re.compile(r"(?:chrome|moz)-extension://(?:[a-z0-9-]{1,64}|\*)")
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_MAX_PORT = 65535
_MAX_DIGITS = 12
_MAX_TEXT = 1024
_MAX_ORIGINS = 64


class BadValue(Exception):
    """A value that a setting does not take; the text says why, without the value."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What a setting accepts: the parser, and the same rule in words."""

    parse: Callable[[str], object]
    allowed: str
    keep_spaces: bool = False


def integer(low: int, high: int) -> Kind:
    """A whole number in decimal digits, from ``low`` to ``high``."""

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise BadValue("is not a whole number")
        if len(text) > _MAX_DIGITS or not low <= int(text) <= high:
            raise BadValue("is out of range")
        return int(text)

    return Kind(parse=parse, allowed=f"a whole number from {low} to {high}")


def port() -> Kind:
    """A TCP port; a Kubernetes service link in its place gets an explanation."""
    number = integer(1, _MAX_PORT)

    def parse(text: str) -> object:
        if text.startswith("tcp://"):
            raise BadValue(
                "was injected by a Kubernetes service of the same name"
                " (set `enableServiceLinks: false` on the pod, or set the name yourself)"
            )
        return number.parse(text)

    return Kind(parse=parse, allowed=number.allowed)


def choice(*names: str) -> Kind:
    """One of ``names`` in any letter case."""
    by_name = {name.casefold(): name for name in names}

    def parse(text: str) -> str:
        folded = text.casefold()
        if folded not in by_name:
            raise BadValue("is not one of the known values")
        return by_name[folded]

    return Kind(parse=parse, allowed=" | ".join(names))


def boolean() -> Kind:
    """``true`` or ``false``, also 1/0, yes/no, on/off."""

    def parse(text: str) -> bool:
        folded = text.casefold()
        if folded in _TRUE:
            return True
        if folded in _FALSE:
            return False
        raise BadValue("is neither true nor false")

    return Kind(parse=parse, allowed="true | false")


def host() -> Kind:
    """An address or a host name to listen on or to connect to."""

    def parse(text: str) -> str:
        if not _HOST.fullmatch(text):
            raise BadValue("is not a host name or an address")
        return text

    return Kind(parse=parse, allowed="a host name or an IP address")


def visible() -> Kind:
    """1 to 255 visible ASCII characters, compared exactly by the other side."""

    def parse(text: str) -> str:
        if not _VISIBLE_ASCII.fullmatch(text):
            raise BadValue("has a space, a non-ASCII character or more than 255 characters")
        return text

    return Kind(parse=parse, allowed="1 to 255 visible ASCII characters, no spaces")


def stream_name() -> Kind:
    """A name of a JetStream stream, which is a part of subjects and of file names, too."""

    def parse(text: str) -> str:
        if not _STREAM_NAME.fullmatch(text):
            raise BadValue("has other signs than letters, digits, - and _, or too many")
        return text

    return Kind(parse=parse, allowed="1 to 64 letters, digits, - and _")


def path() -> Kind:
    """A folder; it need not exist yet."""

    def parse(text: str) -> Path:
        return Path(_plain(text))

    return Kind(parse=parse, allowed="a path")


def text(low: int, high: int) -> Kind:
    """One line of text, trimmed."""
    return Kind(
        parse=lambda value: _sized(value, low, high),
        allowed=f"{low} to {high} characters, no control characters",
    )


def secret_text(low: int, high: int) -> Kind:
    """One line of text; spaces at the ends count."""
    return Kind(
        parse=lambda value: Secret(_sized(value, low, high)),
        allowed=f"{low} to {high} characters, no control characters",
        keep_spaces=True,
    )


def anything() -> Kind:
    """Not looked at: the setting has no effect yet."""
    return Kind(parse=lambda value: value, allowed="anything")


def origins() -> Kind:
    """A JSON list of web origins, as browsers write them in ``Origin``."""

    def parse(value: str) -> tuple[str, ...]:
        try:
            listed = json.loads(_plain(value, limit=64 * _MAX_TEXT))
        except (ValueError, RecursionError):
            raise BadValue("is not JSON") from None
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise BadValue("is not a JSON list of strings")
        if len(listed) > _MAX_ORIGINS:
            raise BadValue(f"has more than {_MAX_ORIGINS} entries")
        return tuple(dict.fromkeys(_origin(item) for item in listed))

    return Kind(
        parse=parse,
        allowed='a JSON list of origins like ["https://app.example.com"],'
        ' also "chrome-extension://<id or *>" and "moz-extension://<id or *>"; no path, no slash at'
        ' the end; "*" only with CORS_ALLOW_CREDENTIALS=false',
    )


def _origin(item: str) -> str:
    folded = item.lower()
    if folded == "*" or _EXTENSION_ORIGIN.fullmatch(folded):
        return folded
    matched = _ORIGIN.fullmatch(folded)
    if not matched or int(matched[1] or "1") not in range(1, _MAX_PORT + 1):
        raise BadValue(f"has the entry {item[:80]!a}, which is not an origin")
    return folded


def _sized(value: str, low: int, high: int) -> str:
    if not low <= len(_plain(value)) <= high:
        raise BadValue("is too short" if len(value) < low else "is too long")
    return value


def _plain(value: str, limit: int = _MAX_TEXT) -> str:
    if len(value) > limit:
        raise BadValue("is too long")
    if any(ord(character) < ord(" ") or character == "\x7f" for character in value):
        raise BadValue("has a control character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadValue("is not valid UTF-8") from None
    return value
