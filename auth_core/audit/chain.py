"""The hash chain: what a record's hash covers, and how one record follows another.

SHA-256 (FIPS 180-4) over JSON with sorted keys and no blanks, so that anybody can compute it from
an export with any JSON library. A chain for each organization, and one for the platform.
"""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

import msgspec

from auth_core.audit.model import AuditRecord
from auth_core.kernel import OrganizationId

PLATFORM_CHAIN = UUID(int=0)
"""The chain of records that belong to no organization."""
GENESIS = bytes(32)
"""What the first record of a chain follows."""
FORMAT = 1


class TrailEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it is stored, words unread: it may be by another version, or tampered with.

    Unsealed, it has no place in a chain yet. ``detail`` is covered through its salted digest:
    erasing it, and the salt, breaks no chain and leaves nothing to guess it from.
    """

    id: UUID
    occurred_at: datetime
    action: str
    reason: str
    result: str
    user_id: UUID | None
    session_id: UUID | None
    organization_id: UUID | None
    actor_id: UUID | None
    via_session_id: UUID | None
    target: str | None
    detail: str | None
    chain: UUID | None = None
    position: int | None = None
    previous_hash: bytes | None = None
    hash: bytes | None = None
    detail_digest: bytes | None = None
    detail_salt: str | None = None

    @classmethod
    def of(cls, record: AuditRecord) -> Self:
        """The entry of a new record."""
        fields = msgspec.structs.asdict(record)
        return cls(**fields | {"action": str(record.action), "result": str(record.result)})

    @property
    def own_chain(self) -> UUID:
        """The chain that it belongs to."""
        return chain_of(self.organization_id)


def chain_of(organization_id: OrganizationId | UUID | None) -> UUID:
    """The chain of an organization, or that of the platform."""
    return PLATFORM_CHAIN if organization_id is None else organization_id


class Link(msgspec.Struct, frozen=True):
    """A place in a chain: the record at ``position`` has this ``hash``."""

    position: int = 0
    hash: bytes = GENESIS


def sealed(entry: TrailEntry, after: Link, salt: str) -> TrailEntry:
    """``entry`` as the next one in its chain. ``salt`` is fresh and random."""
    detail = entry.detail
    placed = msgspec.structs.replace(
        entry,
        chain=entry.own_chain,
        position=after.position + 1,
        previous_hash=after.hash,
        detail_digest=None if detail is None else detail_digest(detail, salt),
        detail_salt=None if detail is None else salt,
    )
    return msgspec.structs.replace(placed, hash=hash_of(placed))


def link_of(entry: TrailEntry) -> Link:
    """Where a sealed entry stands. Raises ValueError for an unsealed one."""
    if entry.position is None or entry.hash is None:
        message = "the record is not sealed"
        raise ValueError(message)
    return Link(entry.position, entry.hash)


def covered(entry: TrailEntry) -> dict[str, object]:
    """What the hash covers, as it stands in the JSON."""
    return {
        "format": FORMAT,
        "chain": _text(entry.chain),
        "position": entry.position,
        "previous_hash": _hex(entry.previous_hash),
        "id": _text(entry.id),
        "occurred_at": entry.occurred_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "action": entry.action,
        "reason": entry.reason,
        "result": entry.result,
        "user_id": _text(entry.user_id),
        "session_id": _text(entry.session_id),
        "organization_id": _text(entry.organization_id),
        "actor_id": _text(entry.actor_id),
        "via_session_id": _text(entry.via_session_id),
        "target": entry.target,
        "detail_digest": _hex(entry.detail_digest),
    }


def hash_of(entry: TrailEntry) -> bytes:
    """The hash that a sealed entry must have."""
    return hashlib.sha256(msgspec.json.encode(covered(entry), order="sorted")).digest()


def detail_digest(detail: str, salt: str) -> bytes:
    """What stands for a detail in the hash."""
    return hashlib.sha256(f"{salt}{detail}".encode()).digest()


def detail_fits(entry: TrailEntry) -> bool:
    """Whether a detail that is there is the one that was sealed."""
    if entry.detail is None or entry.detail_salt is None or entry.detail_digest is None:
        return False
    return hmac.compare_digest(detail_digest(entry.detail, entry.detail_salt), entry.detail_digest)


def exported(entry: TrailEntry) -> dict[str, object]:
    """A line of an export: what the hash covers, the hash, and the detail with its salt."""
    return covered(entry) | {
        "hash": _hex(entry.hash),
        "detail": entry.detail,
        "detail_salt": entry.detail_salt,
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
