"""Finding organizations, of all tenants: for the operator only."""

from collections.abc import Callable

from auth_core.kernel import OrganizationId
from auth_core.organizations.errors import OrganizationNotFound
from auth_core.organizations.model import Organization, Slug
from auth_core.organizations.ports import OrganizationsUnitOfWork


class OrganizationDirectory:
    """Finds them, deleted or not. All raise Unavailable."""

    def __init__(self, unit_of_work: Callable[[], OrganizationsUnitOfWork]) -> None:
        self._unit_of_work = unit_of_work

    async def named(self, slug: Slug) -> Organization:
        """The organization of this slug. Raises OrganizationNotFound."""
        async with self._unit_of_work().for_platform() as uow:
            found = await uow.organizations.named(slug)
        if found is None:
            raise OrganizationNotFound
        return found

    async def page(
        self, *, after: OrganizationId | None = None, limit: int = 100
    ) -> list[Organization]:
        """Up to ``limit`` in order of id, which is order of creation, after ``after``."""
        async with self._unit_of_work().for_platform() as uow:
            return await uow.organizations.page(after=after, limit=limit)
