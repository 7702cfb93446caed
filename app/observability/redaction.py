"""Keeps secrets out of the log (SEC-67): by the name they stand under, and by what they look like.

Every pattern is linear on hostile text (SEC-53) and runs only if a word that it needs is there.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from auth_core.kernel import Secret

MASK = "***"
MAX_STRING = 8192
"""Characters that one string may have in the log."""
MAX_EVENT = 32768
"""Characters that all strings of one event may have together."""
_MAX_SCANNED = 65536
_MAX_NODES = 512
_MAX_DEPTH = 6
_MAX_KEY = 128
_INT64 = 2**63

_SECRET_NAME = re.compile(
    "passw|passphrase|secret|authori[sz]ation|cookie|credential|assertion|codeverifier|privatekey"
    "|signingkey|masterkey|encryptionkey|wrappingkey|apikey|keymaterial|totp|seed|sealed|salt"
)
_SECRET_NAMES = frozenset(
    {"pwd", "pass", "token", "tokens", "jwt", "jws", "otp", "pin", "pem", "jwk", "dsn", "auth"}
)
_HARMLESS_CODES = frozenset(
    {"statuscode", "errorcode", "exitcode", "returncode", "countrycode", "languagecode"}
)
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")
# C1 controls, line and paragraph separators, bidirectional controls: they change how a line reads.
_UNREADABLE = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_Replacement = str | Callable[[re.Match[str]], str]
_VALUE = (
    r"""(?:b?"(?:[^"\\]|\\.){0,4096}"?|b?'(?:[^'\\]|\\.){0,4096}'?"""
    r"""|\\{1,3}["'][^"']{0,4096}["']?|[^\s&,;]{1,4096})"""
)


def _mask_user_info(match: re.Match[str]) -> str:
    _, at, location = match[0].rpartition("@")
    return f"://{MASK}@{location}" if at else match[0]


def _rule(
    needs: str, pattern: str, replacement: _Replacement
) -> tuple[tuple[str, ...], re.Pattern[str], _Replacement]:
    return tuple(needs.split()), re.compile(pattern, re.ASCII | re.DOTALL), replacement


RULES = (
    _rule(
        "private",
        r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY.*?"
        r"(?:-----END [A-Z0-9 ]{0,32}PRIVATE KEY-----|\Z)",
        MASK,
    ),
    _rule("eyj", r"eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,4}", MASK),
    _rule("whsec_", r"whsec_[A-Za-z0-9+/=_-]+", MASK),
    _rule("$argon2", r"\$argon2[a-z]{1,2}\$[^\s\"']+", MASK),
    _rule("://", r"://\S+", _mask_user_info),
    _rule(
        "cookie authorization",
        r"(?i)((?:cookie|authorization)[\\\"']{0,4}\s{0,2}[=:,]\s{0,2})[^\r\n]+",
        rf"\1{MASK}",
    ),
    _rule("bearer dpop", r"(?i)\b(bearer|dpop)\s{1,4}[^\s\"',;]+", rf"\1 {MASK}"),
    _rule(
        "basic",
        r"(?i:\bbasic)\s{1,4}(?=[a-z+/]{0,64}[A-Z0-9=])[A-Za-z0-9+/]{4,}={0,2}",
        f"Basic {MASK}",
    ),
    _rule("[parameters:", r"\[parameters: [^\n]*", f"[parameters: {MASK}]"),
    _rule(
        "code= otp= state= assertion= verifier=",
        r"(?i)([?&](?:code|otp|state|client_assertion|assertion|code_verifier)=)[^\s&#\"']+",
        rf"\1{MASK}",
    ),
    _rule(
        "password passwd passphrase pwd secret token key otp",
        r"(?i)((?:passw(?:or)?d(?:_hash)?|passphrase|\bpwd|secret|token|\b[to]?otp"
        r"|(?:api|private|master|signing|encryption|secret)[_-]?key)"
        rf"[\\\"']{{0,4}}\s{{0,2}}[=:]\s{{0,2}})(?!=){_VALUE}",
        rf"\1{MASK}",
    ),
)


def redact(_logger: object, _method: str, event_dict: MutableMapping[str, Any]) -> dict[str, Any]:
    """A structlog processor: a copy of the event without secrets, made of JSON types only.

    Runs after exceptions have become text. The work and the size of the result are bounded.
    """
    scrub = _Scrub()
    return {scrub.key(key): scrub.entry(key, value, 0) for key, value in event_dict.items()}


def redact_text(text: str) -> str:
    """``text`` with everything masked that looks like a secret."""
    lowered = text.lower()
    for needs, pattern, replacement in RULES:
        for word in needs:
            if word in lowered:
                text = pattern.sub(replacement, text)
                break
    return text


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a value under this name is a secret, however the name is written."""
    bare = _NOT_ALPHANUMERIC.sub("", name.lower())
    if bare in _SECRET_NAMES or _SECRET_NAME.search(bare):
        return True
    if bare.endswith(("code", "codes")):
        return bare not in _HARMLESS_CODES
    return bare.endswith(("token", "tokens", "otp")) and bare != "revokedtokens"


def escape_controls(text: str) -> str:
    """``text`` on one line: control characters become escapes like those of Python."""
    return _CONTROL.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


class _Scrub:
    """One event's walk, with its budget."""

    def __init__(self) -> None:
        self.characters = MAX_EVENT
        self.nodes = _MAX_NODES

    def key(self, key: object) -> str:
        text = key if isinstance(key, str) else str(self.value(key, _MAX_DEPTH))
        return self.text(text[:_MAX_KEY])

    def entry(self, key: object, value: object, depth: int) -> object:
        if value is None or value is True or value is False or value == "":
            return value
        if isinstance(key, str) and is_secret_name(key[:_MAX_KEY]):
            return MASK
        return self.value(value, depth)

    def value(self, value: object, depth: int) -> object:
        self.nodes -= 1
        if self.nodes < 0:
            return "…"
        if isinstance(value, str) and not isinstance(value, Enum):
            return self.text(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return int(value) if -_INT64 <= value < _INT64 else f"<{value.bit_length()}-bit int>"
        return self._container(value, depth)

    def text(self, text: str) -> str:
        cut = text[:_MAX_SCANNED]
        shown = redact_text(cut)
        if len(cut) < len(text):  # what stands at the cut may be half a secret: drop that word
            shown = shown[: len(shown) - len(shown.split()[-1])] if shown.split() else ""
        if not shown.isascii():
            shown = shown.encode("utf-8", "backslashreplace").decode("utf-8")
            shown = _UNREADABLE.sub(_escape, shown)
        limit = max(0, min(MAX_STRING, self.characters))
        if len(shown) > limit or len(cut) < len(text):
            # both ends: a traceback begins with where and ends with what
            tail = min(len(shown), limit) // 4
            head = shown[: min(len(shown), limit) - tail]
            shown = f"{head}…[cut from {len(text)} characters]…{shown[len(shown) - tail :]}"
        self.characters -= len(shown)
        return shown

    def _container(self, value: object, depth: int) -> object:
        if isinstance(value, Secret | bytes | bytearray | memoryview):
            return MASK if isinstance(value, Secret) else f"<{len(value)} bytes>"
        if depth >= _MAX_DEPTH:
            return "…"
        if isinstance(value, msgspec.Struct):
            value = msgspec.structs.asdict(value)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return self._items(value, depth)
        return self._other(value)

    def _mapping(self, value: Mapping[Any, object], depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, item in value.items():
            if self.nodes <= 0:
                found["…"] = "…"
                break
            found[self.key(key)] = self.entry(key, item, depth + 1)
        return found

    def _items(self, value: Any, depth: int) -> list[object]:
        items: list[object] = []
        if isinstance(value, tuple) and len(value) == 2:  # noqa: PLR2004  (a header: name, value)
            name, item = value
            text = name.decode("latin-1") if isinstance(name, bytes) else name
            return [self.value(text, depth + 1), self.entry(text, item, depth + 1)]
        for item in value:
            if self.nodes <= 0:
                items.append("…")
                break
            items.append(self.value(item, depth + 1))
        return items

    def _other(self, value: object) -> str:
        if isinstance(value, UUID):
            return str(value)
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, Enum):
            return self.text(str(value.value))
        try:
            return self.text(repr(value))
        except Exception:  # noqa: BLE001  (a broken repr must not stop the log)
            return f"<{type(value).__name__}>"
