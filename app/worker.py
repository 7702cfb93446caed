"""What runs beside the requests: keys that rotate, rows and accounts whose time is over.

Every task may run in any number of processes at once, at any time, and be cut off anywhere.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from time import perf_counter
from uuid import UUID

import msgspec
import structlog

from app.deliverer import Deliverer
from auth_core.audit import AuditSealing
from auth_core.core import Core
from auth_core.events import EventRelay
from auth_core.kernel import NO_METRICS, AuthCoreError, Label, Metric, Metrics, end_tasks
from auth_core.mail import Fate, MailRelay, Outcome
from auth_core.webhooks import WebhookDispatcher

_FIRST_RUN_SECONDS = 30.0
"""The first runs are spread over this time, so that a start does nothing but start."""

SEAL_SECONDS = 0.8
"""A record of the audit trail is sealed within about a second of its commit."""

EVENT_SECONDS = 0.25
"""Events are published this long after their commit, on average half of it."""

_FINISH_SECONDS = 3.0
"""How long a task that can stop may take to finish; `app.stopping` leaves it 4 s."""

MAIL_SECONDS = 0.8
"""A letter leaves within a second of its commit."""

WEBHOOK_SECONDS = 0.5
"""A delivery leaves so long after its event was relayed, on average half of it."""

_log = structlog.get_logger(__name__)

TASK_RUNS = Metric(
    name="fm_auth_worker_task_runs_total",
    help="Runs of what is done beside the requests, by task.",
    labels=(Label("task"), Label("result", ("done", "failed"))),
)

Run = Callable[[], Awaitable[dict[str, int]]]


class Task(msgspec.Struct, frozen=True):
    """``run`` says what it did, by the name of the thing; it is called about every ``seconds``."""

    name: str
    seconds: float
    run: Run
    stop: Callable[[], None] | None = None
    """Makes a run that is under way return soon, with what it is at done."""


def tasks_of(core: Core) -> Sequence[Task]:
    """All there is to do for a deployment."""

    async def tend_keys() -> dict[str, int]:
        return {"keys": len(await core.keys.tend())}

    async def erase() -> dict[str, int]:
        return {"accounts": await core.personal_data.erase_due()}

    async def tend_organizations() -> dict[str, int]:
        return {
            "organizations": await core.organizations.organizations.remove_due(),
            "invitations": await core.organizations.invitations.sweep(),
        }

    async def trim() -> dict[str, int]:
        return {"audit_records": await core.audit.trimming.run()}

    tasks = [
        Task("keys", 60.0, tend_keys),
        Task("audit", SEAL_SECONDS, Notary(core.audit.sealing)),
        Task("audit_retention", 3600.0, trim),
        Task("retention", 3600.0, _sweeping(core)),
        Task("erasure", 3600.0, erase),
        Task("organizations", 3600.0, tend_organizations),
        *(_event_task(relay) for relay in core.events.relays),
        _webhook_task(core.webhooks.dispatcher),
    ]
    if core.mail_relay is not None:
        relay = core.mail_relay
        tasks.append(Task("mail", MAIL_SECONDS, Postman(relay), relay.stop))
    return tasks


def _sweeping(core: Core) -> Run:
    async def sweep() -> dict[str, int]:
        swept = await core.retention.sweep()
        return {
            "sessions": swept.sessions,
            "events": swept.events,
            "one_time_secrets": swept.one_time_secrets,
            "letters": await core.mail.sweep(),
            "deliveries": await core.webhooks.log.sweep(),
        }

    return sweep


class Notary:
    """Seals the audit trail, and tells of a chain that it does not go on with, once."""

    def __init__(self, sealing: AuditSealing) -> None:
        self._sealing = sealing
        self._told: set[UUID] = set()

    async def __call__(self) -> dict[str, int]:
        """Seal what is committed. Nothing to tell: it happens every second."""
        await self._sealing.run()
        for chain in self._sealing.broken - self._told:
            self._told.add(chain)
            _log.error(
                "audit_chain_broken",
                chain=str(chain),
                effect="its new records are kept, and not sealed",
                advice="run fm-auth audit verify",
            )
        return {}


def _event_task(relay: EventRelay) -> Task:
    return Task(f"events_{relay.publisher}", EVENT_SECONDS, Courier(relay), relay.stop)


def _webhook_task(dispatcher: WebhookDispatcher) -> Task:
    return Task("webhooks", WEBHOOK_SECONDS, Deliverer(dispatcher), dispatcher.stop)


class Courier:
    """Brings a publisher up to date, and tells of its troubles, each once."""

    def __init__(self, relay: EventRelay) -> None:
        self._relay = relay
        self._told = ""

    async def __call__(self) -> dict[str, int]:
        """Run the relay once. Nothing to tell: it happens all the time."""
        await self._relay.run()
        problem, told, name = self._relay.problem, self._told, self._relay.publisher
        self._told = problem
        if problem and problem != told:
            _log.error(
                "event_publisher_unavailable",
                publisher=name,
                reason=problem,
                effect="events wait in the outbox, in their order",
                **({"advice": self._relay.advice} if self._relay.advice else {}),
            )
        elif told and not problem:
            _log.info("event_publisher_available_again", publisher=name, after=told)
        return {}


class Postman:
    """Sends the letters that are due, and tells of trouble: by letter, and once by mail server."""

    def __init__(self, relay: MailRelay) -> None:
        self._relay = relay
        self._told = ""

    async def __call__(self) -> dict[str, int]:
        """Run the relay once."""
        try:
            relayed = await self._relay.run()
        finally:
            self._tell_of_server()
        for outcome in relayed.outcomes:
            if outcome.fate is Fate.DEAD:
                _log.error("letter_undeliverable", **_facts(outcome))
            elif outcome.fate is Fate.DELAYED:
                _log.info("letter_delayed", **_facts(outcome))
        return {"letters": relayed.count(Fate.SENT), "dead": relayed.count(Fate.DEAD)}

    def _tell_of_server(self) -> None:
        problem, told = self._relay.problem, self._told
        if problem == told:
            return
        self._told = problem
        if problem:
            _log.error("mail_server_unavailable", reason=problem, effect="letters wait")
        else:
            _log.info("mail_server_available_again", after=told)


def _facts(outcome: Outcome) -> dict[str, object]:
    return {
        "letter_id": outcome.id,
        "template": outcome.template.value,
        "attempts": outcome.attempts,
        "reason": outcome.reason,
    }


class Worker:
    """Runs tasks until it is closed."""

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        first_run_seconds: float = _FIRST_RUN_SECONDS,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._todo = tasks
        self._metrics = metrics
        self._first_run_seconds = first_run_seconds
        # its own: forked workers begin with one and the same state of the shared generator
        self._chance = Random()  # noqa: S311 - spreads, hides nothing
        self._running: dict[asyncio.Task[None], Task] = {}
        self._closing = False
        self._troubles: dict[str, str] = {}

    async def start(self) -> None:
        """Begin. Returns at once."""
        self._running = {
            asyncio.create_task(self._repeat(task), name=f"worker-{task.name}"): task
            for task in self._todo
        }

    async def close(self, seconds: float = _FINISH_SECONDS) -> None:
        """Stop. Tasks that can stop get so many seconds to finish, fewer when this is cancelled.

        What any other has not committed is undone, and done again by the next run.
        """
        running, self._running = self._running, {}
        self._closing = True
        finishing = [each for each, task in running.items() if task.stop is not None]
        for task in running.values():
            if task.stop is not None:
                task.stop()
        try:
            if finishing:
                await asyncio.wait(finishing, timeout=seconds)
        finally:
            await end_tasks(running)

    async def run_once(self) -> bool:
        """Run every task now; False when one failed."""
        return all([await self._run(task) for task in self._todo])

    async def _repeat(self, task: Task) -> None:
        pause = self._chance.uniform(0, min(self._first_run_seconds, task.seconds))
        while not self._closing:
            await asyncio.sleep(pause)
            await self._run(task)
            pause = task.seconds * self._chance.uniform(0.9, 1.1)

    async def _run(self, task: Task) -> bool:
        began = perf_counter()
        try:
            done = await task.run()
        except Exception as error:  # noqa: BLE001 - the next run may do better
            self._metrics.count(TASK_RUNS, task.name, "failed")
            self._failed(task, error)
            return False
        self._metrics.count(TASK_RUNS, task.name, "done")
        self._troubles.pop(task.name, None)
        if any(done.values()):
            milliseconds = round((perf_counter() - began) * 1000, 1)
            _log.info("worker_ran", task=task.name, duration_ms=milliseconds, **done)
        return True

    def _failed(self, task: Task, error: Exception) -> None:
        """Tell of each new trouble once; what an outage looks like is known already."""
        trouble = error.message if isinstance(error, AuthCoreError) else type(error).__name__
        if self._troubles.get(task.name) == trouble:
            return
        self._troubles[task.name] = trouble
        unexpected = not isinstance(error, AuthCoreError)
        _log.warning(
            "worker_task_failed",
            task=task.name,
            reason=trouble,
            effect=f"it is tried again in about {task.seconds:.0f} s",
            exc_info=error if unexpected else None,
        )
