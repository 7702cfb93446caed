"""Making, changing and removing the roles of an organization."""

import asyncio
from collections.abc import Callable, Iterable

from auth_core.access import Permission, RoleBook, Subject, require_may_define
from auth_core.audit import AuditAction, AuditRecord
from auth_core.kernel import (
    Clock,
    ConcurrentUpdate,
    EventId,
    Ids,
    OrganizationId,
    PermissionDenied,
    PreconditionFailed,
    RoleId,
    UserId,
    acting,
)
from auth_core.organizations import OrganizationNotFound
from auth_core.roles.errors import RoleHeld, RoleNameTaken, RoleNotFound, TooManyRoles
from auth_core.roles.events import RoleCreated, RoleDeleted, RoleUpdated
from auth_core.roles.model import ROLES_MAX, CustomRole
from auth_core.roles.ports import RolesUnitOfWork
from auth_core.roles.subjects import Subjects
from auth_core.users import UserCache

_REQUESTED = "requested"


class RoleService:
    """The roles of organizations. ``granter_id`` is who asks.

    What they may do is read anew inside the transaction, with the organization held: nobody puts
    into a role, or takes out of one, what he does not hold at that moment (SEC-57). Each change is
    one commit with its events and its audit record, and holds for every holder of the role from
    their next request on. All raise OrganizationNotFound, RoleNotFound, PermissionDenied,
    Unavailable.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], RolesUnitOfWork],
        subjects: Subjects,
        book: RoleBook,
        cache: UserCache,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._subjects = subjects
        self._book = book
        self._cache = cache
        self._clock = clock
        self._ids = ids

    async def page(
        self, organization_id: OrganizationId, *, after: RoleId | None = None, limit: int = 100
    ) -> list[CustomRole]:
        """Up to ``limit`` roles of an organization in order of their making, after ``after``."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            return await uow.roles.page(organization_id, after=after, limit=limit)

    async def get(self, organization_id: OrganizationId, role_id: RoleId) -> CustomRole:
        """One role."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            return await _existing(uow, organization_id, role_id)

    async def create(
        self,
        granter_id: UserId,
        organization_id: OrganizationId,
        *,
        name: str,
        permissions: frozenset[str],
        description: str = "",
    ) -> CustomRole:
        """Make a role (name and description are checked already).

        Raises RoleNameTaken, TooManyRoles.
        """
        now = self._clock.now()
        role = CustomRole(
            id=RoleId(self._ids.uuid()),
            organization_id=organization_id,
            name=name,
            permissions=tuple(sorted(permissions)),
            description=description,
            created_at=now,
            updated_at=now,
        )
        async with self._unit_of_work().for_organization(organization_id) as uow:
            granter = await self._hold(uow, organization_id, granter_id)
            require_may_define(granter, organization_id, permissions)
            if await uow.roles.find(organization_id, name) is not None:
                raise RoleNameTaken
            if await uow.roles.count(organization_id) >= ROLES_MAX:
                raise TooManyRoles
            await uow.roles.add(role)
            await self._tell(uow, RoleCreated, AuditAction.ROLE_CREATED, granter_id, role)
            await uow.commit()
        return role

    async def update(
        self,
        granter_id: UserId,
        organization_id: OrganizationId,
        role_id: RoleId,
        *,
        permissions: frozenset[str] | None = None,
        description: str | None = None,
        if_version: int | None = None,
    ) -> CustomRole:
        """Let a role permit something else; None leaves it. Nothing is written if nothing differs.

        Raises PreconditionFailed when the stored version is not ``if_version``.
        """
        try:
            # a caller that goes away does not stop it between the commit and the cache
            return await asyncio.shield(
                self._update(
                    granter_id, organization_id, role_id, permissions, description, if_version
                )
            )
        except ConcurrentUpdate as error:
            if if_version is None:
                raise
            raise PreconditionFailed from error

    async def _update(
        self,
        granter_id: UserId,
        organization_id: OrganizationId,
        role_id: RoleId,
        permissions: frozenset[str] | None,
        description: str | None,
        if_version: int | None,
    ) -> CustomRole:
        async with self._unit_of_work().for_organization(organization_id) as uow:
            granter = await self._hold(uow, organization_id, granter_id)
            before = await _existing(uow, organization_id, role_id)
            if if_version not in {None, before.version}:
                raise PreconditionFailed
            after = self._changed(before, permissions, description)
            require_may_define(
                granter,
                organization_id,
                self._registered(after) if permissions is None else permissions,
                instead_of=self._registered(before),
            )
            if after is before:
                return before
            await uow.roles.update(after)
            await self._tell(uow, RoleUpdated, AuditAction.ROLE_UPDATED, granter_id, after)
            holders = await uow.roles.holders(organization_id, before.name)
            await uow.commit()
        await self._forget(holders)
        return after

    async def delete(
        self, granter_id: UserId, organization_id: OrganizationId, role_id: RoleId
    ) -> None:
        """Remove a role. Raises RoleHeld while somebody has it or is invited with it."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            granter = await self._hold(uow, organization_id, granter_id)
            role = await _existing(uow, organization_id, role_id)
            require_may_define(
                granter,
                organization_id,
                self._registered(role),
                by=Permission.ROLES_DELETE,
            )
            now = self._clock.now()
            awaited = await uow.roles.is_awaited(organization_id, role.name, now)
            if awaited or await uow.roles.holders(organization_id, role.name):
                raise RoleHeld
            await uow.roles.remove(organization_id, role_id)
            await self._tell(uow, RoleDeleted, AuditAction.ROLE_DELETED, granter_id, role)
            await uow.commit()

    async def _hold(
        self, uow: RolesUnitOfWork, organization_id: OrganizationId, granter_id: UserId
    ) -> Subject:
        """Hold the organization; who asks, as they are now."""
        organization = await uow.organizations.hold(organization_id)
        if organization is None or not organization.is_active:
            raise OrganizationNotFound
        granter = await self._subjects.within(uow, granter_id)
        if granter is None:
            raise PermissionDenied
        return granter

    def _changed(
        self, role: CustomRole, permissions: frozenset[str] | None, description: str | None
    ) -> CustomRole:
        fields: dict[str, object] = {}
        if permissions is not None and permissions != frozenset(role.permissions):
            fields["permissions"] = tuple(sorted(permissions))
        if description is not None and description != role.description:
            fields["description"] = description
        return role.edited(at=self._clock.now(), **fields) if fields else role

    def _registered(self, role: CustomRole) -> frozenset[str]:
        """What a role permits now: nobody holds what is registered no more, also not to mend it."""
        return self._book.registry.all.intersection(role.permissions)

    async def _tell(
        self,
        uow: RolesUnitOfWork,
        kind: type[RoleCreated | RoleUpdated | RoleDeleted],
        action: AuditAction,
        granter_id: UserId,
        role: CustomRole,
    ) -> None:
        now = self._clock.now()
        with acting(granter_id):
            event = kind(
                id=EventId(self._ids.uuid()),
                occurred_at=now,
                user_id=None,
                organization_id=role.organization_id,
                role_id=role.id,
            )
            record = AuditRecord(
                id=EventId(self._ids.uuid()),
                occurred_at=now,
                action=action,
                reason=_REQUESTED,
                organization_id=role.organization_id,
                target=f"role:{role.id}",
                detail=",".join(role.permissions),
            )
        await uow.outbox.add([event])
        await uow.audit.append(record)

    async def _forget(self, holders: Iterable[UserId]) -> None:
        # together: they share round trips
        await asyncio.gather(*(self._cache.forget_user(user_id) for user_id in holders))


async def _existing(
    uow: RolesUnitOfWork, organization_id: OrganizationId, role_id: RoleId
) -> CustomRole:
    role = await uow.roles.get(organization_id, role_id)
    if role is None:
        raise RoleNotFound
    return role
