"""Deliveries to webhooks, beside the requests."""

from collections import Counter

import structlog

from auth_core.webhooks import Dispatched, Verdict, WebhookDispatcher

_log = structlog.get_logger(__name__)


class Deliverer:
    """Sends what is due, and tells of trouble: of a delivery that is given up, and of a receiver
    once. Logs name ids; a URL or what was sent is in the delivery log of who has the webhook.
    """

    def __init__(self, dispatcher: WebhookDispatcher) -> None:
        self._dispatcher = dispatcher
        self._count: Counter[str] = Counter()
        dispatcher.told = self._told

    async def __call__(self) -> dict[str, int]:
        """Run the dispatcher until nothing is due."""
        self._count = Counter(deliveries=0, failed=0, dead=0)
        await self._dispatcher.run()
        return dict(self._count)

    def _told(self, turn: Dispatched) -> None:
        for verdict in turn.verdicts:
            if verdict.delivered:
                self._count["deliveries"] += 1
            elif verdict.over:
                self._count["dead"] += 1
                _log.warning("webhook_delivery_dead", **_ids(turn), **_facts(verdict))
            else:
                self._count["failed"] += 1
        if turn.disabled is not None:
            _log.warning(
                "webhook_disabled",
                **_ids(turn),
                reason=turn.disabled.value,
                effect="it gets nothing until somebody enables it",
            )
        elif turn.opened:
            reason = next((each.attempt.error for each in turn.verdicts if not each.delivered), "")
            _log.warning(
                "webhook_failing", **_ids(turn), reason=reason, effect="its deliveries wait"
            )


def _ids(turn: Dispatched) -> dict[str, object]:
    organization_id = turn.endpoint.organization_id
    return {
        "webhook_id": str(turn.endpoint.id),
        "organization_id": None if organization_id is None else str(organization_id),
    }


def _facts(verdict: Verdict) -> dict[str, object]:
    return {
        "delivery_id": str(verdict.delivery.id),
        "event_type": verdict.delivery.event_type,
        "attempts": verdict.delivery.attempts,
        "reason": verdict.attempt.error,
    }
