"""What people may say about themselves beyond their name, and within which limits."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import msgspec

from auth_core.kernel import FieldProblem, InvalidInput
from auth_core.kernel import display_name as parsed_display_name
from auth_core.users.model import User

LOCALE_MAX = 35
"""RFC 5646 §4.4.1."""
PICTURE_URL_MAX = 2048
CLAIM_TEXT_MAX = 256
CLAIM_LIST_MAX = 32
CLAIMS_MAX_BYTES = 4096
"""Of all claims of a person, as JSON."""
_CLAIM_INTEGER_MAX = 2**53 - 1  # what every JSON parser keeps (RFC 8259 §6)

_LOCALE = re.compile(  # langtag of RFC 5646 §2.1; no extended languages, no grandfathered tags
    r"[a-z]{2,8}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?",
    re.IGNORECASE,
)
_SCRIPT, _REGION = 4, 2
_URL = re.compile(r"https://[A-Za-z0-9._~:/?#\[\]!$&'()*+,;=%-]+", re.IGNORECASE)


class ClaimKind(StrEnum):
    """What the value of a custom claim may be."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    STRINGS = "strings"
    """A list of strings."""


class ProfileChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Valid changes; what is unset stays as it is. Made by `ProfilePolicy.changes`."""

    display_name: str | msgspec.UnsetType = msgspec.UNSET
    locale: str | msgspec.UnsetType | None = msgspec.UNSET
    time_zone: str | msgspec.UnsetType | None = msgspec.UNSET
    picture_url: str | msgspec.UnsetType | None = msgspec.UNSET
    claims: Mapping[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """All custom claims that there are from then on."""

    def differing(self, user: User) -> dict[str, Any]:
        """The fields, with their new values, that ``user`` has otherwise."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            name: value
            for name, value in given.items()
            if value is not msgspec.UNSET and value != getattr(user, name)
        }


NO_CHANGES = ProfileChanges()

_Text = str | msgspec.UnsetType | None


class ProfilePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment allows: its custom claims with their kinds, and the known time zones."""

    claims: Mapping[str, ClaimKind] = msgspec.field(default_factory=dict)
    time_zones: frozenset[str] = frozenset({"UTC"})

    def changes(
        self,
        *,
        display_name: _Text = msgspec.UNSET,
        locale: _Text = msgspec.UNSET,
        time_zone: _Text = msgspec.UNSET,
        picture_url: _Text = msgspec.UNSET,
        claims: Mapping[str, Any] | msgspec.UnsetType | None = msgspec.UNSET,
    ) -> ProfileChanges:
        """Check every field and report all problems at once; raises InvalidInput.

        None clears a field; a display name there must be.
        """
        problems: list[FieldProblem] = []

        def checked(value: Any, check: Callable[[Any], Any]) -> Any:
            if value is None or value is msgspec.UNSET:
                return value
            try:
                return check(value)
            except InvalidInput as invalid:
                problems.extend(invalid.problems)
                return msgspec.UNSET

        if display_name is None:
            problems.append(_problem("display_name", "missing", "there must be one"))
        changes = ProfileChanges(
            display_name=checked(display_name, parsed_display_name),
            locale=checked(locale, _locale),
            time_zone=checked(time_zone, self._time_zone),
            picture_url=checked(picture_url, _picture_url),
            claims=checked({} if claims is None else claims, self._claims),
        )
        if problems:
            raise InvalidInput(*problems)
        return changes

    def _time_zone(self, text: str) -> str:
        if text not in self.time_zones:
            message = "not a time zone of the IANA database, like Europe/Berlin"
            raise InvalidInput(_problem("time_zone", "time_zone", message))
        return text

    def _claims(self, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        problems = [
            problem
            for name, value in claims.items()
            if (problem := self._claim_problem(name, value)) is not None
        ]
        if problems:
            raise InvalidInput(*problems[:CLAIM_LIST_MAX])
        if len(msgspec.json.encode(claims)) > CLAIMS_MAX_BYTES:
            message = f"at most {CLAIMS_MAX_BYTES} bytes of JSON"
            raise InvalidInput(_problem("claims", "too_long", message))
        return claims

    def _claim_problem(self, name: str, value: object) -> FieldProblem | None:
        kind = self.claims.get(name)
        if kind is None:  # the name is not repeated: it may be anything
            return _problem("claims", "unknown", "a claim that this deployment does not have")
        if not _FITS[kind](value):
            return _problem(f"claims.{name}", "type_error", _TAKES[kind])
        return None


def _locale(text: str) -> str:
    if len(text) > LOCALE_MAX or not _LOCALE.fullmatch(text):
        message = "not a language tag (BCP 47) like en or pt-BR"
        raise InvalidInput(_problem("locale", "locale", message))
    language, *rest = text.lower().split("-")
    parts, in_extension = [language], False
    for part in rest:  # the letter case of RFC 5646 §2.1.1
        in_extension = in_extension or len(part) == 1
        if not in_extension and len(part) == _SCRIPT and part.isalpha():
            part = part.title()  # noqa: PLW2901
        elif not in_extension and len(part) == _REGION:
            part = part.upper()  # noqa: PLW2901
        parts.append(part)
    return "-".join(parts)


def _picture_url(text: str) -> str:
    if len(text) > PICTURE_URL_MAX:
        message = f"at most {PICTURE_URL_MAX} characters"
        raise InvalidInput(_problem("picture_url", "too_long", message))
    try:
        parts = urlsplit(text) if _URL.fullmatch(text) else None
        good = parts is not None and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        message = "an address that begins with https:// and names no user"
        raise InvalidInput(_problem("picture_url", "url", message))
    return text


def _is_text(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= CLAIM_TEXT_MAX
        and not any(unicodedata.category(character) in {"Cc", "Cs"} for character in value)
    )


def _is_integer(value: object) -> bool:
    return type(value) is int and abs(value) <= _CLAIM_INTEGER_MAX


_FITS: Mapping[ClaimKind, Callable[[Any], bool]] = {
    ClaimKind.STRING: _is_text,
    ClaimKind.INTEGER: _is_integer,
    ClaimKind.NUMBER: lambda value: _is_integer(value) or type(value) is float,
    ClaimKind.BOOLEAN: lambda value: type(value) is bool,
    ClaimKind.STRINGS: lambda value: (
        isinstance(value, list) and len(value) <= CLAIM_LIST_MAX and all(map(_is_text, value))
    ),
}
_TAKES: Mapping[ClaimKind, str] = {
    ClaimKind.STRING: f"a string of at most {CLAIM_TEXT_MAX} characters",
    ClaimKind.INTEGER: "a whole number below 2^53",
    ClaimKind.NUMBER: "a number",
    ClaimKind.BOOLEAN: "true or false",
    ClaimKind.STRINGS: f"a list of at most {CLAIM_LIST_MAX} strings",
}


def _problem(field: str, kind: str, message: str) -> FieldProblem:
    return FieldProblem(field=field, type=kind, message=message)
