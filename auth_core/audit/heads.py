"""What is kept of a chain beside its records, attested by the service's master key.

A head says where the chain ends, a checkpoint up to where it was trimmed. Both are sealed under the
master key and bound to their chain and their purpose: whoever can write to the database, and does
not have the key, can neither make nor move one. They could put an older genuine one back.
"""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from auth_core.audit.chain import Link
from auth_core.kernel import Secret, WrongMasterKey

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[int, str, datetime]).decode


class ChainState(msgspec.Struct, frozen=True, kw_only=True):
    """The stored state of a chain. ``trimmed_position`` is 0 while nothing was trimmed.

    The plain position is for the eye and for the database; what counts is what is sealed.
    """

    chain: UUID
    position: int
    sealed_head: bytes
    trimmed_position: int = 0
    sealed_checkpoint: bytes | None = None


class HeadSealer(Protocol):
    """Authenticated encryption under the master key: what `auth_core.keys.Sealer` is."""

    def seal(self, plaintext: Secret[bytes], *, context: str) -> bytes:
        """Encrypt and authenticate, bound to ``context``."""
        ...

    def open(self, sealed: bytes, *, context: str) -> Secret[bytes]:
        """Decrypt. Raises WrongMasterKey for what was not sealed so."""
        ...

    def is_current(self, sealed: bytes) -> bool:
        """Whether it is under the master key that `seal` uses."""
        ...


class Attestation(msgspec.Struct, frozen=True):
    """A link that the service has vouched for, and when."""

    link: Link
    at: datetime


class Attestor:
    """Vouches for heads and checkpoints, and checks what was vouched for."""

    def __init__(self, sealer: HeadSealer) -> None:
        self._sealer = sealer

    def head(self, chain: UUID, link: Link, at: datetime) -> bytes:
        """That the chain ends there."""
        return self._attest(f"audit head {chain}", link, at)

    def checkpoint(self, chain: UUID, link: Link, at: datetime) -> bytes:
        """That the chain was trimmed up to there."""
        return self._attest(f"audit checkpoint {chain}", link, at)

    def read_head(self, state: ChainState) -> Attestation | None:
        """What a head says; None when it is not of this service's making, or not of this chain."""
        read = self._read(f"audit head {state.chain}", state.sealed_head)
        return read if read is not None and read.link.position == state.position else None

    def read_checkpoint(self, state: ChainState) -> Attestation | None:
        """What a checkpoint says, likewise. A chain that was never trimmed has none."""
        if state.sealed_checkpoint is None:
            return None
        read = self._read(f"audit checkpoint {state.chain}", state.sealed_checkpoint)
        return read if read is not None and read.link.position == state.trimmed_position else None

    def renewed(self, state: ChainState) -> ChainState:
        """The same under the current master key; itself, if it is, or if it cannot be read."""
        head, checkpoint = state.sealed_head, state.sealed_checkpoint
        told = self.read_head(state)
        if told is not None and not self._sealer.is_current(head):
            head = self.head(state.chain, told.link, told.at)
        told = self.read_checkpoint(state)
        if told is not None and checkpoint and not self._sealer.is_current(checkpoint):
            checkpoint = self.checkpoint(state.chain, told.link, told.at)
        return msgspec.structs.replace(state, sealed_head=head, sealed_checkpoint=checkpoint)

    def _attest(self, context: str, link: Link, at: datetime) -> bytes:
        said = _encode((link.position, link.hash.hex(), at))
        return self._sealer.seal(Secret(said), context=context)

    def _read(self, context: str, attested: bytes) -> Attestation | None:
        try:
            position, digest, at = _decode(self._sealer.open(attested, context=context).reveal())
        except (WrongMasterKey, msgspec.MsgspecError):
            return None
        return Attestation(Link(position, bytes.fromhex(digest)), at)
