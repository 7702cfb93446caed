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
from datetime import timedelta

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from auth_core.core import Options
from auth_core.kernel import InvalidRefreshToken, InvalidToken, TokenExpired, Unavailable, Username
from auth_core.sessions import EndReason
from auth_core.testing import in_memory_core
from auth_core.testing.contracts.making import new_user
from auth_core.tokens import SignInPolicy
from auth_core.users import Registration

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

    def __init__(self) -> None:
        self.tokens: dict[int, str] = {}
        self.access: list[str] = []
        self.rotated_at: list = []
        self.over = False
        self.row = None


def claims_of(token: str) -> dict:
    return msgspec.json.decode(urlsafe_b64decode(token.split(".")[1] + "=="))


class RefreshMachine(RuleBasedStateMachine):
    """Honest tabs, a thief, crashes and a clock, on the core in memory."""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.core = in_memory_core(OPTIONS)
        self.clock, self.store = self.core.clock, self.core.store
        self.workers = [self.core]
        self.seen: dict = {}
        another = new_user(roles=("admin",))  # or the last one could not be disabled
        self.store.users[another.id] = another
        signed_in = self.run(self.core.sign_in.register(Registration.parse(username="alice")))
        self.user_id = signed_in.user.id
        self._learn(signed_in)

    def run(self, awaitable):
        return self.runner.run(awaitable)

    @rule(worker=PICK)
    @precondition(lambda self: len(self.seen) < 4)
    def log_in(self, worker) -> None:
        if self.store.users[self.user_id].is_active:
            work = self._worker(worker).sign_in.log_in(Username.parse("alice"))
            self._learn(self.run(work))

    @rule(pick=PICK, back=BACK, worker=PICK)
    def refresh(self, pick, back, worker) -> None:
        """An honest tab, or a thief: they differ only in how old their token is."""
        session_id, counter = self._choose(pick, back)
        expected = self._expected(session_id, counter)
        answer = self.run(self._redeem(worker, session_id, counter))
        self._check(session_id, expected, answer)

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
        left = [step]

        def trouble(_statement: str) -> None:
            left[0] -= 1
            if not left[0]:
                raise failure

        self.store.on_statement = trouble
        try:
            answer = self.run(self._redeem(0, session_id, counter))
        except (Crash, Unavailable):
            self.store.on_statement = None
            self.workers[0] = self.core.another_worker()
            answer = self.run(self._redeem(0, session_id, counter))
        self.store.on_statement = None
        self._check(session_id, expected, answer)

    @rule(pick=PICK, back=BACK)
    def foreign_client(self, pick, back) -> None:
        session_id, counter = self._choose(pick, back)
        ended = self.store.sessions[session_id].ended_at
        token = self.seen[session_id].tokens[counter]
        assert self.run(self._answer(self.core.refresh.redeem(token, client_id="other"))) is None
        if not self._expired(session_id, counter):
            assert ended == self.store.sessions[session_id].ended_at

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

    @rule(really=SELDOM)
    def disable_or_enable(self, really) -> None:
        if self.store.users[self.user_id].is_active:
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
        self.core.cache.flush()

    @rule()
    def cache_goes_or_comes_back(self) -> None:
        self.core.cache.down = not self.core.cache.down

    @rule()
    @precondition(lambda self: len(self.workers) < 3)
    def another_worker(self) -> None:
        self.workers.append(self.core.another_worker())

    @invariant()
    def no_token_of_what_is_over_passes(self) -> None:
        self._observe()
        for session_id, sight in self.seen.items():
            for access in sight.access[-3:]:
                for worker in self.workers:
                    passes = self.run(self._passes(worker, access))
                    assert not (sight.over and passes), f"{session_id} is over (d, f)"

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.close()

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
        token = self.seen[session_id].tokens[counter]
        answer = await self._answer(self._worker(worker).refresh.redeem(token))
        if answer is not None:
            self._learn(answer)
        return answer

    def _learn(self, signed_in) -> None:
        tokens = signed_in.tokens
        sight = self.seen.setdefault(tokens.session_id, Sight())
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
        row, sight, now = self.store.sessions[session_id], self.seen[session_id], self.clock.now()
        if self._expired(session_id, counter) or row.end_reason is EndReason.EXPIRED:
            return "refused"
        user = self.store.users[self.user_id]
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
            assert self.store.sessions[session_id].ended_at is None
        else:
            assert answer is None, "a missed theft, or something revived (c, f)"
        if expected == "theft":
            self._ended_and_reported(session_id)
        row = self.store.sessions[session_id]
        if row.ended_at is not None:
            self.seen[session_id].over = True
        self._observe()

    def _ended_and_reported(self, session_id) -> None:
        assert self.store.sessions[session_id].ended_at is not None, "not ended (c)"
        detected = [
            event
            for event in self.core.published
            if event.type == "session.reuse_detected" and event.session_id == session_id
        ]
        audited = [record for record in self.core.audited if record.session_id == session_id]
        assert (1, 1) == (len(detected), len(audited)), "not reported once (c)"
        self.seen[session_id].over = True

    def _observe(self) -> None:
        assert set(self.seen) == set(self.store.sessions), "one row per session (g)"
        for session_id, sight in self.seen.items():
            row, before = self.store.sessions[session_id], sight.row
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
