"""Proving an account by its password, with every failure counted before it is answered."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypedDict

import msgspec

from auth_core.audit import AuditAction, AuditRecord, AuditResult, AuditUnitOfWork
from auth_core.credentials.failures import FailurePolicy
from auth_core.credentials.metrics import PASSWORD_CHECKS
from auth_core.credentials.password import (
    Account,
    CredentialsUnitOfWork,
    PasswordHasher,
    normalize_password,
)
from auth_core.kernel import (
    NO_METRICS,
    AuthenticationFailed,
    Clock,
    DomainEvent,
    EventId,
    Ids,
    Metrics,
    Secret,
    Unavailable,
    UserId,
)
from auth_core.users import (
    STRANGER,
    UserPasswordDisabled,
    UserPasswordUnlocked,
    UserSignInFailed,
    UserStatus,
)

_STRANGERS = Account(user=STRANGER, password_hash=None)


class ProvingUnitOfWork(CredentialsUnitOfWork, AuditUnitOfWork, Protocol):
    """A transaction over users, credentials and the trail."""

    async def discard(self) -> None:
        """Do the work of `commit`, also that of making it durable, and keep nothing (SEC-01)."""
        ...


class Proof(msgspec.Struct, frozen=True):
    """An account whose password was given; ``upgraded`` is its hash by today's parameters."""

    account: Account
    upgraded: Secret[str] | None


class PasswordProof:
    """The one way to ask whether somebody knows the password of an account.

    Unknown, wrong, inactive, backing off and disabled cost the same hash and the same statements,
    and get the same answer (SEC-01): nothing here returns early. Live sessions are not touched
    (SEC-12).
    """

    def __init__(
        self,
        unit_of_work: Callable[[], ProvingUnitOfWork],
        hasher: PasswordHasher,
        clock: Clock,
        ids: Ids,
        policy: FailurePolicy,
        *,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._hasher = hasher
        self._clock = clock
        self._ids = ids
        self._policy = policy
        self._metrics = metrics

    async def prove(
        self, account: Account | None, password: str, *, leaving: bool = False
    ) -> Proof:
        """The proof, for `settle`. Raises AuthenticationFailed, once the failure is durable.

        With ``leaving`` an account on its way out may prove itself, too.

        While the account backs off nothing is counted: an attempt that is not looked at is no
        guess, and nobody can keep the owner out by making more of them. Raises Unavailable.
        """
        normalized = normalize_password(password)
        if normalized is None:  # never a password of anybody; the same flat cost for everybody
            self._metrics.count(PASSWORD_CHECKS, "malformed")
            raise AuthenticationFailed
        known = _STRANGERS if account is None else account
        admitted = self._admits(known, leaving=leaving)
        matches = await self._hasher.verify(normalized, known.password_hash if admitted else None)
        self._metrics.count(PASSWORD_CHECKS, _result(known, admitted=admitted, matches=matches))
        if not (admitted and matches):
            await self._fail(known.user.id, counts=admitted)
            raise AuthenticationFailed
        return Proof(known, await self._upgraded(normalized, known))

    async def settle(self, uow: CredentialsUnitOfWork, proof: Proof) -> None:
        """Forget the failures and upgrade the hash, if need be, in the caller's transaction."""
        account = proof.account
        if account.password_hash is None or (
            proof.upgraded is None and account.consecutive_failures == 0
        ):
            return
        await uow.credentials.verified(
            account.user.id, seen=account.password_hash, upgraded=proof.upgraded
        )

    async def unlock(self, user_id: UserId) -> bool:
        """Forget the failures and let a disabled password work again; False if it did already."""
        async with self._unit_of_work() as uow:
            unlocked = await uow.credentials.unlock(user_id)
            if unlocked:
                record = self._record(AuditAction.PASSWORD_UNLOCKED, user_id, "operator")
                await uow.audit.append(record)
                await uow.outbox.add([UserPasswordUnlocked(**self._about(user_id))])
                await uow.commit()
        return unlocked

    def _admits(self, account: Account, *, leaving: bool) -> bool:
        """Whether the password of the account may be tried now."""
        active = account.user.is_active
        returning = leaving and account.user.status is UserStatus.ACTIVE
        waited = self._policy.admits(account, self._clock.now())
        return account.password_hash is not None and (active or returning) and waited

    async def _fail(self, user_id: UserId, *, counts: bool) -> None:
        """Count it; if there is nothing to count, write as much and keep nothing."""
        now, limit = self._clock.now(), self._policy.limit
        async with self._unit_of_work() as uow:
            counted = user_id if counts else None
            failures = await uow.credentials.record_failure(counted, now, limit=limit)
            disabled = failures == limit
            action = AuditAction.PASSWORD_DISABLED if disabled else AuditAction.SIGN_IN_FAILED
            reason = "too_many_failures" if disabled else "wrong_password"
            result = AuditResult.SUCCESS if disabled else AuditResult.FAILURE
            await uow.audit.append(self._record(action, user_id, reason, result))
            await uow.outbox.add(self._events(user_id, failures, disabled=disabled))
            await (uow.commit() if failures else uow.discard())

    async def _upgraded(self, password: Secret[str], account: Account) -> Secret[str] | None:
        stored = account.password_hash
        if stored is None or self._hasher.is_current(stored):
            return None
        try:
            return await self._hasher.hash(password)
        except Unavailable:  # no reason to refuse the login; the next one tries again
            return None

    def _events(self, user_id: UserId, failures: int, *, disabled: bool) -> list[DomainEvent]:
        failed = UserSignInFailed(**self._about(user_id), consecutive_failures=failures)
        return [failed, UserPasswordDisabled(**self._about(user_id))] if disabled else [failed]

    def _about(self, user_id: UserId) -> "_About":
        return {
            "id": EventId(self._ids.uuid()),
            "occurred_at": self._clock.now(),
            "user_id": user_id,
        }

    def _record(
        self,
        action: AuditAction,
        user_id: UserId,
        reason: str,
        result: AuditResult = AuditResult.SUCCESS,
    ) -> AuditRecord:
        return AuditRecord(**self._about(user_id), action=action, reason=reason, result=result)


def _result(account: Account, *, admitted: bool, matches: bool) -> str:
    """What to count. Each is decided, whichever it is: this must take no time that tells."""
    absent = "unknown_account" if account.user.id == STRANGER.id else "no_password"
    disabled = "disabled" if account.disabled_at is not None else "backing_off"
    inactive = disabled if account.user.is_active else "inactive_account"
    refused = absent if account.password_hash is None else inactive
    tried = "right" if matches else "wrong"
    return tried if admitted else refused


class _About(TypedDict):
    id: EventId
    occurred_at: datetime
    user_id: UserId
