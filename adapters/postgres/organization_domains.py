"""The e-mail domains that organizations claim."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from adapters.postgres.statement import Statement
from adapters.postgres.tables import organization_domains
from adapters.postgres.transaction import Transaction
from auth_core.kernel import OrganizationId
from auth_core.organizations import DomainId, DomainRepository, OrganizationDomain

_columns = organization_domains.c
_ROW = tuple(_columns)
_HERE = _columns.organization_id == bindparam("in_organization")
_THIS = _columns.id == bindparam("claim")

# the answer is waited for: who claims it twice hears of it before anything else is written
_ADD = Statement(insert(organization_domains).returning(_columns.id))
_GET = Statement(select(*_ROW).where(_HERE, _THIS))
_ALL = Statement(select(*_ROW).where(_HERE).order_by(_columns.id))
_VERIFY = Statement(
    update(organization_domains)
    .where(_HERE, _THIS)
    .values(verified_at=func.coalesce(_columns.verified_at, bindparam("now")))
    .returning(*_ROW)
)
_REMOVE = Statement(delete(organization_domains).where(_HERE, _THIS).returning(_columns.id))
_OWNER = Statement(
    select(*_ROW).where(
        _columns.domain == bindparam("of_domain"), _columns.verified_at.is_not(None)
    ),
    crosses_tenants=True,  # asked before a tenant is known
)


class PostgresDomainRepository:
    """Claims in the table ``organization_domains``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, domain: OrganizationDomain) -> None:
        await self._transaction.row(
            _ADD,
            id=domain.id,
            organization_id=domain.organization_id,
            domain=domain.domain,
            challenge=domain.challenge,
            created_at=domain.created_at,
            verified_at=domain.verified_at,
        )

    async def get(
        self, organization_id: OrganizationId, domain_id: DomainId
    ) -> OrganizationDomain | None:
        row = await self._transaction.row(_GET, in_organization=organization_id, claim=domain_id)
        return None if row is None else _domain_from(row)

    async def all(self, organization_id: OrganizationId) -> Sequence[OrganizationDomain]:
        rows = await self._transaction.rows(_ALL, in_organization=organization_id)
        return [_domain_from(row) for row in rows]

    async def verify(
        self, organization_id: OrganizationId, domain_id: DomainId, at: datetime
    ) -> OrganizationDomain | None:
        row = await self._transaction.row(
            _VERIFY, in_organization=organization_id, claim=domain_id, now=at
        )
        return None if row is None else _domain_from(row)

    async def remove(self, organization_id: OrganizationId, domain_id: DomainId) -> bool:
        row = await self._transaction.row(_REMOVE, in_organization=organization_id, claim=domain_id)
        return row is not None

    async def owner(self, domain: str) -> OrganizationDomain | None:
        row = await self._transaction.row(_OWNER, of_domain=domain)
        return None if row is None else _domain_from(row)


def _domain_from(values: Sequence[Any]) -> OrganizationDomain:
    """The claim in the values of `_ROW`."""
    return OrganizationDomain(
        id=values[0],
        organization_id=values[1],
        domain=values[2],
        challenge=values[3],
        created_at=values[4],
        verified_at=values[5],
    )


if TYPE_CHECKING:
    _: type[DomainRepository] = PostgresDomainRepository
