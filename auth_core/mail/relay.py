"""The relay: from the queue to the mail server, at least once."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from auth_core.kernel import (
    NO_METRICS,
    Clock,
    Metrics,
    WrongMasterKey,
    has_mailbox,
    tracing,
)
from auth_core.mail.metrics import LETTERS, SERVER_FAILURES
from auth_core.mail.model import (
    Fate,
    MailDelayed,
    MailFailure,
    MailRejected,
    MailServerDown,
    Outcome,
    QueuedLetter,
    Relayed,
    RetryPolicy,
)
from auth_core.mail.ports import LetterRenderer, Mailer, MailQueueUnitOfWork
from auth_core.mail.vault import LetterVault

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=5)


class RelayPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How letters are sent.

    ``claim_time``: after this a claimed letter that nobody has reported on is taken for lost in a
    crash and sent again; longer than the mailer takes at most. ``slots``: letters sent at once.
    """

    claim_time: timedelta = timedelta(seconds=90)
    slots: int = 8
    retry: RetryPolicy = RetryPolicy()


class MailRelay:
    """Sends what is due. Any number may run at once, and be cut off anywhere.

    A letter is claimed in a transaction of its own, sent outside of any, and forgotten once the
    mail server has it. Whoever dies in between leaves a letter that is sent again: with the same
    Message-ID, so that a mail program can tell.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], MailQueueUnitOfWork],
        vault: LetterVault,
        renderer: LetterRenderer,
        mailer: Mailer,
        clock: Clock,
        policy: RelayPolicy,
        *,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._vault = vault
        self._renderer = renderer
        self._mailer = mailer
        self._clock = clock
        self._policy = policy
        self._metrics = metrics
        self._paused_until: datetime | None = None
        self._failures = 0
        self._stopping = False
        self.problem = ""
        """Why nothing can be sent, for an operator: a code; "" while all is well."""

    def stop(self) -> None:
        """Begin no further letter: a `run` that is under way returns after those it is at."""
        self._stopping = True

    async def run(self) -> Relayed:
        """Send all that is due now; each slot goes on to the next letter when it has sent one.

        One query when nothing is due, none while the mail server is given a rest: it gets one from
        5 s on, twice as long each time, up to 5 min. Raises Unavailable when storage is down: what
        was claimed is then sent again.
        """
        if self._paused_until is not None and self._clock.now() < self._paused_until:
            return Relayed()
        outcomes: list[Outcome] = []
        if self._failures:  # one letter is enough to find out whether it is back
            outcomes += [await self._deliver(letter) for letter in await self._claim(1)]
            if self._failures:
                return Relayed(tuple(outcomes))
        slots = (self._work(letter, outcomes) for letter in await self._claim(self._policy.slots))
        # not a TaskGroup: when storage fails one, the others may still hand their letters over
        for trouble in await asyncio.gather(*slots, return_exceptions=True):
            if trouble is not None:
                raise trouble
        return Relayed(tuple(outcomes))

    async def _work(self, letter: QueuedLetter, outcomes: list[Outcome]) -> None:
        """One slot: a letter, and then what is due next."""
        while True:
            outcomes.append(await self._deliver(letter))
            if self._failures or self._stopping:
                return
            following = await self._claim(1)
            if not following:
                return
            letter = following[0]

    async def _claim(self, limit: int) -> list[QueuedLetter]:
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            claimed = await uow.mail.claim(now, now + self._policy.claim_time, limit)
            if claimed:
                await uow.commit()
        return claimed

    async def _deliver(self, letter: QueuedLetter) -> Outcome:
        if not has_mailbox(letter.to):  # written for the time that it takes: forgotten unsent
            return await self._concluded(letter, None)
        failure = await self._send(letter)
        if isinstance(failure, MailServerDown):
            self._rest(failure)
        elif not isinstance(failure, MailDelayed) or not failure.reason.startswith("cannot_"):
            self._failures, self._paused_until, self.problem = 0, None, ""
        return await self._concluded(letter, failure)

    async def _concluded(self, letter: QueuedLetter, failure: MailFailure | None) -> Outcome:
        fate = await self._record(letter, failure)
        self._metrics.count(LETTERS, fate)
        return Outcome(
            id=letter.id,
            template=letter.template,
            attempts=letter.attempts,
            fate=fate,
            reason=None if failure is None else failure.reason,
        )

    async def _send(self, letter: QueuedLetter) -> MailFailure | None:
        """Hand a letter over; what is in the way, or None."""
        try:
            opened = self._vault.open(letter)
            message = self._renderer.render(opened)
        except WrongMasterKey:
            return MailDelayed("cannot_open")
        except Exception:  # noqa: BLE001 - the next version may know how; no letter is lost to a bug
            return MailDelayed("cannot_render")
        try:
            with tracing(opened.traceparent):
                await self._mailer.send(message)
        except MailFailure as failure:
            return failure
        except Exception as error:  # noqa: BLE001 - as above
            return MailDelayed(f"cannot_send_{type(error).__name__}")
        return None

    async def _record(self, letter: QueuedLetter, failure: MailFailure | None) -> Fate:
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            fate = Fate.DELAYED
            again = self._next_attempt(letter, failure, now)
            if failure is None:
                fate = Fate.SENT
                await uow.mail.sent(letter)
            elif again is None:
                fate = Fate.DEAD
                await uow.mail.bury(letter, now, failure.reason)
            else:
                await uow.mail.postpone(letter, again, failure.reason)
            await uow.commit()
        return fate

    def _next_attempt(
        self, letter: QueuedLetter, failure: MailFailure | None, now: datetime
    ) -> datetime | None:
        if isinstance(failure, MailRejected):
            return None
        again = self._policy.retry.next_attempt(letter, now)
        if again is not None and isinstance(failure, MailServerDown) and self._paused_until:
            return min(again, self._paused_until)  # it is not this letter's fault
        return again

    def _rest(self, failure: MailServerDown) -> None:
        """Leave the mail server alone for a while. Of failures at once the first one counts."""
        now, self.problem = self._clock.now(), failure.reason
        if self._paused_until is not None and now < self._paused_until:
            return
        self._paused_until = now + min(
            _FIRST_PAUSE * (1 << min(self._failures, 20)), _LONGEST_PAUSE
        )
        self._failures += 1
        self._metrics.count(SERVER_FAILURES)
