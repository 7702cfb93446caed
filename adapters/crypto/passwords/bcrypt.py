"""bcrypt in its modular form: ``$2a$``, ``$2b$`` and PHP's ``$2y$`` (Provos and Mazières 1999).

All of them look at 72 bytes of a password; the rest counts once the next login has replaced the
hash. The variant ``$2x$`` of a broken implementation is not known.
"""

import re

import bcrypt

from adapters.crypto.passwords.reading import MALFORMED, Check, Refused, number

PREFIXES = ("$2a$", "$2b$", "$2y$")
_FORM = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_ROUNDS_MIN, _ROUNDS_MAX = 4, 15
_SEEN_BYTES = 72


def read(text: str) -> Check:
    """The check of ``text``. Raises Refused."""
    matched = _FORM.fullmatch(text)
    if not matched:
        raise Refused(MALFORMED)
    number(matched[1], low=_ROUNDS_MIN, high=_ROUNDS_MAX)
    stored = text.encode()

    def check(password: bytes) -> bool:
        try:
            return bcrypt.checkpw(password[:_SEEN_BYTES], stored)
        except ValueError:
            return False

    return check
