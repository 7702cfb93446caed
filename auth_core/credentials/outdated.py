"""Passwords whose hash is of another kind or cost than today's: they show in the time of a login.

They are imported ones, and those made under earlier settings. The next login of the owner replaces
each; this is for what is left of them (ADR 0029).
"""

from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from auth_core.audit import AuditAction, AuditRecord
from auth_core.credentials.password import Account, PasswordHasher
from auth_core.credentials.proving import ProvingUnitOfWork
from auth_core.kernel import Clock, Entropy, EventId, Ids, Secret, UserId

_SECRET_BYTES = 32


class OutdatedPage(msgspec.Struct, frozen=True):
    """Accounts with such a hash, and after which account to go on; None when all were seen."""

    accounts: list[Account]
    after: UserId | None


class OutdatedHashes:
    """Finds them, and puts an end to them."""

    def __init__(
        self,
        unit_of_work: Callable[[], ProvingUnitOfWork],
        hasher: PasswordHasher,
        clock: Clock,
        ids: Ids,
        entropy: Entropy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._hasher = hasher
        self._clock = clock
        self._ids = ids
        self._entropy = entropy
        self._nobodys: Secret[str] | None = None

    async def page(self, *, after: UserId | None = None, limit: int = 1000) -> OutdatedPage:
        """Those among the next ``limit`` accounts in order of id. Raises Unavailable.

        Without passwords that are disabled: they are never evaluated, and so do not show.
        """
        async with self._unit_of_work() as uow:
            seen = await uow.credentials.portable(after=after, limit=limit)
        found = [account for account in seen if self._shows(account)]
        return OutdatedPage(found, seen[-1].user.id if seen else None)

    async def retire(self, accounts: Sequence[Account]) -> None:
        """Replace their hashes by one that no password has, with a record for each; one commit.

        The owners set a new password by a mailed link. Sessions stay: whoever is signed in did not
        use this password here. A hash that was replaced meanwhile stays. Raises Unavailable.
        """
        if self._nobodys is None:
            self._nobodys = await self._hasher.hash(
                Secret(self._entropy.token_bytes(_SECRET_BYTES).hex())
            )
        async with self._unit_of_work() as uow:
            for account in accounts:
                if account.password_hash is None:
                    continue
                await uow.credentials.verified(
                    account.user.id, seen=account.password_hash, upgraded=self._nobodys
                )
                await uow.audit.append(self._record(account.user.id))
            await uow.commit()

    def _shows(self, account: Account) -> bool:
        stored = account.password_hash
        disabled = account.disabled_at is not None
        return not (stored is None or disabled or self._hasher.is_current(stored))

    def _record(self, user_id: UserId) -> AuditRecord:
        return AuditRecord(
            id=cast("EventId", self._ids.uuid()),
            occurred_at=self._clock.now(),
            action=AuditAction.PASSWORD_CHANGE_REQUIRED,
            reason="outdated_hash",
            user_id=user_id,
        )
