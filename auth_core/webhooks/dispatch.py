"""The dispatcher: from the queues of endpoints to their receivers, at least once."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from auth_core.audit import AuditAction, AuditRecord
from auth_core.kernel import (
    NO_METRICS,
    Clock,
    Entropy,
    EventId,
    Ids,
    Metrics,
    WrongMasterKey,
    end_tasks,
)
from auth_core.webhooks.events import WebhookDisabled
from auth_core.webhooks.metrics import DELIVERIES
from auth_core.webhooks.model import (
    Attempt,
    CircuitPolicy,
    Delivery,
    DisabledReason,
    Health,
    RetryPolicy,
    Verdict,
    WebhookEndpoint,
    WebhookFailure,
)
from auth_core.webhooks.ports import WebhookSender, WebhooksUnitOfWork
from auth_core.webhooks.signing import signed_headers
from auth_core.webhooks.vault import SecretVault

_GONE = 410
_SUCCESS = range(200, 300)
_REDIRECT = range(300, 400)
_OURS = "cannot_"
"""How the words of failures begin that are not the receiver's fault."""
_STOPPED = "cannot_wait"


class DispatchPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How deliveries are sent.

    ``lease_time``: after this an endpoint whose dispatcher has not reported is taken for one of a
    crashed process; longer than the sender takes at most. ``slots``: endpoints served at once by
    one process. ``per_endpoint``: deliveries to one of them at once, over all processes.
    ``look_seconds``: how often it looks for work while some is under way. ``finish_seconds``: how
    long receivers still have when it is to stop.
    """

    lease_time: timedelta = timedelta(seconds=60)
    slots: int = 32
    per_endpoint: int = 8
    look_seconds: float = 0.8
    finish_seconds: float = 2.0
    retry: RetryPolicy = RetryPolicy()
    circuit: CircuitPolicy = CircuitPolicy()


class Dispatched(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one turn at an endpoint, for the operator's log: it names no URL."""

    endpoint: WebhookEndpoint
    verdicts: tuple[Verdict, ...]
    health: Health
    disabled: DisabledReason | None = None
    opened: bool = False
    """Whether the circuit is open from now on."""


class WebhookDispatcher:
    """Sends what is due. Any number may run at once, and be cut off anywhere.

    An endpoint is leased in one transaction, its deliveries are sent outside of any, and what
    became of them is recorded in another. Whoever dies in between leaves deliveries that are sent
    again, with the same ``webhook-id``. A slow receiver keeps one slot busy, a dead one hardly any.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], WebhooksUnitOfWork],
        vault: SecretVault,
        sender: WebhookSender,
        clock: Clock,
        ids: Ids,
        entropy: Entropy,
        policy: DispatchPolicy,
        *,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._vault = vault
        self._sender = sender
        self._clock = clock
        self._ids = ids
        self._entropy = entropy
        self._policy = policy
        self._metrics = metrics
        self._patience: set[asyncio.Timeout] = set()
        self._stopping = False
        self.told: Callable[[Dispatched], None] = lambda _: None
        """Called with what became of each turn, as soon as it is recorded."""

    def stop(self) -> None:
        """Begin nothing more, in the loop of `run`: one that is under way returns within seconds.

        What no receiver has answered by then is given back, and due at once for others.
        """
        if self._stopping:
            return
        self._stopping = True
        deadline = asyncio.get_running_loop().time() + self._policy.finish_seconds
        for patience in self._patience:
            patience.reschedule(deadline)

    async def run(self) -> int:
        """Send until nothing is due any more; returns how many deliveries were taken.

        Meanwhile it keeps looking for endpoints that become due. One query when nothing is. Raises
        Unavailable when storage is down: what was under way is then sent again.
        """
        busy: set[asyncio.Task[int]] = set()
        delivered = 0
        trouble: BaseException | None = None
        try:
            while True:
                trouble = trouble or await self._filled(busy)
                if not busy:
                    break
                done, busy = await asyncio.wait(
                    busy,
                    timeout=None if trouble else self._policy.look_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for turn in done:
                    # not a TaskGroup: when storage fails one, the others may still succeed
                    trouble = trouble or turn.exception()
                    delivered += 0 if turn.exception() else turn.result()
        finally:
            await end_tasks(busy)
        if trouble is not None:
            raise trouble
        return delivered

    async def _filled(self, busy: set[asyncio.Task[int]]) -> Exception | None:
        """Begin with as many endpoints as there are free slots; what came in between, if any."""
        try:
            while len(busy) < self._policy.slots and not self._stopping:
                lease = await self._lease()
                if lease is None:
                    break
                busy.add(asyncio.create_task(self._serve(*lease)))
        except Exception as error:  # noqa: BLE001 - told by `run`, when the others have ended
            return error
        return None

    async def _serve(self, endpoint: WebhookEndpoint, deliveries: list[Delivery]) -> int:
        """One turn at an endpoint; returns how many deliveries it took."""
        verdicts = await asyncio.gather(*(self._attempt(endpoint, each) for each in deliveries))
        return await self._record(endpoint, tuple(verdicts))

    async def _lease(self) -> tuple[WebhookEndpoint, list[Delivery]] | None:
        policy = self._policy
        while True:
            now = self._clock.now()
            until = now + policy.lease_time
            async with self._unit_of_work().for_platform() as uow:
                endpoint = await uow.deliveries.lease(now, until)
                if endpoint is None:
                    return None
                limit = 1 if policy.circuit.is_open(endpoint.health) else policy.per_endpoint
                deliveries = await uow.deliveries.take(endpoint, now, until, limit)
                if not deliveries:  # it was woken for nothing: say when there will be something
                    await uow.deliveries.settle(endpoint, [], endpoint.health, now)
                await uow.commit()
            if deliveries:
                return endpoint, deliveries

    async def _attempt(self, endpoint: WebhookEndpoint, delivery: Delivery) -> Verdict:
        began = self._clock.now()
        status, error = await self._send(endpoint, delivery, began)
        now = self._clock.now()
        attempt = Attempt(
            at=began,
            milliseconds=max(0, (now - began) // timedelta(milliseconds=1)),
            status=status,
            error=error,
        )
        again_at = None
        if error == _STOPPED:
            again_at = now
        elif error is not None and status != _GONE:
            again_at = self._policy.retry.next_attempt(delivery, now, chance=self._chance())
        return Verdict(delivery=delivery, attempt=attempt, again_at=again_at)

    async def _send(
        self, endpoint: WebhookEndpoint, delivery: Delivery, now: datetime
    ) -> tuple[int | None, str | None]:
        """The HTTP status, if there was one, and what went wrong, if anything did."""
        try:
            secrets = self._vault.signing(endpoint, now)
        except WrongMasterKey:
            return None, "cannot_open_secret"
        body = delivery.body.encode()
        headers = signed_headers(secrets, str(delivery.event_id), now, body)
        patience = asyncio.timeout(self._policy.finish_seconds if self._stopping else None)
        try:
            async with patience:
                self._patience.add(patience)
                status = await self._sender.send(endpoint.url, headers, body)
        except WebhookFailure as failure:
            return None, failure.reason
        except Exception as error:  # noqa: BLE001 - no delivery is lost to a bug
            return None, _STOPPED if patience.expired() else f"cannot_send_{type(error).__name__}"
        finally:
            self._patience.discard(patience)
        if status in _SUCCESS:
            return status, None
        return status, "redirect" if status in _REDIRECT else f"http_{status}"

    async def _record(self, endpoint: WebhookEndpoint, verdicts: tuple[Verdict, ...]) -> int:
        now, health = self._clock.now(), endpoint.health
        for verdict in sorted(verdicts, key=lambda each: each.attempt.milliseconds):
            word = verdict.attempt.error or ""
            if not word.startswith(_OURS):
                health = self._policy.circuit.after(health, now, failed=bool(word))
        disabled = self._to_disable(verdicts, health, now)
        is_open = self._policy.circuit.is_open
        async with self._unit_of_work().for_platform() as uow:
            standing = await uow.deliveries.settle(endpoint, verdicts, health, now)
            if standing and disabled is not None:
                await self._disable(uow, endpoint, disabled, now)
            await uow.commit()
        self._count(verdicts)
        self.told(
            Dispatched(
                endpoint=endpoint,
                verdicts=verdicts,
                health=health,
                disabled=disabled if standing else None,
                opened=is_open(health) and not is_open(endpoint.health),
            )
        )
        return len(verdicts)

    def _count(self, verdicts: tuple[Verdict, ...]) -> None:
        for verdict in verdicts:
            if verdict.attempt.error != _STOPPED:
                result = "delivered" if verdict.delivered else "dead" if verdict.over else "failed"
                self._metrics.count(DELIVERIES, result)

    def _to_disable(
        self, verdicts: tuple[Verdict, ...], health: Health, now: datetime
    ) -> DisabledReason | None:
        if any(verdict.attempt.status == _GONE for verdict in verdicts):
            return DisabledReason.GONE
        since = health.failing_since
        if since is not None and now - since >= self._policy.circuit.disable_after:
            return DisabledReason.FAILING
        return None

    async def _disable(
        self,
        uow: WebhooksUnitOfWork,
        endpoint: WebhookEndpoint,
        reason: DisabledReason,
        now: datetime,
    ) -> None:
        scope = endpoint.organization_id
        current = await uow.webhooks.get(scope, endpoint.id, lock=True)
        if current is None or not current.enabled:
            return
        await uow.webhooks.update(msgspec.structs.replace(current, disabled=reason, updated_at=now))
        event = WebhookDisabled(
            id=EventId(self._ids.uuid()),
            occurred_at=now,
            user_id=None,
            organization_id=scope,
            endpoint_id=endpoint.id,
            reason=reason,
        )
        await uow.outbox.add([event])
        await uow.audit.append(
            AuditRecord(
                id=EventId(self._ids.uuid()),
                occurred_at=now,
                action=AuditAction.WEBHOOK_DISABLED,
                reason=reason.value,
                user_id=None,
                organization_id=scope,
                detail=str(endpoint.id),
            )
        )

    def _chance(self) -> float:
        return self._entropy.token_bytes(1)[0] / 255
