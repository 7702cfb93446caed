"""Creating accounts and keeping profiles."""

from collections.abc import Callable

from auth_core.kernel import (
    Clock,
    ConcurrentUpdate,
    Email,
    EventId,
    Ids,
    PreconditionFailed,
    UserId,
    Username,
    UserNotFound,
)
from auth_core.users.events import UserCreated, UserUpdated
from auth_core.users.model import User
from auth_core.users.ports import EVERYBODY, UserCache, UserQuery, UsersUnitOfWork
from auth_core.users.profile import ProfileChanges
from auth_core.users.registration import Registration


class UserService:
    """Account creation within a caller's transaction, and profile changes in one of its own."""

    def __init__(
        self,
        unit_of_work: Callable[[], UsersUnitOfWork],
        cache: UserCache,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._cache = cache
        self._clock = clock
        self._ids = ids

    async def create(
        self,
        uow: UsersUnitOfWork,
        registration: Registration,
        *,
        roles: tuple[str, ...] = ("user",),
        is_dev_user: bool = False,
        email_verified: bool = False,
    ) -> User:
        """Add an active account to ``uow``; the caller commits.

        Raises UsernameTaken or EmailTaken.
        """
        now = self._clock.now()
        user = User(
            id=UserId(self._ids.uuid()),
            username=registration.username,
            email=registration.email,
            display_name=registration.display_name,
            roles=roles,
            is_dev_user=is_dev_user,
            email_verified=email_verified,
            created_at=now,
            updated_at=now,
        )
        await uow.users.add(user)
        await uow.outbox.add(
            [UserCreated(id=EventId(self._ids.uuid()), occurred_at=now, user_id=user.id)]
        )
        return user

    async def get(self, user_id: UserId) -> User:
        """The account, in any status. Raises UserNotFound."""
        async with self._unit_of_work() as uow:
            user = await uow.users.get(user_id)
        if user is None:
            raise UserNotFound
        return user

    async def rename(self, user_id: UserId, display_name: str) -> User:
        """Change the display name (already checked). Raises UserNotFound, ConcurrentUpdate."""
        return await self.change(user_id, ProfileChanges(display_name=display_name))

    async def change(
        self, user_id: UserId, changes: ProfileChanges, *, if_version: int | None = None
    ) -> User:
        """Change a profile in one commit; nothing is written when nothing differs.

        Raises UserNotFound, ConcurrentUpdate, and instead PreconditionFailed when ``if_version``
        is given and not, or no longer, the stored one.
        """
        try:
            changed = await self._change(user_id, changes, if_version)
        except ConcurrentUpdate as error:
            if if_version is None:
                raise
            raise PreconditionFailed from error
        await self._cache.forget_user(user_id)
        return changed

    async def _change(
        self, user_id: UserId, changes: ProfileChanges, if_version: int | None
    ) -> User:
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            user = await uow.users.get(user_id)
            if user is None:
                raise UserNotFound
            if if_version not in {None, user.version}:
                raise PreconditionFailed
            fields = changes.differing(user)
            if not fields:
                return user
            changed = user.edited(at=now, **fields)
            await uow.users.update(changed)
            event = UserUpdated(
                id=EventId(self._ids.uuid()),
                occurred_at=now,
                user_id=user_id,
                fields=tuple(fields),
            )
            await uow.outbox.add([event])
            await uow.commit()
        return changed

    async def search(
        self, query: UserQuery = EVERYBODY, *, after: UserId | None = None, limit: int = 100
    ) -> list[User]:
        """Accounts in order of creation; ``after`` is the last id of the page before."""
        async with self._unit_of_work() as uow:
            return await uow.users.search(query, after=after, limit=limit)

    async def count(self, query: UserQuery = EVERYBODY) -> int:
        """How many there are."""
        async with self._unit_of_work() as uow:
            return await uow.users.count(query)

    async def named(self, name: Username | Email) -> User:
        """The account of this name, in any status. Raises UserNotFound."""
        async with self._unit_of_work() as uow:
            user = await uow.users.find(name)
        if user is None:
            raise UserNotFound
        return user

    async def page(self, *, after: UserId | None = None, limit: int = 100) -> list[User]:
        """Accounts in order of creation; ``after`` is the last id of the page before."""
        async with self._unit_of_work() as uow:
            return await uow.users.page(after=after, limit=limit)
