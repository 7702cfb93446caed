"""The names of an account as value types: a value that exists is valid and canonical."""

import re
import unicodedata
from typing import Self

import msgspec

from auth_core.kernel.canonical import EMAIL_MAX, canonical_email, canonical_username
from auth_core.kernel.errors import FieldProblem, InvalidInput

USERNAME_MIN, USERNAME_MAX = 3, 50
DISPLAY_NAME_MAX = 100
DEFAULT_EMAIL_DOMAIN = "dev.faultmaven.local"

_DECOMPOSED_MAX = 4 * DISPLAY_NAME_MAX  # no character decomposes into more than four
_JOINERS = "\u200c\u200d"  # scripts and emoji need them
_WORD_SEPARATORS = re.compile(r"[._-]+")


class Email(msgspec.Struct, frozen=True):
    """A canonical e-mail address: lower case ASCII, at most 254 characters. Made by `parse`."""

    value: str

    @classmethod
    def parse(cls, text: str, *, field: str = "email") -> Self:
        """Canonicalise and check; raises InvalidInput naming ``field``."""
        if len(text) > EMAIL_MAX:
            raise _invalid(field, "too_long", f"at most {EMAIL_MAX} characters")
        canonical = canonical_email(text)
        if canonical is None:
            raise _invalid(field, "email", "not an e-mail address like name@example.com")
        return cls(canonical)

    @property
    def local_part(self) -> str:
        """What stands before the @."""
        return self.value.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """What stands behind it, in A-labels."""
        return self.value.rpartition("@")[2]

    def __str__(self) -> str:
        return self.value


class Username(msgspec.Struct, frozen=True):
    """A canonical user name: an e-mail address or ``[a-z0-9._-]``, 3 to 50 characters."""

    value: str

    @classmethod
    def parse(cls, text: str, *, field: str = "username") -> Self:
        """Canonicalise and check; raises InvalidInput naming ``field``."""
        canonical = None
        if len(text) <= USERNAME_MAX:  # normalising takes quadratic time in the worst case
            canonical = canonical_username(text) or canonical_email(text)
        for form in (text, canonical or text):
            if len(form) < USERNAME_MIN:
                raise _invalid(field, "too_short", f"at least {USERNAME_MIN} characters")
            if len(form) > USERNAME_MAX:
                raise _invalid(field, "too_long", f"at most {USERNAME_MAX} characters")
        if canonical is None:
            raise _invalid(
                field, "alphabet", "letters a-z, digits, '.', '_' and '-', or an e-mail address"
            )
        return cls(canonical)

    def default_email(self) -> Email:
        """The address of an account that gave none: the name itself if it is one."""
        return Email(self.value if "@" in self.value else f"{self.value}@{DEFAULT_EMAIL_DOMAIN}")

    def default_display_name(self) -> str:
        """A readable name from the local part: ``john.doe`` becomes ``John Doe``."""
        words = _WORD_SEPARATORS.split(self.value.partition("@")[0])
        return " ".join(word.capitalize() for word in words if word) or self.value

    def __str__(self) -> str:
        return self.value


def display_name(text: str, *, field: str = "display_name") -> str:
    """NFC, trimmed, 1 to 100 characters, nothing invisible or direction-changing (SEC-62)."""
    if len(text) > _DECOMPOSED_MAX:  # normalising takes quadratic time in the worst case
        raise _invalid(field, "too_long", f"at most {DISPLAY_NAME_MAX} characters")
    if any(_is_hidden(character) for character in text):
        raise _invalid(field, "alphabet", "control or invisible characters are not allowed")
    name = unicodedata.normalize("NFC", text.strip())
    if not name:
        raise _invalid(field, "too_short", "at least 1 character")
    if len(name) > DISPLAY_NAME_MAX:
        raise _invalid(field, "too_long", f"at most {DISPLAY_NAME_MAX} characters")
    return name


def _is_hidden(character: str) -> bool:
    category = unicodedata.category(character)
    # control, unpaired surrogate, format (bidi overrides, zero width), line separators
    return category in {"Cc", "Cs", "Zl", "Zp"} or (category == "Cf" and character not in _JOINERS)


def _invalid(field: str, kind: str, message: str) -> InvalidInput:
    return InvalidInput(FieldProblem(field=field, type=kind, message=message))
