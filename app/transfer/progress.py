"""How far an import got, in a file beside it."""

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

import msgspec

from auth_core.kernel import Misconfigured, UserId, uuid7

_SEED_BYTES = 32
_RANDOM_BYTES = 10
_EXAMINED_BYTES = 65_536


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are done, and the seed of new ids.

    The ids follow from the seed and the line. So a batch that was stored just before a crash is
    recognised by its ids when it comes again.
    """

    fingerprint: str
    seed: str
    started_ms: int
    lines_done: int = 0

    def new_id(self, line: int) -> UserId:
        """The id of the account in this line, the same in every run."""
        digest = hmac.digest(bytes.fromhex(self.seed), str(line).encode(), "sha256")
        return UserId(uuid7(self.started_ms, digest[:_RANDOM_BYTES]))

    def after(self, line: int) -> "Progress":
        """The same with all lines up to ``line`` done."""
        return msgspec.structs.replace(self, lines_done=line)


def begin(source: Path, state: Path | None) -> Progress:
    """What ``state`` says about ``source``, or a new beginning.

    Raises Misconfigured when it is about another file or is none of ours.
    """
    fingerprint = _fingerprint(source)
    if state is not None and state.exists():
        try:
            found = msgspec.json.decode(state.read_bytes(), type=Progress)
        except msgspec.MsgspecError:
            raise Misconfigured(f"{state} is not the state of an import.") from None
        if found.fingerprint != fingerprint:
            raise Misconfigured(f"{state} is about another file than {source}.")
        return found
    return Progress(
        fingerprint=fingerprint,
        seed=secrets.token_hex(_SEED_BYTES),
        started_ms=time.time_ns() // 1_000_000,
    )


def keep(progress: Progress, state: Path | None) -> None:
    """Replace ``state`` as a whole, durably."""
    if state is None:
        return
    fresh = state.with_name(f"{state.name}.new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(progress))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(state)


def _fingerprint(source: Path) -> str:
    with source.open("rb") as file:
        beginning = hashlib.sha256(file.read(_EXAMINED_BYTES)).hexdigest()
    return f"{source.stat().st_size}-{beginning}"
