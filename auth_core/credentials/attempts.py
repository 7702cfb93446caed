"""How often somebody may try to sign in to one account, and who tries many."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

import msgspec

from auth_core.audit import AuditAction, AuditRecord, AuditResult, AuditUnitOfWork
from auth_core.credentials.events import CredentialStuffingSuspected
from auth_core.kernel import (
    AuthCoreError,
    AuthenticationFailed,
    Clock,
    Email,
    EventId,
    FailureSpread,
    Hit,
    Ids,
    Limit,
    RateLimiter,
    Source,
    Username,
    enforce,
)


class AttemptPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers. An attempt that succeeds counts for nothing.

    The limit of an account is wide: whoever uses it up keeps its owner from signing in, though
    never from the sessions that they have (SEC-12).
    """

    by_account_and_source: Limit = Limit(name="account-source", requests=10, period=300)
    by_account: Limit = Limit(name="account", requests=100, period=3600)
    letters: Limit = Limit(name="letters", requests=5, period=3600)
    """Letters that anybody may have sent to one address, or to the owner of one user name."""
    spread_accounts: int = 20
    """So many accounts that one network fails for look like credential stuffing …"""
    spread_window: int = 600
    """… within so many seconds."""


class SignInAttempts:
    """Stands around everything that checks a credential for an account."""

    def __init__(
        self,
        unit_of_work: Callable[[], AuditUnitOfWork],
        limiter: RateLimiter,
        spread: FailureSpread,
        clock: Clock,
        ids: Ids,
        policy: AttemptPolicy | None,
    ) -> None:
        """No ``policy`` means no limits."""
        self._unit_of_work = unit_of_work
        self._limiter = limiter
        self._spread = spread
        self._clock = clock
        self._ids = ids
        self._policy = policy

    @asynccontextmanager
    async def guard(self, name: Username | Email, source: Source) -> AsyncIterator[None]:
        """Count the block as one attempt for the account with this name, if there is one or not.

        Raises TooManyRequests before the block; a name that nobody has is limited like any other
        (SEC-01). Only a block that raises AuthenticationFailed is counted in the end; it may
        publish `CredentialStuffingSuspected`, at most once per network and window.
        """
        policy = self._policy
        if policy is None:
            yield
            return
        hits = (
            Hit(policy.by_account_and_source, f"{name.value} {source.limited}"),
            Hit(policy.by_account, name.value),
        )
        enforce(await self._limiter.hit(hits))
        try:
            yield
        except AuthenticationFailed:
            await self._failed(name, source, policy)
            raise
        except AuthCoreError:  # nothing was checked
            await self._limiter.give_back(hits)
            raise
        await self._limiter.give_back(hits)

    async def letter(self, name: Username | Email) -> None:
        """Count a letter that somebody asks for, for whoever has this name, if anybody.

        Raises TooManyRequests: nobody floods the mailbox of another.
        """
        if self._policy is not None:
            enforce(await self._limiter.hit((Hit(self._policy.letters, name.value),)))

    async def _failed(self, name: Username | Email, source: Source, policy: AttemptPolicy) -> None:
        accounts, window = policy.spread_accounts, policy.spread_window
        if not await self._spread.note(
            source.network, name.value, accounts=accounts, window=window
        ):
            return
        event = CredentialStuffingSuspected(
            id=cast("EventId", self._ids.uuid()),
            occurred_at=self._clock.now(),
            source=source.network,
            accounts=accounts,
            window=window,
        )
        with suppress(AuthCoreError):  # the answer to the attempt does not depend on it
            async with self._unit_of_work() as uow:
                await uow.outbox.add([event])
                await uow.audit.append(_record(event))
                await uow.commit()


def _record(event: CredentialStuffingSuspected) -> AuditRecord:
    """About nobody; the network stands in the event, which is not kept for ever."""
    return AuditRecord(
        id=event.id,
        occurred_at=event.occurred_at,
        action=AuditAction.CREDENTIAL_STUFFING_SUSPECTED,
        reason="many_accounts",
        result=AuditResult.FAILURE,
        target=f"event:{event.id}",
    )
