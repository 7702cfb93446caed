"""What is of the whole deployment: one worker asks for it, and all can show it."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Final

from app.in_process import ConnectedCore
from app.metrics.catalogue import (
    DELIVERIES_WAITING,
    KEY_PERIOD,
    KEY_SINCE,
    LETTERS_LAG,
    LETTERS_WAITING,
    OUTBOX_DEPTH,
    OUTBOX_LAG,
)
from auth_core.kernel import AuthCoreError
from auth_core.keys import KeyUse

MEASURE_SECONDS: Final = 10.0


async def keep_measuring(core: ConnectedCore) -> None:
    """Measure again and again, until cancelled."""
    while True:
        await measure(core)
        await asyncio.sleep(MEASURE_SECONDS)


async def measure(core: ConnectedCore) -> None:
    """Set the gauges of the deployment; what cannot be asked now is not known."""
    await _measure_outbox(core)
    await _measure_letters(core)
    await _measure_deliveries(core)
    await _measure_keys(core)


async def _measure_outbox(core: ConnectedCore) -> None:
    metrics = core.ports.metrics
    for relay in core.events.relays:
        try:
            backlog = await relay.backlog()
        except AuthCoreError:
            metrics.set(OUTBOX_DEPTH, None, relay.publisher)
            metrics.set(OUTBOX_LAG, None, relay.publisher)
            continue
        metrics.set(OUTBOX_DEPTH, backlog.depth, relay.publisher)
        metrics.set(OUTBOX_LAG, _age(core, backlog.oldest), relay.publisher)


async def _measure_letters(core: ConnectedCore) -> None:
    metrics = core.ports.metrics
    try:
        backlog = await core.mail.backlog()
    except AuthCoreError:
        metrics.set(LETTERS_WAITING, None)
        metrics.set(LETTERS_LAG, None)
        return
    metrics.set(LETTERS_WAITING, backlog.depth)
    metrics.set(LETTERS_LAG, _age(core, backlog.oldest))


async def _measure_deliveries(core: ConnectedCore) -> None:
    waiting = None
    with suppress(AuthCoreError):
        waiting = await core.webhooks.log.waiting()
    core.ports.metrics.set(DELIVERIES_WAITING, waiting)


def _age(core: ConnectedCore, moment: datetime | None) -> float:
    """Seconds since then, 0 for what there is not."""
    if moment is None:
        return 0.0
    return max(0.0, (core.ports.clock.now() - moment).total_seconds())


async def _measure_keys(core: ConnectedCore) -> None:
    metrics = core.ports.metrics
    metrics.set(KEY_PERIOD, core.options.key_rotation_period.total_seconds())
    try:
        ring = await core.keys.ring()
    except AuthCoreError:
        return
    for use in KeyUse:
        key = ring.active(use)
        since = None if key is None else key.activated_at or key.created_at
        metrics.set(KEY_SINCE, None if since is None else since.timestamp(), use.value)
