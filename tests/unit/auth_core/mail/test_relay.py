"""The relay: nothing is lost, nobody waits for somebody else's trouble."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.core import Core
from auth_core.kernel import (
    NOBODY,
    Email,
    Letter,
    LetterId,
    MailTemplate,
    Secret,
    Unavailable,
    current_traceparent,
    tracing,
)
from auth_core.mail import (
    Fate,
    LetterStatus,
    LetterVault,
    MailDelayed,
    MailRejected,
    MailRelay,
    MailServerDown,
    RelayPolicy,
    RetryPolicy,
)
from auth_core.testing import (
    InMemoryMailer,
    PlainRenderer,
    SeededEntropy,
    ToySealer,
    in_memory_core,
)

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.fixture
def core():
    return in_memory_core()


@pytest.fixture
def mailer():
    return InMemoryMailer()


def relay_of(core, mailer, *, renderer=None, sealer=None, policy=None):
    return MailRelay(
        core.unit_of_work,
        LetterVault(sealer or core.ports.sealer),
        renderer or PlainRenderer(),
        mailer,
        core.clock,
        policy or RelayPolicy(),
    )


@pytest.fixture
def relay(core, mailer):
    return relay_of(core, mailer)


async def enqueue(core, to="a@example.com", **values):
    letter = Letter(
        id=LetterId(core.ports.ids.uuid()),
        to=Email.parse(to),
        template=MailTemplate.RESET_PASSWORD,
        values=values or {"token": "t", "minutes": "10"},
    )
    await core.mail.send(letter)
    return letter


def sent_to(mailer):
    return [message.to.value for message in mailer.sent]


def refuse(*addresses, failure):
    return lambda message: failure if message.to.value in addresses else None


async def test_what_is_due_is_sent_and_forgotten(core, relay, mailer):
    letters = [await enqueue(core, token=f"t{number}") for number in range(20)]

    relayed = await relay.run()

    assert 20 == relayed.count(Fate.SENT)
    assert {each.id for each in letters} == {message.id for message in mailer.sent}
    assert {f"token: t{number}" for number in range(20)} == {each.text for each in mailer.sent}
    assert {} == core.store.mail
    assert () == (await relay.run()).outcomes


async def test_with_nothing_to_do_it_asks_once(core, relay):
    begun = core.store.begun

    await relay.run()

    assert 1 == core.store.begun - begun


async def test_one_bad_recipient_delays_nobody_else(core, relay, mailer):
    mailer.failing = refuse("bad@example.com", failure=MailDelayed("smtp_451"))
    bad = await enqueue(core, "bad@example.com")
    for number in range(9):
        await enqueue(core, f"good{number}@example.com")

    relayed = await relay.run()

    assert (9, 1) == (relayed.count(Fate.SENT), relayed.count(Fate.DELAYED))
    assert "smtp_451" == core.store.mail[bad.id].last_error
    assert "" == relay.problem


async def test_a_slow_recipient_holds_up_one_slot_only(core, mailer):
    relay = relay_of(core, mailer, policy=RelayPolicy(slots=2))
    gate, others_sent = asyncio.Event(), asyncio.Event()

    class Slow(InMemoryMailer):
        async def send(self, message):
            if message.to.value == "slow@example.com":
                await gate.wait()
            await super().send(message)
            if len(self.sent) == 9:
                others_sent.set()

    relay._mailer = slow = Slow()
    await enqueue(core, "slow@example.com")
    for number in range(9):
        await enqueue(core, f"good{number}@example.com")

    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(20):
        await others_sent.wait()
    assert "slow@example.com" not in sent_to(slow)
    gate.set()

    assert 10 == (await running).count(Fate.SENT)


async def test_an_address_that_does_not_exist_is_given_up_at_once(core, relay, mailer):
    mailer.failing = refuse("nobody@example.com", failure=MailRejected("smtp_550"))
    letter = await enqueue(core, "nobody@example.com")

    [outcome] = (await relay.run()).outcomes

    assert (Fate.DEAD, "smtp_550", 1) == (outcome.fate, outcome.reason, outcome.attempts)
    stored = core.store.mail[letter.id]
    assert LetterStatus.DEAD is stored.status(core.clock.now())
    assert None is stored.sealed_values


async def test_a_delayed_letter_is_tried_ever_more_rarely_and_dead_after_two_days(
    core, relay, mailer
):
    mailer.failing = lambda _: MailDelayed("smtp_451")
    letter, began = await enqueue(core), core.clock.now()
    delays = []
    while True:
        [outcome] = (await relay.run()).outcomes
        if outcome.fate is Fate.DEAD:
            break
        now, due = core.clock.now(), core.store.mail[letter.id].next_attempt_at
        core.clock.set(due - SECOND)
        assert () == (await relay.run()).outcomes
        delays.append((due - now).total_seconds())
        core.clock.set(due)

    assert [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600] == delays[:11]
    assert {3600} == set(delays[10:])
    assert timedelta(hours=48) <= core.clock.now() - began <= timedelta(hours=49)
    assert None is core.store.mail[letter.id].sealed_values


async def test_a_letter_that_waited_for_a_mail_server_for_days_is_tried_once_at_least(
    core, relay, mailer
):
    await enqueue(core)
    core.clock.advance(timedelta(days=5))

    assert 1 == (await relay.run()).count(Fate.SENT)


async def test_a_dead_mail_server_loses_nothing_and_is_given_a_rest(core, relay, mailer):
    mailer.failing = lambda _: MailServerDown("smtp_no_connection")
    for number in range(30):
        await enqueue(core, f"a{number}@example.com")

    first = await relay.run()
    assert 8 == first.count(Fate.DELAYED)  # one for each slot, and no more
    assert "smtp_no_connection" == relay.problem
    begun = core.store.begun
    assert () == (await relay.run()).outcomes
    assert begun == core.store.begun
    pauses = []
    for _ in range(9):
        pause = relay._paused_until - core.clock.now()
        pauses.append(pause.total_seconds())
        core.clock.advance(pause)
        assert 1 == (await relay.run()).count(Fate.DELAYED)
    assert [5, 10, 20, 40, 80, 160, 300, 300, 300] == pauses

    mailer.failing = lambda _: None
    core.clock.advance(HOUR)
    assert 30 == (await relay.run()).count(Fate.SENT)
    assert "" == relay.problem
    assert {} == core.store.mail


async def test_after_an_outage_letters_need_not_wait_for_their_own_long_delays(core, relay, mailer):
    mailer.failing = lambda _: MailServerDown("smtp_421")
    letter = await enqueue(core)
    for _ in range(30):
        await relay.run()
        core.clock.set(relay._paused_until)
    mailer.failing = lambda _: None

    waited = core.store.mail[letter.id].next_attempt_at - core.clock.now()

    assert waited <= timedelta(minutes=5)


async def test_a_crash_between_claim_and_send_sends_it_later_and_after_send_sends_it_twice(
    core, mailer
):
    """At least once: killed at every step of a delivery."""

    class Killed(BaseException):
        pass

    for step in ("mail.claim", "commit", "send", "sent", "mail.sent", "last commit"):
        mailer = Dying(step, Killed)
        letter = await enqueue(core, token=step)
        commits = iter(range(1, 9))

        def die(name, step=step, commits=commits):
            number = next(commits) if name == "commit" else 0
            if name == step or (step, number) == ("last commit", 2):
                raise Killed

        core.store.on_statement = die
        if step == "commit":
            core.store.on_statement = lambda name: (
                (_ for _ in ()).throw(Killed) if (name == "commit") else None
            )
        with pytest.raises(Killed):
            await relay_of(core, mailer).run()
        core.store.on_statement = None

        after = InMemoryMailer()
        await relay_of(core, after).run()
        core.clock.advance(RelayPolicy().claim_time)
        await relay_of(core, after).run()

        assert [letter.id] == [message.id for message in after.sent], step
        assert {} == core.store.mail


class Dying(InMemoryMailer):
    """Dies before or after it has sent."""

    def __init__(self, step, death):
        super().__init__()
        self.step, self.death = step, death

    async def send(self, message):
        if self.step == "send":
            raise self.death
        await super().send(message)
        if self.step == "sent":
            raise self.death


async def test_storage_that_fails_is_told_and_disturbs_no_delivery(core, relay, mailer):
    await enqueue(core)
    core.store.down = True
    with pytest.raises(Unavailable):
        await relay.run()

    core.store.down = False
    assert 1 == (await relay.run()).count(Fate.SENT)


async def test_relays_at_once_send_each_letter_once(core, mailer):
    letters = {(await enqueue(core)).id for _ in range(30)}

    await asyncio.gather(*(relay_of(core, mailer).run() for _ in range(5)))

    assert sorted(letters) == sorted(message.id for message in mailer.sent)


@pytest.mark.sec("SEC-46")
async def test_letters_under_another_master_key_wait_for_it(core, mailer):
    letter = await enqueue(core)
    other = ToySealer(Secret(b"another master key"), SeededEntropy(2))

    [outcome] = (await relay_of(core, mailer, sealer=other).run()).outcomes

    assert (Fate.DELAYED, "cannot_open") == (outcome.fate, outcome.reason)
    core.clock.advance(timedelta(seconds=10))
    await relay_of(core, mailer).run()
    assert [letter.id] == [message.id for message in mailer.sent]


async def test_a_letter_that_cannot_be_rendered_or_sent_for_a_bug_waits_for_the_next_version(
    core, mailer
):
    class Broken(PlainRenderer):
        def render(self, letter):
            raise KeyError(letter.values["token"])

    class Unable(InMemoryMailer):
        async def send(self, message):
            raise ValueError(message.text)

    await enqueue(core)
    [first] = (await relay_of(core, mailer, renderer=Broken()).run()).outcomes
    core.clock.advance(timedelta(seconds=10))
    [second] = (await relay_of(core, Unable()).run()).outcomes

    assert ["cannot_render", "cannot_send_ValueError"] == [first.reason, second.reason]
    core.clock.advance(timedelta(seconds=20))
    assert 1 == (await relay_of(core, mailer).run()).count(Fate.SENT)


async def test_master_keys_are_changed_under_waiting_letters(core, mailer):
    letters = [await enqueue(core) for _ in range(3)]
    dead = await enqueue(core, "nobody@example.com")
    mailer.failing = lambda message: (
        MailRejected("smtp_550") if message.id == dead.id else MailDelayed("smtp_451")
    )
    await relay_of(core, mailer).run()
    old, new = Secret(b"a master key for tests"), Secret(b"the next one")
    both = Core(_with(core, ToySealer(new, core.entropy, previous=old)), core.options)
    assert [3, 0] == [await both.mail.rewrap(), await both.mail.rewrap()]

    mailer.failing = lambda _: None
    core.clock.advance(HOUR)
    await relay_of(core, mailer, sealer=ToySealer(new, core.entropy)).run()

    assert sorted(letter.id for letter in letters) == sorted(each.id for each in mailer.sent)


def _with(core, sealer):
    ports = {name: getattr(core.ports, name) for name in core.ports.__struct_fields__}
    return type(core.ports)(**{**ports, "sealer": sealer})


@pytest.mark.sec("SEC-71")
async def test_the_sweep_removes_what_nobody_could_send(core, mailer):
    mailer.failing = lambda _: MailRejected("smtp_550")
    await enqueue(core)
    await relay_of(core, mailer).run()
    core.clock.advance(timedelta(days=7))
    assert 0 == await core.mail.sweep()

    core.clock.advance(SECOND)

    assert 1 == await core.mail.sweep()
    assert {} == core.store.mail


async def test_an_operator_makes_waiting_letters_due(core, relay, mailer):
    mailer.failing = lambda _: MailDelayed("smtp_451")
    letter, other = await enqueue(core), await enqueue(core)
    await relay.run()
    mailer.failing = lambda _: None

    assert 1 == await core.mail.retry([letter.id])
    await relay.run()
    assert [letter.id] == [message.id for message in mailer.sent]
    assert 1 == await core.mail.retry()
    await relay.run()
    assert other.id == mailer.sent[-1].id


def test_delays_never_overflow(core):
    letter = core.store  # any object with the two fields will do
    letter.attempts, letter.created_at = 10_000, core.clock.now()

    assert core.clock.now() + HOUR == RetryPolicy().next_attempt(letter, core.clock.now())


@pytest.mark.sec("SEC-02")
async def test_a_letter_to_nobody_is_forgotten_unsent(core, mailer, relay):
    """It was written for the time that it takes, and tells nothing about the mail server."""
    mailer.failing = lambda _: MailServerDown("smtp_no_connection")
    for to in (NOBODY.value, "alice@dev.faultmaven.local"):
        await enqueue(core, to)

    relayed = await relay.run()

    assert [Fate.SENT] * 2 == [outcome.fate for outcome in relayed.outcomes]
    assert ({}, [], "") == (core.store.mail, mailer.sent, relay.problem)


async def test_a_letter_is_sent_in_the_trace_of_its_request_and_shows_nothing_of_it(core):
    trace, sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", []

    class Tracer(InMemoryMailer):
        async def send(self, message):
            sent.append((message.to.value, current_traceparent()))
            await super().send(message)

    with tracing(trace):
        await enqueue(core, "traced@example.com", token="one")
    await enqueue(core, "untraced@example.com", token="two")
    async with core.unit_of_work() as uow:
        queued = {each.to.value: each for each in await uow.mail.page()}
    vault = LetterVault(core.ports.sealer)
    assert trace == vault.open(queued["traced@example.com"]).traceparent
    assert {"token": "one"} == vault.open(queued["traced@example.com"]).values

    await relay_of(core, Tracer()).run()

    assert {("traced@example.com", trace), ("untraced@example.com", None)} == set(sent)


async def test_a_letter_that_is_sealed_anew_keeps_its_trace(core):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with tracing(trace):
        await enqueue(core)
    async with core.unit_of_work() as uow:
        [queued] = await uow.mail.page()
    vault = LetterVault(core.ports.sealer)
    again = vault.seal(vault.open(queued))

    assert trace == vault.open(msgspec.structs.replace(queued, sealed_values=again)).traceparent
