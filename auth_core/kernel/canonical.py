"""The one canonical form of names: NFKC, case folding, then a closed alphabet.

The result of both functions is plain ASCII, so two accounts can never differ only in script, case,
width or invisible characters (SEC-61, SEC-62; RFC 8265 §3.3, UTS 39).
"""

import re
import unicodedata

_USERNAME = re.compile(r"[a-z0-9._-]+")
_LOCAL_PART = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_SEPARATORS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})  # RFC 3490 §3.1

EMAIL_MAX = 254  # RFC 5321 §4.5.3.1.3, less the angle brackets
LOCAL_PART_MAX = 64  # RFC 5321 §4.5.3.1.1


def fold(text: str) -> str:
    """NFKC, full case folding, NFKC again: folding may leave a string that is not normalised."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def canonical_username(text: str) -> str | None:
    """The canonical form of a plain user name, or None when a character is outside the alphabet."""
    folded = fold(text)
    return folded if _USERNAME.fullmatch(folded) else None


def canonical_email(text: str) -> str | None:
    """The canonical form of an address, its domain in A-labels (RFC 5890), or None if malformed.

    Local parts are ASCII dot-atoms (RFC 5322 §3.2.3): no quoting, no internationalised mailboxes.
    """
    if len(text) > EMAIL_MAX:
        return None
    local, separator, domain = fold(text.translate(_LABEL_SEPARATORS)).rpartition("@")
    ascii_domain = _ascii_domain(domain)
    if not separator or ascii_domain is None or len(local) > LOCAL_PART_MAX:
        return None
    address = f"{local}@{ascii_domain}"
    return address if len(address) <= EMAIL_MAX and _LOCAL_PART.fullmatch(local) else None


def canonical_domain(text: str) -> str | None:
    """The canonical form of a domain, as `canonical_email` has it behind the @; None if malformed.

    The dot at the end of an absolute name goes. An IPv4 address is no domain.
    """
    if len(text) > EMAIL_MAX:
        return None
    domain = _ascii_domain(fold(text.translate(_LABEL_SEPARATORS)).removesuffix("."))
    return None if domain is None or domain.rpartition(".")[2].isdigit() else domain


def _ascii_domain(domain: str) -> str | None:
    if len(domain) > EMAIL_MAX:  # folding may have made it longer, and the codec is slow
        return None
    try:
        labels = domain.encode("idna").decode("ascii").lower().split(".")
    except UnicodeError:
        return None
    return ".".join(labels) if len(labels) > 1 and all(map(_LABEL.fullmatch, labels)) else None
