"""What letters say, in every language: one TOML file each, checked when it is read."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from auth_core.kernel import MailTemplate

DEFAULT_LANGUAGE = "en"
LANGUAGES = ("en", "de")
_FOLDER = files("adapters.mail") / "letters"


class Wording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One letter in one language. The texts are jinja2 templates over the letter's values."""

    subject: str
    opening: tuple[str, ...]
    """Paragraphs before the link or the code."""
    action: str = ""
    """What the link is called; empty for a letter without one."""
    closing: tuple[str, ...] = ()
    """Paragraphs after the link or the code."""


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All letters in one language."""

    greeting: str
    footer: str
    letters: Mapping[MailTemplate, Wording]


@cache
def catalogue(language: str) -> Catalogue:
    """The letters in one of LANGUAGES. Raises ValidationError for a file that is wrong."""
    content = tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return msgspec.convert(content, Catalogue)


def negotiated(locale: str | None) -> str:
    """The best of LANGUAGES for a BCP 47 tag: the tag, then shorter ones, then English
    (RFC 4647 §3.4).
    """
    subtags = (locale or "").lower().replace("_", "-").split("-")
    for count in range(len(subtags), 0, -1):
        candidate = "-".join(subtags[:count])
        if candidate in LANGUAGES:
            return candidate
    return DEFAULT_LANGUAGE
