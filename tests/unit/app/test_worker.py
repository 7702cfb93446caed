"""What runs beside the requests."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from app.worker import Courier, Postman, Task, Worker, tasks_of
from auth_core.events import EventRelay, EventRelayPolicy, PublishingFailed
from auth_core.kernel import Unavailable
from auth_core.mail import LetterVault, MailRejected, MailRelay, MailServerDown, RelayPolicy
from auth_core.testing import InMemoryMailer, InMemoryPublisher, PlainRenderer, in_memory_core
from auth_core.testing.contracts.event_publisher import SOURCE, new_event
from auth_core.testing.contracts.mail_outbox import new_letter


class Counting:
    """A task that counts its runs and fails as long as it has failures."""

    def __init__(self, *failures, done=0):
        self.failures = list(failures)
        self.runs = 0
        self.ran = asyncio.Event()
        self.done = done

    async def __call__(self):
        self.runs += 1
        self.ran.set()
        if self.failures:
            raise self.failures.pop(0)
        return {"things": self.done}


class SlowMailer(InMemoryMailer):
    """A mail server that is at a letter until told to go on."""

    def __init__(self):
        super().__init__()
        self.began, self.goes_on = asyncio.Event(), asyncio.Event()

    async def send(self, message):
        self.began.set()
        await self.goes_on.wait()
        await super().send(message)


async def test_a_task_is_repeated_until_the_worker_is_closed():
    run = Counting()
    worker = Worker([Task("count", 0.001, run)], first_run_seconds=0)
    await worker.start()
    async with asyncio.timeout(20):
        while run.runs < 3:
            run.ran.clear()
            await run.ran.wait()

    await worker.close()

    runs = run.runs
    await asyncio.sleep(0.02)
    assert runs == run.runs


async def test_a_failure_is_told_once_and_disturbs_nobody():
    run, other = Counting(*[Unavailable()] * 3, RuntimeError("x")), Counting(done=2)
    worker = Worker([Task("broken", 60.0, run), Task("other", 60.0, other)])

    with capture_logs() as lines:
        outcomes = [await worker.run_once() for _ in range(5)]

    assert [False, False, False, False, True] == outcomes
    assert 5 == other.runs
    told = [(line["task"], line["reason"]) for line in lines if line["log_level"] == "warning"]
    assert [("broken", Unavailable().message), ("broken", "RuntimeError")] == told
    assert 5 == sum(line["event"] == "worker_ran" and line["things"] == 2 for line in lines)


async def test_a_closed_worker_waits_for_nobody_who_hangs():
    started, ended = asyncio.Event(), []

    async def hang():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cut off")

    worker = Worker([Task("hang", 60.0, hang)], first_run_seconds=0)
    await worker.start()
    await started.wait()

    async with asyncio.timeout(20):
        await worker.close()

    assert ["cut off"] == ended


async def test_a_worker_that_was_never_started_can_be_closed():
    await Worker([]).close()


async def test_a_task_that_can_stop_is_let_finish():
    began, told, finished = asyncio.Event(), asyncio.Event(), []

    async def run():
        began.set()
        await told.wait()
        await asyncio.sleep(0)
        finished.append(True)
        return {}

    worker = Worker([Task("batch", 0.001, run, told.set)], first_run_seconds=0)
    await worker.start()
    await began.wait()

    await worker.close()

    assert finished


async def test_a_letter_that_is_being_sent_is_finished_and_no_further_one_begun():
    core, mailer = in_memory_core(), SlowMailer()
    vault, policy = LetterVault(core.ports.sealer), RelayPolicy(slots=1)
    relay = MailRelay(core.unit_of_work, vault, PlainRenderer(), mailer, core.clock, policy)
    for _ in range(2):
        await core.mail.send(new_letter(core.clock.now()))
    worker = Worker([Task("mail", 0.001, Postman(relay), relay.stop)], first_run_seconds=0)
    await worker.start()
    await mailer.began.wait()

    closing = asyncio.create_task(worker.close(60))
    await asyncio.sleep(0)
    mailer.goes_on.set()
    await closing

    assert 1 == len(mailer.sent)
    assert [0] == [letter.attempts for letter in await core.mail.page()]


async def test_the_courier_publishes_and_tells_of_each_trouble_once():
    core, publisher = in_memory_core(), InMemoryPublisher()
    policy = EventRelayPolicy()
    relay = EventRelay(core.unit_of_work, publisher, SOURCE, core.clock, policy)
    courier = Courier(relay)
    async with core.unit_of_work() as uow:
        await uow.outbox.add([new_event()])
        await uow.commit()

    with capture_logs() as lines:
        publisher.failing = lambda _: "stream_full"
        for _ in range(3):
            await courier()
            core.clock.advance(timedelta(minutes=1))
        publisher.failing = lambda _: None
        await courier()

    assert 1 == len(publisher.published)
    assert ["event_publisher_unavailable", "event_publisher_available_again"] == [
        line["event"] for line in lines
    ]


async def test_the_courier_says_what_to_do_where_the_publisher_knows():
    core, publisher = in_memory_core(), InMemoryPublisher()
    relay = EventRelay(core.unit_of_work, publisher, SOURCE, core.clock, EventRelayPolicy())
    async with core.unit_of_work() as uow:
        await uow.outbox.add([new_event()])
        await uow.commit()

    def fail(_):
        raise PublishingFailed("stream_full", "raise its limits")

    publisher.failing = fail
    with capture_logs() as lines:
        await Courier(relay)()

    assert [("stream_full", "raise its limits")] == [
        (line["reason"], line["advice"]) for line in lines
    ]


async def test_the_tasks_of_a_deployment_tend_its_keys_and_sweep_its_tables():
    core = in_memory_core()
    await core.keys.ring()

    assert {
        "keys": {"keys": 0},
        "audit": {},
        "audit_retention": {"audit_records": 0},
        "retention": {
            "sessions": 0,
            "events": 0,
            "one_time_secrets": 0,
            "letters": 0,
            "deliveries": 0,
        },
        "erasure": {"accounts": 0},
        "organizations": {"organizations": 0, "invitations": 0},
        "events_webhooks": {},
        "webhooks": {"deliveries": 0, "failed": 0, "dead": 0},
    } == {task.name: await task.run() for task in tasks_of(core)}


@pytest.mark.sec("SEC-67")
async def test_the_postman_tells_of_each_trouble_once_and_of_no_person():
    core, mailer = in_memory_core(), InMemoryMailer()
    vault = LetterVault(core.ports.sealer)
    relay = MailRelay(core.unit_of_work, vault, PlainRenderer(), mailer, core.clock, RelayPolicy())
    postman = Postman(relay)
    letter = new_letter(core.clock.now())
    await core.mail.send(letter)

    with capture_logs() as lines:
        mailer.failing = lambda _: MailServerDown("smtp_no_connection")
        done = [await postman() for _ in range(3)]
        core.clock.advance(timedelta(minutes=1))
        done.append(await postman())
        mailer.failing = lambda _: MailRejected("smtp_550")
        core.clock.advance(timedelta(minutes=1))
        done.append(await postman())

    assert [0] * 4 + [1] == [each["dead"] for each in done]
    events = [line["event"] for line in lines]
    assert 1 == events.count("mail_server_unavailable")
    assert 1 == events.count("mail_server_available_again")
    [dead] = [line for line in lines if line["event"] == "letter_undeliverable"]
    assert (letter.id, "reset_password", "smtp_550", 3) == (
        dead["letter_id"],
        dead["template"],
        dead["reason"],
        dead["attempts"],
    )
    for secret in (letter.to.value, letter.values["token"]):
        assert secret not in repr(lines)
