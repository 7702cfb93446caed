"""Creating accounts and keeping profiles."""

from collections.abc import Callable

from auth_core.kernel import Clock, EventId, Ids, UserId, UserNotFound
from auth_core.users.events import UserCreated, UserUpdated
from auth_core.users.model import User
from auth_core.users.ports import UserCache, UsersUnitOfWork
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
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            user = await uow.users.get(user_id)
            if user is None:
                raise UserNotFound
            renamed = user.renamed(display_name, at=now)
            await uow.users.update(renamed)
            await uow.outbox.add(
                [
                    UserUpdated(
                        id=EventId(self._ids.uuid()),
                        occurred_at=now,
                        user_id=user_id,
                        fields=("display_name",),
                    )
                ]
            )
            await uow.commit()
        await self._cache.forget_user(user_id)
        return renamed

    async def page(self, *, after: UserId | None = None, limit: int = 100) -> list[User]:
        """Accounts in order of creation; ``after`` is the last id of the page before."""
        async with self._unit_of_work() as uow:
            return await uow.users.page(after=after, limit=limit)
