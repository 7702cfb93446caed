"""Organizations: making, changing, deleting and restoring them."""

import asyncio
from collections.abc import Callable

import msgspec

from auth_core.access import Permission, RoleBook, RoleScope
from auth_core.audit import AuditAction
from auth_core.kernel import (
    Clock,
    FieldProblem,
    Ids,
    InvalidInput,
    OrganizationId,
    PermissionDenied,
    PreconditionFailed,
    UserId,
)
from auth_core.organizations.acting import Acting, Held
from auth_core.organizations.errors import CreationClosed, LimitReached, OrganizationNotFound
from auth_core.organizations.events import (
    MembershipAdded,
    OrganizationCreated,
    OrganizationDeleted,
    OrganizationRemoved,
    OrganizationRestored,
    OrganizationUpdated,
)
from auth_core.organizations.model import (
    OWNER,
    Belonging,
    Membership,
    Organization,
    OrganizationSettings,
    Slug,
)
from auth_core.organizations.policy import OrganizationPolicy
from auth_core.organizations.ports import OrganizationsUnitOfWork
from auth_core.organizations.trail import OrganizationTrail
from auth_core.users import User, UserCache

LIMIT_MAX = 1_000_000
_PAGE = 200


class OrganizationChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Valid changes; what is unset stays as it is. Only the platform sets limits."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    slug: Slug | msgspec.UnsetType = msgspec.UNSET
    settings: OrganizationSettings | msgspec.UnsetType = msgspec.UNSET
    max_members: int | msgspec.UnsetType | None = msgspec.UNSET
    max_teams: int | msgspec.UnsetType | None = msgspec.UNSET

    @property
    def sets_limits(self) -> bool:
        """Whether a limit is among them."""
        return (self.max_members, self.max_teams) != (msgspec.UNSET, msgspec.UNSET)

    def checked(self) -> "OrganizationChanges":
        """Itself. Raises InvalidInput when a limit is none."""
        for field in ("max_members", "max_teams"):
            limit = getattr(self, field)
            if isinstance(limit, int) and not 1 <= limit <= LIMIT_MAX:
                problem = FieldProblem(
                    field=field, type="out_of_range", message=f"1 to {LIMIT_MAX}"
                )
                raise InvalidInput(problem)
        return self

    def differing(self, organization: Organization) -> dict[str, object]:
        """The fields, with their new values, that ``organization`` has otherwise."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            name: value
            for name, value in given.items()
            if value is not msgspec.UNSET and value != getattr(organization, name)
        }


class OrganizationService:
    """Each change is one commit with its events and its audit record (SEC-66).

    ``actor_id`` None is the operator. What an actor may do is decided again with the organization
    held. All raise OrganizationNotFound, PermissionDenied, Unavailable.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], OrganizationsUnitOfWork],
        book: RoleBook,
        cache: UserCache,
        clock: Clock,
        ids: Ids,
        policy: OrganizationPolicy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._book = book
        self._acting = Acting(book)
        self._trail = OrganizationTrail(clock, ids)
        self._cache = cache
        self._clock = clock
        self._ids = ids
        self._policy = policy

    async def create(
        self,
        owner: User,
        *,
        name: str,
        slug: Slug,
        settings: OrganizationSettings | None = None,
        by_operator: bool = False,
    ) -> Belonging:
        """Make one that belongs to ``owner``; name and slug are checked already.

        Raises SlugTaken, LimitReached (they own too many), CreationClosed.
        """
        if not (by_operator or self._policy.anybody_creates or self._reaches_everywhere(owner)):
            raise CreationClosed
        now = self._clock.now()
        organization = Organization(
            id=OrganizationId(self._ids.uuid()),
            name=name,
            slug=slug,
            settings=settings
            or OrganizationSettings(invitation_days=self._policy.invitation_days).checked(),
            created_at=now,
            updated_at=now,
        )
        membership = Membership(
            organization_id=organization.id,
            user_id=owner.id,
            role=OWNER,
            created_at=now,
            updated_at=now,
        )
        await asyncio.shield(self._create(organization, membership, unlimited=by_operator))
        return Belonging(organization=organization, membership=membership)

    async def _create(
        self, organization: Organization, membership: Membership, *, unlimited: bool
    ) -> None:
        owner_id = membership.user_id
        async with self._unit_of_work().for_organization(organization.id) as uow:
            uow.for_user(owner_id)
            if not unlimited:
                await self._require_room(uow, owner_id)
            await uow.organizations.add(organization)
            await uow.memberships.add(membership)
            about = self._trail.about(organization.id, owner_id)
            created = OrganizationCreated(**about)
            added = MembershipAdded(
                **self._trail.about(organization.id, owner_id, owner_id), role=OWNER
            )
            await self._trail.record(
                uow,
                AuditAction.ORGANIZATION_CREATED,
                created,
                added,
                organization_id=organization.id,
                actor_id=owner_id,
                user_id=owner_id,
                reason="by_operator" if unlimited else "requested",
            )
            await uow.commit()
        await self._cache.forget_user(owner_id)

    async def _require_room(self, uow: OrganizationsUnitOfWork, owner_id: UserId) -> None:
        owned, after = 0, None
        while True:
            found = await uow.memberships.belongings(owner_id, after=after, limit=_PAGE)
            owned += sum(each.membership.is_owner for each in found)
            if owned >= self._policy.max_owned:
                raise LimitReached(
                    limit=self._policy.max_owned,
                    message="You own as many organizations as you may.",
                )
            if len(found) < _PAGE:
                return
            after = found[-1].organization.id

    async def mine(
        self, user_id: UserId, *, after: OrganizationId | None = None, limit: int = 100
    ) -> list[Belonging]:
        """Up to ``limit`` organizations of a person, in order of id, after ``after``.

        Those that are deleted are among them: an owner can restore one.
        """
        async with self._unit_of_work().for_user(user_id) as uow:
            return await uow.memberships.belongings(user_id, after=after, limit=limit)

    async def get(self, organization_id: OrganizationId) -> Organization:
        """The organization, which the caller may see, also when it is deleted."""
        async with self._unit_of_work().for_organization(organization_id) as uow:
            organization = await uow.organizations.get(organization_id)
        if organization is None:
            raise OrganizationNotFound
        return organization

    async def edit(
        self,
        actor_id: UserId | None,
        organization_id: OrganizationId,
        changes: OrganizationChanges,
        *,
        if_version: int | None = None,
    ) -> Organization:
        """Change it in one version; nothing is written when nothing differs.

        Raises SlugTaken, and PreconditionFailed when the stored version is not ``if_version``.
        """
        return await asyncio.shield(self._edit(actor_id, organization_id, changes, if_version))

    async def _edit(
        self,
        actor_id: UserId | None,
        organization_id: OrganizationId,
        changes: OrganizationChanges,
        if_version: int | None,
    ) -> Organization:
        async with self._unit_of_work().for_organization(organization_id) as uow:
            held = await self._acting.hold(uow, organization_id, actor_id)
            held.require(Permission.ORGANIZATION_WRITE)
            if changes.sets_limits and not _is_platform(held):
                raise PermissionDenied("Only the platform sets the limits of an organization.")
            if if_version not in {None, held.organization.version}:
                raise PreconditionFailed
            fields = changes.checked().differing(held.organization)
            if not fields:
                return held.organization
            changed = held.organization.edited(at=self._clock.now(), **fields)
            await uow.organizations.update(changed)
            about = self._trail.about(organization_id, actor_id)
            await self._trail.record(
                uow,
                AuditAction.ORGANIZATION_UPDATED,
                OrganizationUpdated(**about, fields=tuple(fields)),
                organization_id=organization_id,
                actor_id=actor_id,
                detail=",".join(fields),
            )
            await uow.commit()
        if "name" in fields:
            await self._forget_members(organization_id)
        return changed

    async def delete(
        self, actor_id: UserId | None, organization_id: OrganizationId
    ) -> Organization:
        """Delete it: it is gone for its members at once, and can be restored for a while."""

        def change(held: Held) -> Organization:
            held.require(Permission.ORGANIZATION_DELETE)
            return held.organization.deleted(
                at=self._clock.now(), grace=self._policy.deletion_grace
            )

        about = self._trail.about(organization_id, actor_id)
        event = OrganizationDeleted(**about)
        action = AuditAction.ORGANIZATION_DELETED
        return await asyncio.shield(self._turn(actor_id, organization_id, change, event, action))

    async def restore(
        self, actor_id: UserId | None, organization_id: OrganizationId
    ) -> Organization:
        """Undo it. Raises LifecycleConflict."""

        def change(held: Held) -> Organization:
            held.require(Permission.ORGANIZATION_MANAGE)
            return held.organization.restored(at=self._clock.now())

        event = OrganizationRestored(**self._trail.about(organization_id, actor_id))
        action = AuditAction.ORGANIZATION_RESTORED
        return await asyncio.shield(self._turn(actor_id, organization_id, change, event, action))

    async def _turn(
        self,
        actor_id: UserId | None,
        organization_id: OrganizationId,
        change: Callable[[Held], Organization],
        event: OrganizationDeleted | OrganizationRestored,
        action: AuditAction,
    ) -> Organization:
        async with self._unit_of_work().for_organization(organization_id) as uow:
            held = await self._acting.hold(uow, organization_id, actor_id, even_deleted=True)
            changed = change(held)
            await uow.organizations.update(changed)
            await self._trail.record(
                uow, action, event, organization_id=organization_id, actor_id=actor_id
            )
            await uow.commit()
        await self._forget_members(organization_id)
        return changed

    async def remove_due(self) -> int:
        """Remove every organization whose time to be restored is over; returns how many.

        Each in a transaction of its own. What others hold is left for the next time.
        """
        removed = 0
        while await asyncio.shield(self._remove_one()):
            removed += 1
        return removed

    async def _remove_one(self) -> bool:
        async with self._unit_of_work().for_platform() as uow:
            organization_id = await uow.organizations.claim_due(self._clock.now())
            if organization_id is None:
                return False
            await uow.organizations.remove(organization_id)
            await self._trail.record(
                uow,
                AuditAction.ORGANIZATION_DELETED,
                OrganizationRemoved(**self._trail.about(organization_id, None)),
                organization_id=organization_id,
                actor_id=None,
                reason="grace_over",
            )
            await uow.commit()
        return True

    async def _forget_members(self, organization_id: OrganizationId) -> None:
        """What is cached of its members says what it is called, and that it is there."""
        after: UserId | None = None
        while True:
            async with self._unit_of_work().for_organization(organization_id) as uow:
                page = await uow.memberships.page(organization_id, after=after, limit=_PAGE)
            ids = [member.membership.user_id for member in page]
            await asyncio.gather(*(self._cache.forget_user(user_id) for user_id in ids))
            if len(page) < _PAGE:
                return
            after = ids[-1]

    def _reaches_everywhere(self, user: User) -> bool:
        roles = (self._book.find(RoleScope.PLATFORM, name) for name in user.roles)
        return any(role is not None and role.beneath for role in roles)


def _is_platform(held: Held) -> bool:
    return held.subject is None or held.subject.reaches_everywhere
