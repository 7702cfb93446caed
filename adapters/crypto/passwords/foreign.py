"""All kinds of stored hashes, told apart by how they begin."""

from types import ModuleType
from typing import TYPE_CHECKING

from adapters.crypto.passwords import argon2, bcrypt, firebase, keycloak, pbkdf2, scrypt
from adapters.crypto.passwords.reading import MALFORMED, TOO_COSTLY, UNKNOWN, Check, Refused
from auth_core.credentials import ForeignHashes
from auth_core.kernel import FieldProblem, InvalidInput, Secret

_KINDS: tuple[ModuleType, ...] = (argon2, bcrypt, scrypt, pbkdf2, firebase)
_LONGEST = 2048
_REASONS = {
    MALFORMED: "not a whole password hash of its kind",
    TOO_COSTLY: "a password hash with larger parameters than are evaluated here",
    UNKNOWN: "a password hash of an unknown kind",
}


def read(text: str) -> Check:
    """The check of a stored hash. Raises Refused."""
    if len(text) > _LONGEST or any(not " " < character < "\x7f" for character in text):
        raise Refused(MALFORMED)
    for kind in _KINDS:
        if text.startswith(kind.PREFIXES):
            check: Check = kind.read(text)
            return check
    raise Refused(UNKNOWN)


class StoredHashes:
    """Reads and checks what an import brings, hashing nothing."""

    def accept(self, text: str) -> Secret[str]:
        """As the port says."""
        try:
            # LDAP writes {SSHA}…, without a quotation mark
            documents = text.startswith("{") and '"' in text
            stored = keycloak.convert(text) if documents else text
            read(stored)
        except Refused as refused:
            raise InvalidInput(
                FieldProblem(
                    field="password_hash", type=refused.code, message=_REASONS[refused.code]
                )
            ) from None
        return Secret(stored)


if TYPE_CHECKING:
    _: type[ForeignHashes] = StoredHashes
