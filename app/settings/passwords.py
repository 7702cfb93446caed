"""The settings of passwords: cost of the hash, pepper, breach lookup."""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from app.settings import parse
from app.settings.field import Field
from app.settings.parse import BadValue, Kind
from auth_core.kernel import Secret

_KEY = re.compile(r"([a-zA-Z0-9.-]{1,32}):([A-Za-z0-9+/_-]{43,512}=?=?)")
_MAX_KEYS = 16
_KEY_BYTES_MIN = 32
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_FLOOR = {1: 47104, 2: 19456, 3: 12288, 4: 9216, 5: 7168}
"""OWASP's equals: passes, and the memory in KiB that goes with them at least."""


def pepper_keys() -> Kind:
    """Named keys, the current one first."""
    return Kind(
        parse=_pepper_keys,
        allowed="name:key pairs with commas or new lines between them, the current one first; a"
        " name has letters, digits, '.' and '-', a key 32 random bytes or more in base64",
    )


def lookup_url() -> Kind:
    """Where the range API is; its five digits are appended."""
    return Kind(
        parse=_lookup_url,
        allowed="https://…, http:// only on this machine; no credentials, no query",
    )


def weak_hash(values: Mapping[str, object]) -> list[str]:
    """Parameters below OWASP's, unless they are wanted."""
    memory, passes = values.get("AUTH_ARGON2_MEMORY_KIB"), values.get("AUTH_ARGON2_TIME_COST")
    lanes = values.get("AUTH_ARGON2_PARALLELISM")
    if not (isinstance(memory, int) and isinstance(passes, int) and isinstance(lanes, int)):
        return []
    if memory < 8 * lanes:
        return ["AUTH_ARGON2_MEMORY_KIB must be at least 8 times AUTH_ARGON2_PARALLELISM"]
    allowed = values.get("ENVIRONMENT") == "development" or values.get("AUTH_ALLOW_WEAK_HASHES")
    needed = _FLOOR[min(passes, max(_FLOOR))]
    if memory >= needed or allowed:
        return []
    problem = (
        f"AUTH_ARGON2_TIME_COST={passes} needs AUTH_ARGON2_MEMORY_KIB={needed} or more outside"
        " development; AUTH_ALLOW_WEAK_HASHES=true, for measurements only, does without"
    )
    return [problem]


def lookup_choice(values: Mapping[str, object]) -> list[str]:
    """Whoever asks says what happens without an answer."""
    has_url = values.get("AUTH_BREACH_LOOKUP_URL") is not None
    has_choice = values.get("AUTH_BREACH_LOOKUP_FAILURE") is not None
    if has_url == has_choice:
        return []
    return ["AUTH_BREACH_LOOKUP_URL and AUTH_BREACH_LOOKUP_FAILURE go together: set both or none"]


def _pepper_keys(text: str) -> tuple[tuple[str, Secret[bytes]], ...]:
    keys = tuple(_pepper_key(pair) for pair in text.replace(",", " ").split())
    if len(keys) > _MAX_KEYS:
        raise BadValue(f"has more than {_MAX_KEYS} keys")
    if len({kid for kid, _ in keys}) != len(keys):
        raise BadValue("has a name twice")
    return keys


def _pepper_key(pair: str) -> tuple[str, Secret[bytes]]:
    matched = _KEY.fullmatch(pair)
    if not matched:
        raise BadValue("has an entry that is not name:key, or a key that is too short")
    digits = matched[2].rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        key = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except binascii.Error:
        raise BadValue("has a key that is not base64") from None
    if len(key) < _KEY_BYTES_MIN or len(set(key)) == 1:
        raise BadValue("has a key of fewer than 32 random bytes")
    return matched[1], Secret(key)


def _lookup_url(text: str) -> str:
    try:
        url = urlsplit(text)
    except ValueError:
        raise BadValue("is not a URL") from None
    if url.username or url.password or url.query or url.fragment or not url.hostname:
        raise BadValue("has credentials, a query or no host")
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOOPBACK):
        raise BadValue("is not an https:// URL")
    return text


PASSWORDS = (
    Field(
        name="AUTH_ARGON2_MEMORY_KIB",
        attribute="passwords.memory_kib",
        kind=parse.integer(8, 1_048_576),
        default="19456",
        description="Memory of one password hash in KiB; the next three are OWASP's choice."
        " Passwords are hashed anew at the next login after a change",
    ),
    Field(
        name="AUTH_ARGON2_TIME_COST",
        attribute="passwords.passes",
        kind=parse.integer(1, 10),
        default="2",
        description="Passes over that memory",
    ),
    Field(
        name="AUTH_ARGON2_PARALLELISM",
        attribute="passwords.lanes",
        kind=parse.integer(1, 16),
        default="1",
        description="Lanes of one password hash",
    ),
    Field(
        name="AUTH_ALLOW_WEAK_HASHES",
        attribute="passwords.allow_weak",
        kind=parse.boolean(),
        default="false",
        description="UNSAFE: take less than OWASP's minimum outside development, too",
    ),
    Field(
        name="AUTH_PASSWORD_PEPPER",
        attribute="passwords.pepper",
        kind=pepper_keys(),
        default_note="none",
        secret=True,
        description="Secret keys that go into every password hash and are not in the database. To"
        " change the key put a new one before the old one; a password whose key is removed opens"
        " nothing until it is reset. `openssl rand -base64 32` makes a key",
    ),
    Field(
        name="AUTH_BREACH_LOOKUP_URL",
        attribute="passwords.breach_url",
        kind=lookup_url(),
        default_note="not set: no lookup",
        example="https://api.pwnedpasswords.com/range/",
        description="Where new passwords are looked up among breached ones; five digits of a digest"
        " leave the service, never a password",
    ),
    Field(
        name="AUTH_BREACH_LOOKUP_FAILURE",
        attribute="passwords.breach_failure",
        kind=parse.choice("open", "closed"),
        example="open",
        description="While the lookup does not answer: open lets the offline list decide alone,"
        " closed sets no password",
    ),
)
