"""Organizations."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import Integer, bindparam, delete, insert, select, update

from adapters.postgres.statement import Statement
from adapters.postgres.tables import organizations
from adapters.postgres.transaction import Transaction
from adapters.postgres.webhook_tables import webhook_endpoints
from auth_core.kernel import ConcurrentUpdate, OrganizationId
from auth_core.organizations import (
    Organization,
    OrganizationRepository,
    OrganizationSettings,
    Slug,
)

_NO_ID = UUID(int=0)
_columns = organizations.c
ORGANIZATION_COLUMNS = tuple(_columns)
_CHANGING = (
    "name",
    "slug",
    "settings",
    "max_members",
    "max_teams",
    "updated_at",
    "version",
    "delete_after",
)

_THIS = _columns.id == bindparam("organization_id")
_ADD = Statement(insert(organizations))
_GET = Statement(select(*ORGANIZATION_COLUMNS).where(_THIS))
_HOLD = Statement(
    # nobody's foreign key has to wait for it
    select(*ORGANIZATION_COLUMNS).where(_THIS).with_for_update(key_share=True),
    writes=True,
)
_HOLD_WITH_OTHERS = Statement(
    select(*ORGANIZATION_COLUMNS).where(_THIS).with_for_update(read=True), writes=True
)
_NAMED = Statement(
    select(*ORGANIZATION_COLUMNS).where(_columns.slug == bindparam("of_slug")),
    crosses_tenants=True,
)
_PAGE = Statement(
    select(*ORGANIZATION_COLUMNS)
    .where(_columns.id > bindparam("after"))
    .order_by(_columns.id)
    .limit(bindparam("limit", type_=Integer)),
    crosses_tenants=True,
)
_UPDATE = Statement(
    update(organizations)
    .where(_THIS, _columns.version == bindparam("stored_version"))
    .values({name: bindparam(name) for name in _CHANGING})
    .returning(_columns.id)
)
_DUE = Statement(
    select(_columns.id)
    .where(_columns.delete_after <= bindparam("now"))
    .order_by(_columns.delete_after)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True),
    writes=True,  # what it locks it must keep
)
# most parts go with it: their foreign keys cascade
_REMOVE = Statement(delete(organizations).where(_THIS))
_REMOVE_WEBHOOKS = Statement(
    delete(webhook_endpoints).where(
        webhook_endpoints.c.organization_id == bindparam("organization_id")
    )
)

_encode = msgspec.json.Encoder().encode
# an older release's fields are no mistake here, as they would be in a request
_decode_settings = msgspec.json.Decoder(dict[str, Any]).decode


class PostgresOrganizationRepository:
    """Organizations in the table ``organizations``."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, organization: Organization) -> None:
        await self._transaction.defer(
            _ADD,
            id=organization.id,
            created_at=organization.created_at,
            **_changing(organization),
        )

    async def get(self, organization_id: OrganizationId) -> Organization | None:
        row = await self._transaction.row(_GET, organization_id=organization_id)
        return None if row is None else organization_from(row)

    async def hold(self, organization_id: OrganizationId) -> Organization | None:
        row = await self._transaction.row(_HOLD, organization_id=organization_id)
        return None if row is None else organization_from(row)

    async def hold_with_others(self, organization_id: OrganizationId) -> Organization | None:
        row = await self._transaction.row(_HOLD_WITH_OTHERS, organization_id=organization_id)
        return None if row is None else organization_from(row)

    async def named(self, slug: Slug) -> Organization | None:
        row = await self._transaction.row(_NAMED, of_slug=slug.value)
        return None if row is None else organization_from(row)

    async def page(
        self, *, after: OrganizationId | None = None, limit: int = 100
    ) -> list[Organization]:
        rows = await self._transaction.rows(_PAGE, after=after or _NO_ID, limit=limit)
        return [organization_from(row) for row in rows]

    async def update(self, organization: Organization) -> None:
        row = await self._transaction.row(
            _UPDATE,
            organization_id=organization.id,
            stored_version=organization.version - 1,
            **_changing(organization),
        )
        if row is None:
            raise ConcurrentUpdate

    async def claim_due(self, now: datetime) -> OrganizationId | None:
        row = await self._transaction.row(_DUE, now=now, limit=1)
        return None if row is None else row[0]

    async def remove(self, organization_id: OrganizationId) -> None:
        await self._transaction.write(_REMOVE_WEBHOOKS, organization_id=organization_id)
        await self._transaction.write(_REMOVE, organization_id=organization_id)


def organization_from(values: Sequence[Any]) -> Organization:
    """The organization in the values of `ORGANIZATION_COLUMNS`; valid when they were stored."""
    return Organization(
        id=values[0],
        name=values[1],
        slug=Slug(values[2]),
        settings=_settings(values[3]),
        max_members=values[4],
        max_teams=values[5],
        created_at=values[6],
        updated_at=values[7],
        version=values[8],
        delete_after=values[9],
    )


def _settings(stored: str) -> OrganizationSettings:
    known = OrganizationSettings.__struct_fields__
    fields = {name: value for name, value in _decode_settings(stored).items() if name in known}
    return msgspec.convert(fields, OrganizationSettings)


def _changing(organization: Organization) -> dict[str, object]:
    """All that `OrganizationRepository.update` stores."""
    return {
        "name": organization.name,
        "slug": organization.slug.value,
        "settings": _encode(organization.settings).decode(),
        "max_members": organization.max_members,
        "max_teams": organization.max_teams,
        "updated_at": organization.updated_at,
        "version": organization.version,
        "delete_after": organization.delete_after,
    }


if TYPE_CHECKING:
    _: type[OrganizationRepository] = PostgresOrganizationRepository
