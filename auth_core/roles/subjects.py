"""Subjects from the truth, for questions about somebody other than the caller."""

from collections.abc import Callable

from auth_core.access import RoleBook, Subject, subject_of
from auth_core.kernel import UserId
from auth_core.roles.ports import GrantsUnitOfWork


class Subjects:
    """Reads people with their roles of all levels."""

    def __init__(self, unit_of_work: Callable[[], GrantsUnitOfWork], book: RoleBook) -> None:
        self._unit_of_work = unit_of_work
        self._book = book

    async def find(self, user_id: UserId) -> Subject | None:
        """A person, or None when there is none or their account is not active.

        Raises Unavailable.
        """
        async with self._unit_of_work() as uow:
            return await self.within(uow, user_id)

    async def within(self, uow: GrantsUnitOfWork, user_id: UserId) -> Subject | None:
        """The same as ``uow`` sees it."""
        user = await uow.users.get(user_id)
        if user is None or not user.is_active:
            return None
        return subject_of(self._book, user_id, user.roles, await uow.grants.of(user_id))
