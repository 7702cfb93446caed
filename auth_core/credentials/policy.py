"""What may become a password (NIST SP 800-63B-4 §3.1.1.2): length and blocklist, nothing else."""

import hashlib
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from auth_core.credentials.blocklist import Blocklist
from auth_core.credentials.password import PASSWORD_MIN, parse_password
from auth_core.credentials.patterns import bases, is_regular, without_signs
from auth_core.kernel import FieldProblem, InvalidInput, Secret, Unavailable
from auth_core.kernel.canonical import fold

SECOND_FACTOR_MIN = 8
"""Code points, when a second factor is enforced."""

_SHORTEST_NAME = 3
_SHORTEST_REST = 6
"""Letters that a password needs beside the names in it."""
_PARTS = re.compile(r"[^\W_]+")
_PREFIX_DIGITS = 5


class OnLookupFailure(StrEnum):
    """What happens to a new password while the breach lookup does not answer."""

    OPEN = "open"
    """The offline list decides alone."""
    CLOSED = "closed"
    """No password is set: Unavailable."""


class BreachedPasswords(Protocol):
    """Passwords that breaches have made public, asked by a prefix of their digest (k-anonymity)."""

    async def suffixes(self, prefix: str) -> frozenset[str]:
        """Those with five hexadecimal digits of a SHA-1 in upper case: their other 35 digits.

        Raises Unavailable. The password itself goes nowhere.
        """
        ...


class BreachLookup(NamedTuple):
    """Whom to ask, and what to do when there is no answer."""

    passwords: BreachedPasswords
    on_failure: OnLookupFailure


class PasswordRules(msgspec.Struct, frozen=True, kw_only=True):
    """``minimum`` in code points; ``service_names``: words that everybody tries here."""

    minimum: int = PASSWORD_MIN
    service_names: tuple[str, ...] = ("FaultMaven",)


class PasswordPolicy:
    """Refuses what is too short, too long or guessed early, and says why (SEC-03, 05, 06)."""

    def __init__(
        self,
        blocklist: Blocklist,
        rules: PasswordRules | None = None,
        *,
        lookup: BreachLookup | None = None,
    ) -> None:
        self._blocklist = blocklist
        self._rules = PasswordRules() if rules is None else rules
        self._lookup = lookup
        self._service = _parts(self._rules.service_names)

    async def check(
        self,
        text: str,
        *,
        names: Iterable[str] = (),
        second_factor: bool = False,
        field: str = "password",
    ) -> Secret[str]:
        """The password in NFC, ready for a hasher.

        ``names`` are the account's own: user name, e-mail, display name. ``second_factor``: one is
        enforced for this account. Raises InvalidInput with one of the types ``too_short``,
        ``too_long``, ``common``, ``pattern``, ``personal``, ``breached``; Unavailable when the
        breach lookup must answer and does not.
        """
        password = self.check_offline(text, names=names, second_factor=second_factor, field=field)
        if self._lookup is not None and await self._is_breached(password, self._lookup):
            raise _refused(field, "breached", "known from a data breach; choose another one")
        return password

    def check_offline(
        self,
        text: str,
        *,
        names: Iterable[str] = (),
        second_factor: bool = False,
        field: str = "password",
    ) -> Secret[str]:
        """As `check`, without the breach lookup."""
        minimum = self._rules.minimum
        if second_factor:
            minimum = min(minimum, SECOND_FACTOR_MIN)
        password = parse_password(text, minimum=minimum, field=field)
        folded = fold(password.reveal())
        core = without_signs(folded)
        if is_regular(folded) or (core != folded and is_regular(core)):
            raise _refused(field, "pattern", "a repetition or a sequence; choose another one")
        if self._is_listed(folded):
            raise _refused(field, "common", "one of the first that are tried; choose another one")
        if self._is_personal(folded, _parts(names) | self._service):
            raise _refused(
                field, "personal", "little more than a name of yours or ours; choose another one"
            )
        return password

    def _is_listed(self, folded: str) -> bool:
        listed = self._blocklist
        return any(len(base) >= _SHORTEST_NAME and base in listed for base in bases(folded))

    def _is_personal(self, folded: str, names: set[str]) -> bool:
        for text in (folded, folded[::-1]):
            found = [name for name in names if name in text]
            if not found:
                continue
            rest = text
            for name in sorted(found, key=len, reverse=True):
                rest = rest.replace(name, " ")
            letters = "".join(part for part in _PARTS.findall(rest) if not part.isdecimal())
            if len(letters) < _SHORTEST_REST or letters in self._blocklist:
                return True
        return False

    async def _is_breached(self, password: Secret[str], lookup: BreachLookup) -> bool:
        digest = hashlib.sha1(password.reveal().encode(), usedforsecurity=False).hexdigest().upper()
        try:
            suffixes = await lookup.passwords.suffixes(digest[:_PREFIX_DIGITS])
        except Unavailable:
            if lookup.on_failure is OnLookupFailure.CLOSED:
                raise
            return False
        return digest[_PREFIX_DIGITS:] in suffixes


def _parts(names: Iterable[str]) -> set[str]:
    """The names and their words: local part, domain labels, first and last name; folded."""
    folded = [fold(name) for name in names]
    words = _PARTS.findall("\n".join(folded))
    return {part for part in (*folded, *words) if len(part) >= _SHORTEST_NAME}


def _refused(field: str, kind: str, message: str) -> InvalidInput:
    return InvalidInput(FieldProblem(field=field, type=kind, message=message))
