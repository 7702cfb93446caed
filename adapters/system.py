"""Time, identifiers and randomness of the machine."""

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import uuid_utils
import uuid_utils.compat

from auth_core.kernel import Clock, Entropy, Ids


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the Clock


class SystemIds:
    """UUIDv7 from the machine's clock and generator."""

    def uuid(self) -> UUID:
        """A new UUIDv7, monotonic within the process."""
        return uuid_utils.compat.uuid7()

    def text(self) -> str:
        """The same as text, for names that need not be UUID objects; a third of the cost."""
        return str(uuid_utils.uuid7())


class SystemEntropy:
    """The operating system's generator."""

    def token_bytes(self, size: int) -> bytes:
        """``size`` random bytes."""
        return secrets.token_bytes(size)


if TYPE_CHECKING:
    _clock: type[Clock] = SystemClock
    _ids: type[Ids] = SystemIds
    _entropy: type[Entropy] = SystemEntropy
