"""A state machine of everything that happens to refresh tokens, and what must hold throughout.

Invariants, checked after every call and at every step:

a. Honest: the newest token of a live session and the one before it, within their lifetimes, are
   never refused and never end a session; nor is an older one within the window.
b. Whoever presents a token around one rotation gets the same refresh token.
c. Theft: a token whose successor was redeemed longer ago than the window is refused. Before the
   refusal is raised the session has ended, with exactly one session.reuse_detected and one audit
   record. So is the token of an ended session. Only where the clock was set back since may the
   window be off, by itself at most.
d. Once an ending call has returned, or a refusal that ended the session was raised, no access token
   of it passes, on any worker, however warm.
e. The counter never goes back, and moves by one for one redemption of the newest token.
f. What is over stays over, whatever the clock does.
g. One row per session, for ever.
"""

import asyncio
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Protocol

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from auth_core.core import Core, Options
from auth_core.kernel import InvalidRefreshToken, InvalidToken, TokenExpired, Unavailable, Username
from auth_core.sessions import EndReason, Session, SessionOrigin
from auth_core.testing import ManualClock, in_memory_core
from auth_core.testing.contracts.making import new_user
from auth_core.tokens import SignInPolicy
from auth_core.users import Registration, User, UserStatus

WINDOW = timedelta(seconds=10)
OPTIONS = Options(
    session_idle_lifetime=timedelta(hours=1),
    session_lifetime=timedelta(hours=3),
    refresh_parallel_window=WINDOW,
    sign_in=SignInPolicy(development=True),
)
SECONDS = st.sampled_from([0.001, 1, 4, 9.999999, 10, 10, 11, 60, 900, 3599, 3600])
SELDOM = st.integers(0, 5).map(lambda drawn: drawn == 5)
BACK = st.sampled_from([0, 0, 0, 1, 1, 2, 3])
PICK = st.integers(0, 7)


class Crash(BaseException):
    """The process is gone at this statement."""


class Sight:
    """What the test has seen of one session."""

    def __init__(self, client_id: str | None = None) -> None:
        self.client_id = client_id
        self.tokens: dict[int, str] = {}
        self.access: list[str] = []
        self.rotated_at: list = []
        self.over = False
        self.lapsed = False
        self.row = None


class World(Protocol):
    """Where the machine runs: a core, what it has stored, and ways to trouble it."""

    core: Core
    clock: ManualClock
    username: str

    def run(self, work: Awaitable):
        """Wait for ``work``."""
        ...

    def another_worker(self) -> Core:
        """A further process, with nothing in memory yet."""
        ...

    def rows(self) -> dict:
        """The committed sessions of the user, by id."""
        ...

    def user(self) -> User:
        """The committed user."""
        ...

    def reports(self, session_id) -> tuple[int, int]:
        """How many events and how many audit records of a reuse are committed."""
        ...

    def disable_by_hand(self) -> None:
        """Write that the user is disabled, and nothing else."""
        ...

    def trouble(self, step: int, failure: BaseException) -> AbstractContextManager[None]:
        """Let the ``step``-th step towards storage fail."""
        ...

    def flush(self) -> None:
        """Empty the cache."""
        ...

    def turn_cache(self) -> None:
        """Take the cache away, or bring it back."""
        ...

    def close(self) -> None:
        """Release what was taken."""
        ...


class MemoryWorld:
    """The adapters in memory."""

    username = "alice"

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.run = self._runner.run
        self.core = in_memory_core(OPTIONS)
        self.clock, self._store = self.core.clock, self.core.store
        another = new_user(roles=("admin",))  # or the last one could not be disabled
        self._store.users[another.id] = another
        self.another_worker = self.core.another_worker
        self.flush = self.core.cache.flush
        self.close = self._runner.close

    def rows(self) -> dict:
        return self._store.sessions

    def user(self) -> User:
        return next(
            user
            for user in self._store.users.values()
            if user.username == Username.parse(self.username)
        )

    def disable_by_hand(self) -> None:
        user = self.user()
        self._store.users[user.id] = msgspec.structs.replace(user, status=UserStatus.DISABLED)

    def reports(self, session_id) -> tuple[int, int]:
        detected = [
            event
            for event in self.core.published
            if event.type == "session.reuse_detected" and event.session_id == session_id
        ]
        audited = [
            record
            for record in self.core.audited
            if record.action == "session:reuse_detected" and record.session_id == session_id
        ]
        return len(detected), len(audited)

    @contextmanager
    def trouble(self, step: int, failure: BaseException) -> Iterator[None]:
        left = [step]

        def trouble(_statement: str) -> None:
            left[0] -= 1
            if not left[0]:
                raise failure

        self._store.on_statement = trouble
        try:
            yield
        finally:
            self._store.on_statement = None

    def turn_cache(self) -> None:
        self.core.cache.down = not self.core.cache.down


def claims_of(token: str) -> dict:
    return msgspec.json.decode(urlsafe_b64decode(token.split(".")[1] + "=="))


class RefreshMachine(RuleBasedStateMachine):
    """Honest tabs, a thief, crashes and a clock, on the core in memory or another world."""

    def make_world(self) -> World:
        return MemoryWorld()

    @initialize()
    def begin(self) -> None:
        self.world = self.make_world()
        self.core, self.clock, self.run = self.world.core, self.world.clock, self.world.run
        self.workers = [self.core]
        self.seen: dict = {}
        registration = Registration.parse(username=self.world.username)
        signed_in = self.run(self.core.sign_in.register(registration))
        self.user_id = signed_in.user.id
        self._learn(signed_in)

    @rule(worker=PICK, client_id=st.sampled_from([None, "gateway"]))
    @precondition(lambda self: len(self.seen) < 4)
    def log_in(self, worker, client_id) -> None:
        if self.world.user().is_active:
            name = Username.parse(self.world.username)
            origin = SessionOrigin(client_id=client_id)
            work = self._worker(worker).sign_in.log_in(name, origin=origin)
            self._learn(self.run(work), client_id)

    @rule(pick=PICK, back=BACK, worker=PICK)
    def refresh(self, pick, back, worker) -> None:
        """An honest tab, or a thief: they differ only in how old their token is."""
        self._refresh(worker, *self._choose(pick, back))

    @rule(pick=PICK, back=st.integers(0, 1), seconds=st.sampled_from([1, 60, 1800, 3599]))
    @precondition(lambda self: len(self.seen) > 1)
    def come_too_late(self, pick, back, seconds) -> None:
        """What was refused as expired stays so, although the clock is set back."""
        chosen = self._choose(pick, back)
        self.clock.advance(OPTIONS.session_idle_lifetime)
        self._refresh(0, *chosen)
        self.clock.advance(-timedelta(seconds=seconds))
        self._refresh(0, *chosen)

    @rule(pick=PICK, times=st.integers(2, 3), seconds=st.sampled_from([0, 3, 10, 11, 900]))
    def stay_signed_in(self, pick, times, seconds) -> None:
        """What leaves used-up tokens behind: refreshes in a row, and then the time that passes."""
        for _ in range(times):
            self.refresh(pick, 0, 0)
        self.clock.advance(timedelta(seconds=seconds))

    @rule(pick=PICK, backs=st.lists(BACK, min_size=2, max_size=5))
    def race(self, pick, backs) -> None:
        """Everybody at once, over all workers: what is honest at the start stays so."""
        chosen = [self._choose(pick, back) for back in backs]
        expected = {one: self._expected(*one, racing=True) for one in chosen}
        thief = "theft" in expected.values()

        async def all_at_once():
            return await asyncio.gather(
                *(self._redeem(worker, *one) for worker, one in enumerate(chosen))
            )

        answers = self.run(all_at_once())
        granted = {}
        for one, answer in zip(chosen, answers, strict=True):
            if expected[one] in {"refused", "theft"}:
                assert answer is None, "a missed theft (c)"
            elif not thief and "either" not in expected.values():
                assert answer is not None, "a false logout (a)"
                granted.setdefault(one[1], set()).add(answer.tokens.refresh_token)
        # one that came before the newest was redeemed got that one, those after it the next
        newest = max(counter for _, counter in chosen)
        most = {counter: 1 if counter == newest else 2 for counter in granted}
        assert all(len(granted[counter]) <= most[counter] for counter in granted), "b"
        if thief:
            self._ended_and_reported(chosen[0][0])
        self._observe()

    @rule(pick=PICK, back=BACK, step=st.integers(1, 6), kind=st.sampled_from(["crash", "outage"]))
    def refresh_in_trouble(self, pick, back, step, kind) -> None:
        """The service dies, or storage fails, before any one statement; a retry then settles it."""
        session_id, counter = self._choose(pick, back)
        expected = self._expected(session_id, counter)
        failure = Crash() if kind == "crash" else Unavailable()
        answer = None
        try:
            with self.world.trouble(step, failure):
                answer = self.run(self._redeem(0, session_id, counter))
        except (Crash, Unavailable):
            self.workers[0] = self.world.another_worker()
            answer = self.run(self._redeem(0, session_id, counter))
        self._check(session_id, expected, answer)

    @rule(pick=PICK, back=BACK, known=st.booleans())
    def foreign_client(self, pick, back, known) -> None:
        """Another client, or none where the session is bound to one: refused without harm."""
        session_id, counter = self._choose(pick, back)
        ended = self._row(session_id).ended_at
        sight = self.seen[session_id]
        token = sight.tokens[counter]
        who = "other" if known or sight.client_id is None else None
        assert self.run(self._answer(self.core.refresh.redeem(token, client_id=who))) is None
        if not self._expired(session_id, counter):
            assert ended == self._row(session_id).ended_at

    @rule(pick=PICK, worker=PICK, really=SELDOM)
    def log_out(self, pick, worker, really) -> None:
        if not really:
            return
        session_id, _ = self._choose(pick, 0)
        work = self._worker(worker).sessions.end(self.user_id, session_id, EndReason.LOGOUT)
        if self.run(work).ended:
            self.seen[session_id].over = True

    @rule(worker=PICK, really=SELDOM)
    def sign_out_everywhere(self, worker, really) -> None:
        if not really:
            return
        self.run(self._worker(worker).sessions.end_all(self.user_id, EndReason.REVOKED_ALL))
        self._all_over()

    @rule(pick=PICK, back=BACK)
    def disabled_by_hand(self, pick, back) -> None:
        """As a statement by hand does it, which ends nothing by itself."""
        if self.world.user().is_active and len(self.seen) > 1:
            self.world.disable_by_hand()
            self._refresh(0, *self._choose(pick, back))

    @rule(really=SELDOM)
    def disable_or_enable(self, really) -> None:
        if self.world.user().is_active:
            if really:
                self.run(self.core.lifecycle.disable(self.user_id))
                self._all_over()
        else:
            self.run(self.core.lifecycle.enable(self.user_id))

    @rule(seconds=SECONDS)
    def time_passes(self, seconds) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @rule(seconds=st.sampled_from([0.001, 1, 12, 60, 1800]))
    def clock_steps_back(self, seconds) -> None:
        self.clock.advance(-timedelta(seconds=seconds))

    @rule()
    def cache_flushed(self) -> None:
        self.world.flush()

    @rule()
    def cache_goes_or_comes_back(self) -> None:
        self.world.turn_cache()

    @rule()
    @precondition(lambda self: len(self.workers) < 3)
    def another_worker(self) -> None:
        self.workers.append(self.world.another_worker())

    @invariant()
    def no_token_of_what_is_over_passes(self) -> None:
        self._observe()
        for session_id, sight in self.seen.items():
            for access in sight.access[-3:]:
                for worker in self.workers:
                    passes = self.run(self._passes(worker, access))
                    assert not (sight.over and passes), f"{session_id} is over (d, f)"

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()

    async def _passes(self, worker, access) -> bool:
        try:
            await worker.authenticator.authenticate(access)
        except (InvalidToken, TokenExpired):
            return False
        return True

    async def _answer(self, work):
        try:
            return await work
        except InvalidRefreshToken:
            return None

    async def _redeem(self, worker, session_id, counter):
        sight = self.seen[session_id]
        redeemed = self._worker(worker).refresh.redeem(
            sight.tokens[counter], client_id=sight.client_id
        )
        answer = await self._answer(redeemed)
        if answer is not None:
            self._learn(answer)
        return answer

    def _refresh(self, worker, session_id, counter) -> None:
        expected = self._expected(session_id, counter)
        answer = self.run(self._redeem(worker, session_id, counter))
        self._check(session_id, expected, answer)

    def _learn(self, signed_in, client_id=None) -> None:
        tokens = signed_in.tokens
        sight = self.seen.setdefault(tokens.session_id, Sight(client_id))
        counter = claims_of(tokens.refresh_token)["ctr"]
        assert tokens.refresh_token == sight.tokens.setdefault(counter, tokens.refresh_token), "b"
        sight.access.append(tokens.access_token)

    def _worker(self, number):
        return self.workers[number % len(self.workers)]

    def _choose(self, pick, back):
        live = [one for one, sight in self.seen.items() if not sight.over]
        among = sorted(live if live and pick else self.seen)
        session_id = among[pick % len(among)]
        tokens = sorted(self.seen[session_id].tokens)
        return session_id, tokens[max(0, len(tokens) - 1 - back)]

    def _expired(self, session_id, counter) -> bool:
        token = self.seen[session_id].tokens[counter]
        return claims_of(token)["exp"] <= self.clock.now().timestamp()

    def _expected(self, session_id, counter, *, racing=False) -> str:
        """The oracle: `granted`, `theft` or `refused` (no harm done)."""
        row, sight, now = self._row(session_id), self.seen[session_id], self.clock.now()
        sight.lapsed |= row.end_reason is EndReason.EXPIRED
        if self._expired(session_id, counter) or sight.lapsed:
            return "refused"
        user = self.world.user()
        if row.ended_at is not None or not user.is_active or row.user_epoch != user.epoch:
            return "theft"
        if now >= row.expires_at:
            return "refused"
        if row.refresh_counter - counter <= 1:
            return "granted"
        return self._expected_by_age(sight.rotated_at, counter, racing=racing)

    def _expected_by_age(self, rotated_at, counter, *, racing) -> str:
        """`either` where a clock that was set back leaves no answer but a guess."""
        now = self.clock.now()
        near = [abs(now - at) < WINDOW for at in rotated_at[counter + 1 :]]
        orderly = [*rotated_at, now] == sorted([*rotated_at, now])
        if not orderly and (racing or any(near)):  # a race adds a rotation that is near
            return "either"
        return "granted" if near[:1] == [True] else "theft"

    def _check(self, session_id, expected, answer) -> None:
        if expected == "either":
            if answer is None:
                self._ended_and_reported(session_id)
        elif expected == "granted":
            assert answer is not None, "a false logout (a)"
            assert self._row(session_id).ended_at is None
        else:
            assert answer is None, "a missed theft, or something revived (c, f)"
        if expected == "theft":
            self._ended_and_reported(session_id)
        row, sight = self._row(session_id), self.seen[session_id]
        if answer is None and row.ended_at is None and self.clock.now() >= row.expires_at:
            sight.lapsed = True  # whoever was told so once is told so for ever (f)
        if sight.lapsed or row.ended_at is not None:
            sight.over = True
        self._observe()

    def _row(self, session_id) -> Session:
        return self.world.rows()[session_id]

    def _ended_and_reported(self, session_id) -> None:
        assert self._row(session_id).ended_at is not None, "not ended (c)"
        assert (1, 1) == self.world.reports(session_id), "not reported once (c)"
        self.seen[session_id].over = True

    def _observe(self) -> None:
        rows = self.world.rows()
        assert set(self.seen) == set(rows), "one row per session (g)"
        for session_id, sight in self.seen.items():
            row, before = rows[session_id], sight.row
            if before is not None and before.ended_at is not None:
                assert (row.ended_at, row.end_reason) == (before.ended_at, before.end_reason), "f"
            moved = row.refresh_counter - len(sight.rotated_at)
            assert moved >= 0, "the counter went back (e)"
            assert moved <= 1, "more than one rotation (e)"
            if moved:
                sight.rotated_at.append(self.clock.now())
            sight.row = row

    def _all_over(self) -> None:
        for sight in self.seen.values():
            sight.over = True
