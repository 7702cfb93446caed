"""Invitations."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Integer, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql

from adapters.postgres.statement import Statement
from adapters.postgres.tables import invitations
from adapters.postgres.transaction import Transaction
from auth_core.kernel import Email, OrganizationId, UserId
from auth_core.organizations import Invitation, InvitationId, InvitationRepository

_FIRST = UUID(int=0)
_columns = invitations.c
_ROW = tuple(_columns)
_NOW = bindparam("now", type_=DateTime(timezone=True))
_HERE = _columns.organization_id == bindparam("in_organization")
_THIS = _columns.id == bindparam("invitation")


def _live() -> tuple[ColumnElement[bool], ...]:
    """Looked at once more by whoever waited for the row, so that of racing callers one gets it."""
    return (
        _HERE,
        _columns.accepted_at.is_(None),
        _columns.revoked_at.is_(None),
        _columns.expires_at > _NOW,
    )


_issued = postgresql.insert(invitations)
_ISSUE = Statement(
    _issued.on_conflict_do_update(
        index_elements=[_columns.organization_id, _columns.email],
        set_={
            column.name: _issued.excluded[column.name]
            for column in _ROW
            if column.name not in {"organization_id", "email"}
        },
    )
)
_GET = Statement(select(*_ROW).where(_HERE, _THIS))
_PAGE = Statement(
    select(*_ROW)
    .where(*_live(), _columns.id > bindparam("after"))
    .order_by(_columns.id)
    .limit(bindparam("limit", type_=Integer))
)
_WITH_DIGEST = _columns.digest == bindparam("of_digest")
_FIND = Statement(select(*_ROW).where(*_live(), _WITH_DIGEST))
_ACCEPT = Statement(
    update(invitations)
    .where(*_live(), _WITH_DIGEST, _columns.email == bindparam("for_email"))
    .values(accepted_at=_NOW, accepted_by=bindparam("accepted_by"))
    .returning(*_ROW)
)
_REVOKE = Statement(
    update(invitations).where(*_live(), _THIS).values(revoked_at=_NOW).returning(*_ROW)
)
_over = (
    select(_columns.id)
    .where(_columns.expires_at < bindparam("before"))
    .order_by(_columns.expires_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_SWEEP = Statement(delete(invitations).where(_columns.id.in_(_over)).returning(_columns.id))


class PostgresInvitationRepository:
    """Invitations in the table ``invitations``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def issue(self, invitation: Invitation) -> None:
        await self._transaction.defer(
            _ISSUE,
            id=invitation.id,
            organization_id=invitation.organization_id,
            email=invitation.email.value,
            role=invitation.role,
            digest=invitation.digest,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            invited_by=invitation.invited_by,
            accepted_at=invitation.accepted_at,
            accepted_by=invitation.accepted_by,
            revoked_at=invitation.revoked_at,
        )

    async def get(
        self, organization_id: OrganizationId, invitation_id: InvitationId
    ) -> Invitation | None:
        row = await self._transaction.row(
            _GET, in_organization=organization_id, invitation=invitation_id
        )
        return _invitation_or_none(row)

    async def page(
        self,
        organization_id: OrganizationId,
        now: datetime,
        *,
        after: InvitationId | None = None,
        limit: int = 100,
    ) -> list[Invitation]:
        rows = await self._transaction.rows(
            _PAGE, in_organization=organization_id, now=now, after=after or _FIRST, limit=limit
        )
        return [_invitation_from(row) for row in rows]

    async def find(
        self, organization_id: OrganizationId, digest: bytes, now: datetime
    ) -> Invitation | None:
        row = await self._transaction.row(
            _FIND, in_organization=organization_id, of_digest=digest, now=now
        )
        return _invitation_or_none(row)

    async def accept(
        self,
        organization_id: OrganizationId,
        digest: bytes,
        email: Email,
        user_id: UserId,
        at: datetime,
    ) -> Invitation | None:
        row = await self._transaction.row(
            _ACCEPT,
            in_organization=organization_id,
            of_digest=digest,
            for_email=email.value,
            accepted_by=user_id,
            now=at,
        )
        return _invitation_or_none(row)

    async def revoke(
        self, organization_id: OrganizationId, invitation_id: InvitationId, at: datetime
    ) -> Invitation | None:
        row = await self._transaction.row(
            _REVOKE, in_organization=organization_id, invitation=invitation_id, now=at
        )
        return _invitation_or_none(row)

    async def sweep(self, before: datetime, limit: int) -> int:
        return len(await self._transaction.rows(_SWEEP, before=before, limit=limit))


def _invitation_or_none(values: Sequence[Any] | None) -> Invitation | None:
    return None if values is None else _invitation_from(values)


def _invitation_from(values: Sequence[Any]) -> Invitation:
    """The invitation in the values of `_ROW`."""
    return Invitation(
        id=values[0],
        organization_id=values[1],
        email=Email(values[2]),
        role=values[3],
        digest=values[4],
        created_at=values[5],
        expires_at=values[6],
        invited_by=values[7],
        accepted_at=values[8],
        accepted_by=values[9],
        revoked_at=values[10],
    )


if TYPE_CHECKING:
    _: type[InvitationRepository] = PostgresInvitationRepository
