"""What the core counts, each fact in its place."""

import sys
from datetime import timedelta

import msgspec
import pytest

from auth_core.core import Options
from auth_core.credentials import AttemptPolicy
from auth_core.credentials.metrics import PASSWORD_CHECKS
from auth_core.events import EventRelay, EventRelayPolicy
from auth_core.events.metrics import PUBLISHED, RELAY_ERRORS
from auth_core.kernel import (
    NO_METRICS,
    REFUSALS,
    AuthenticationFailed,
    Email,
    InvalidLink,
    InvalidRefreshToken,
    InvalidToken,
    Letter,
    LetterId,
    Limit,
    MailTemplate,
    Metric,
    PasswordChangeRequired,
    Source,
    TooManyRequests,
    Username,
)
from auth_core.mail import LetterVault, MailRelay, MailServerDown, RelayPolicy
from auth_core.mail.metrics import LETTERS, SERVER_FAILURES
from auth_core.metrics import CORE_METRICS
from auth_core.self_service import SelfServicePolicy
from auth_core.sessions import EndReason, SessionOrigin
from auth_core.sessions.metrics import CACHE_READS, FEED_AS_OF, REFRESHES, REUSE, REVOKED
from auth_core.testing import (
    InMemoryCore,
    InMemoryMailer,
    InMemoryPublisher,
    PlainRenderer,
    in_memory_core,
)
from auth_core.testing.contracts.event_publisher import SOURCE
from auth_core.tokens.metrics import ISSUED, SIGN_INS, VERIFIED
from auth_core.users import Registration, UserStatus

ALICE = Registration.parse(username="alice", email="alice@example.com")
NAME = ALICE.username
PASSWORD = "correct horse battery staple"


def counts(core: InMemoryCore, metric: Metric) -> dict[str, float]:
    """The values of a label that are not 0, or of the last one."""
    found = {value: core.metrics.value(metric, value) for value in metric.labels[-1].values}
    return {value: count for value, count in found.items() if count}


def sign_ins(core: InMemoryCore, method: str) -> dict[str, float]:
    found = {
        result: core.metrics.value(SIGN_INS, method, result) for result in SIGN_INS.labels[1].values
    }
    return {result: count for result, count in found.items() if count}


async def test_sign_ins_are_counted_by_method_and_by_what_was_answered(production):
    await production.sign_in.register(ALICE, PASSWORD)
    await production.sign_in.log_in(NAME, PASSWORD)
    with pytest.raises(AuthenticationFailed):
        await production.sign_in.log_in(NAME, "a wrong password")
    user_id = next(iter(production.store.users))
    await production.lifecycle.require_password_change(user_id)
    with pytest.raises(PasswordChangeRequired):
        await production.sign_in.log_in(NAME, PASSWORD)

    assert {
        "success": 1,
        "authentication_failed": 1,
        "password_change_required": 1,
    } == sign_ins(production, "password")
    assert {} == sign_ins(production, "name")


async def test_sign_ins_by_name_and_by_mail_are_counted_apart():
    core = in_memory_core(
        Options(
            sign_in=in_memory_core().options.sign_in,
            self_service=SelfServicePolicy(email_sign_in=True),
        )
    )
    await core.sign_in.register(ALICE)
    await core.sign_in.log_in(NAME)
    with pytest.raises(InvalidLink):
        await core.self_service.sign_in.redeem_link("none of ours", origin=SessionOrigin())

    assert {"success": 1} == sign_ins(core, "name")
    assert {"invalid_or_expired_link": 1} == sign_ins(core, "mail_link")


@pytest.mark.sec("SEC-01")
async def test_why_a_password_was_refused_is_counted_though_never_answered(production):
    await production.sign_in.register(ALICE, PASSWORD)
    (user_id,) = production.store.users

    async def fail(name=NAME, password="a wrong password"):
        with pytest.raises(AuthenticationFailed):
            await production.sign_in.log_in(name, password)

    await production.sign_in.log_in(NAME, PASSWORD)
    await fail()
    await fail(Username("nobody"))
    await fail(password="x" * 2000)
    state = production.store.password_states[user_id]
    at = production.clock.now()
    for changed in ({"consecutive_failures": 50, "last_failed_at": at}, {"disabled_at": at}):
        production.store.password_states[user_id] = msgspec.structs.replace(state, **changed)
        await fail(password=PASSWORD)
    production.store.users[user_id] = msgspec.structs.replace(
        production.store.users[user_id], status=UserStatus.DISABLED
    )
    await fail(password=PASSWORD)

    assert dict.fromkeys(
        (
            *("right", "wrong", "unknown_account", "malformed"),
            *("backing_off", "disabled", "inactive_account"),
        ),
        1,
    ) == counts(production, PASSWORD_CHECKS)


async def test_an_account_without_a_password_is_told_from_nobody(core, production):
    await core.sign_in.register(ALICE)
    with pytest.raises(AuthenticationFailed):
        await core.password_proof.prove(
            await _account(core, NAME), "a password that it does not have"
        )

    assert {"no_password": 1} == counts(core, PASSWORD_CHECKS)


async def _account(core, name):
    async with core.unit_of_work() as uow:
        return await uow.credentials.account(name)


async def test_tokens_are_counted_when_they_are_issued_and_when_they_are_presented(core):
    signed_in = await core.sign_in.register(ALICE)
    await core.refresh.redeem(signed_in.tokens.refresh_token)
    for _ in range(3):
        await core.authenticator.authenticate(signed_in.tokens.access_token)
    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate("not.a.token")

    assert 2 == core.metrics.value(ISSUED)
    assert {"checked": 1, "known": 2, "refused": 1} == counts(core, VERIFIED)


async def test_the_cache_is_counted_by_what_it_says(core):
    signed_in = await core.sign_in.register(ALICE)
    token = signed_in.tokens.access_token
    for _ in range(3):
        await core.authenticator.authenticate(token)
    assert {"miss": 1, "hit": 2} == counts(core, CACHE_READS)

    await core.sessions.end(signed_in.user.id, signed_in.tokens.session_id, EndReason.LOGOUT)
    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(token)

    assert {"miss": 1, "hit": 2, "ended": 1} == counts(core, CACHE_READS)
    assert 1 == core.metrics.value(REVOKED)


async def test_ending_a_session_twice_revokes_it_once(core):
    signed_in = await core.sign_in.register(ALICE)
    for _ in range(2):
        await core.sessions.end(signed_in.user.id, signed_in.tokens.session_id, EndReason.LOGOUT)

    assert 1 == core.metrics.value(REVOKED)


@pytest.mark.sec("SEC-30")
async def test_refreshes_are_counted_by_what_became_of_the_token(core):
    signed_in = await core.sign_in.register(ALICE)
    first = signed_in.tokens.refresh_token
    second = (await core.refresh.redeem(first)).tokens.refresh_token
    await core.refresh.redeem(first)
    third = (await core.refresh.redeem(second)).tokens.refresh_token
    core.clock.advance(timedelta(minutes=1))
    for token in (first, third):  # the theft, and whoever is left
        with pytest.raises(InvalidRefreshToken):
            await core.refresh.redeem(token)

    late = (await core.sign_in.log_in(NAME)).tokens.refresh_token
    core.clock.advance(timedelta(days=100))
    with pytest.raises(InvalidRefreshToken):
        await core.refresh.redeem(late)

    assert {"rotated": 2, "repeated": 1, "reused": 2, "expired": 1} == counts(core, REFRESHES)
    assert 1 <= sum(counts(core, REUSE).values())
    assert 1 == counts(core, REUSE)["superseded_token"]


async def test_how_fresh_the_feed_is_can_be_told(core):
    assert core.metrics.value(FEED_AS_OF) is None

    await core.revocations.poll()

    assert core.clock.now().timestamp() == core.metrics.value(FEED_AS_OF)


async def test_a_refusal_is_counted_for_the_limit_that_refused():
    policy = AttemptPolicy(
        by_account_and_source=Limit(name="account-source", requests=2, period=300),
        by_account=Limit(name="account", requests=50, period=300),
    )
    core = in_memory_core(Options(attempts=policy))
    for refusal in (AuthenticationFailed, AuthenticationFailed, TooManyRequests):
        with pytest.raises(refusal):
            async with core.attempts.guard(NAME, Source("192.0.2.1")):
                raise AuthenticationFailed

    assert 1 == core.metrics.value(REFUSALS, "account-source")
    assert 0 == core.metrics.value(REFUSALS, "account")


async def test_what_a_success_gives_back_is_free_again():
    once = Limit(name="account", requests=1, period=300)
    core = in_memory_core(
        Options(attempts=AttemptPolicy(by_account_and_source=once, by_account=once))
    )
    for _ in range(2):
        async with core.attempts.guard(NAME, Source("192.0.2.1")):
            pass

    assert 0 == core.metrics.value(REFUSALS, "account")


async def test_events_and_failures_of_a_publisher_are_counted(core):
    await core.sign_in.register(ALICE)
    taking, failing = InMemoryPublisher("one"), InMemoryPublisher("other")
    failing.failing = lambda _: "out_of_order"
    for publisher in (taking, failing):
        relay = EventRelay(
            *(core.unit_of_work, publisher, SOURCE, core.clock, EventRelayPolicy()),
            metrics=core.metrics,
        )
        await relay.run()

    assert len(core.published) == core.metrics.value(PUBLISHED, "one")
    assert 0 == core.metrics.value(PUBLISHED, "other")
    assert (0, 1) == tuple(core.metrics.value(RELAY_ERRORS, name) for name in ("one", "other"))


async def test_letters_are_counted_by_their_fate(core):
    mailer = InMemoryMailer()
    relay = MailRelay(
        core.unit_of_work,
        LetterVault(core.ports.sealer),
        PlainRenderer(),
        mailer,
        core.clock,
        RelayPolicy(),
        metrics=core.metrics,
    )
    for failure in (None, MailServerDown("smtp_unreachable")):
        mailer.failing = lambda _, failure=failure: failure
        await core.mail.send(
            Letter(
                id=LetterId(core.ports.ids.uuid()),
                to=Email.parse("a@example.com"),
                template=MailTemplate.RESET_PASSWORD,
                values={"token": "t", "minutes": "10"},
            )
        )
        await relay.run()

    assert {"sent": 1, "delayed": 1} == counts(core, LETTERS)
    assert 1 == core.metrics.value(SERVER_FAILURES)


def test_nothing_is_counted_where_nobody_wants_it():
    NO_METRICS.count(ISSUED)
    NO_METRICS.set(FEED_AS_OF, 1)
    NO_METRICS.observe(ISSUED, 1)


def test_every_metric_of_the_core_is_in_its_list():
    """Whatever else is declared in it would never be shown."""
    declared = {
        metric.name
        for module in list(sys.modules.values())
        if (getattr(module, "__name__", "") or "").startswith("auth_core.")
        and ".testing" not in module.__name__
        for metric in vars(module).values()
        if isinstance(metric, Metric)
    }

    assert declared == {metric.name for metric in CORE_METRICS}
    assert len(declared) == len(CORE_METRICS)
