"""Nobody learns from time who has an account (SEC-01, SEC-02).

What is compared exactly is the work: statements that reach PostgreSQL, hashes, letters. Time is
compared by rank over interleaved samples, with a bound that a busy machine does not break: 0.5 is
no difference, 1.0 is a difference that always shows.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import asyncpg
import pytest
from litestar import Litestar

from adapters.crypto import Argon2Hasher
from adapters.postgres.transaction import Transaction
from auth_core.kernel import Secret
from auth_core.testing import SeededEntropy, ToyPasswordHasher
from tests.api.asking import AUTH, PASSWORD
from tests.serving import Client

ROUNDS = 120
BOUND = 0.85
"""A row that is there to be read gives up to 0.7 beside a toy hash. Beside the real one, which
takes a thousand times as long, it does not show."""

_ANSWERING = ContextVar("_ANSWERING", default=False)

Ask = Callable[[], Awaitable[Any]]


class Work:
    """What one request did."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.hashes = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Counts, and puts a toy hash in the place of the slow one, which would drown all else."""
    done, toy = Work(), ToyPasswordHasher(SeededEntropy())

    async def hash_(_: object, password: Secret[str]) -> Secret[str]:
        done.hashes += 1
        return await toy.hash(password)

    async def verify(_: object, password: Secret[str], known: Secret[str] | None) -> bool:
        done.hashes += 1
        toyish = known is not None and known.reveal().startswith("$toy")
        return await toy.verify(password, known if toyish else None)

    answer = Litestar.__call__
    execute, row_alone = Transaction._execute, Transaction.row_alone

    async def answering(self: Litestar, scope: Any, receive: Any, send: Any) -> None:
        # what runs beside the requests, in any worker of this process, is none of their work
        _ANSWERING.set(scope["type"] == "http")
        await answer(self, scope, receive, send)

    async def executing(self: Transaction, sql: str, *arguments: object) -> None:
        if _ANSWERING.get():
            done.statements.append(sql)
        await execute(self, sql, *arguments)

    async def fetching(self: Transaction, statement: Any, **values: object) -> Any:
        if _ANSWERING.get():
            done.statements.append(statement.sql)
        return await row_alone(self, statement, **values)

    monkeypatch.setattr(Litestar, "__call__", answering)
    monkeypatch.setattr(Argon2Hasher, "hash", hash_)
    monkeypatch.setattr(Argon2Hasher, "verify", verify)
    monkeypatch.setattr(Transaction, "_execute", executing)
    monkeypatch.setattr(Transaction, "row_alone", fetching)
    return done


@pytest.fixture
async def people(
    work: Work, verified: Client, mailbox: Any, new_name: Any, database: asyncpg.Connection
) -> AsyncIterator[dict[str, str]]:
    """Addresses by the state of their account."""
    from auth_core.kernel import MailTemplate

    names = {state: new_name() for state in ("active", "disabled", "pending", "leaving")}
    for name in names.values():
        email = f"{name}@example.com"
        body = {"username": name, "email": email, "password": PASSWORD}
        await verified.post(f"{AUTH}/register", json=body)
        token = await mailbox.token(email, MailTemplate.VERIFY_REGISTRATION)
        await verified.post(f"{AUTH}/verify-registration", json={"token": token})
    for state in ("disabled", "pending"):
        change = "UPDATE users SET status = $2 WHERE username = $1"
        await database.execute(change, names[state], state)
    leave = "UPDATE users SET delete_after = now() + interval '1 day' WHERE username = $1"
    await database.execute(leave, names["leaving"])
    yield {state: f"{name}@example.com" for state, name in names.items()} | {
        "unknown": f"{new_name()}@example.com"
    }
    await database.execute("DELETE FROM password_credentials WHERE password_hash LIKE '$toy%'")


async def compare(work: Work, ways: dict[str, Ask]) -> dict[tuple[str, str], float]:
    """The AUC of each pair, after the answers and the work were found to be the same."""
    for ask in ways.values():  # warm, all of them
        await ask()
    answers, done = {}, {}
    for name, ask in ways.items():
        work.statements, work.hashes = [], 0
        answer = await ask()
        answers[name] = (answer.status_code, _comparable(answer), sorted(answer.headers))
        assert [] != work.statements
        done[name] = (list(work.statements), work.hashes)
    first = next(iter(ways))
    for name in ways:
        assert answers[first] == answers[name], name
        assert done[first] == done[name], name

    taken: dict[str, list[int]] = {name: [] for name in ways}
    for round_ in range(ROUNDS):
        names = list(ways) if round_ % 2 else list(reversed(ways))
        for name in names:
            began = time.perf_counter_ns()
            await ways[name]()
            taken[name].append(time.perf_counter_ns() - began)
    return {
        (one, other): auc(taken[one], taken[other]) for one in ways for other in ways if one < other
    }


def auc(one: list[int], other: list[int]) -> float:
    """How often a sample of the slower one is above one of the other (Mann-Whitney), from 0.5."""
    above = sum((a > b) + (a == b) / 2 for a in one for b in other) / (len(one) * len(other))
    return max(above, 1 - above)


def test_the_measure_tells_what_differs_from_what_does_not() -> None:
    assert (0.5, 1.0, 1.0) == (auc([1, 2, 3], [1, 2, 3]), auc([1, 2], [3, 4]), auc([3, 4], [1, 2]))


def _comparable(answer: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in answer.json().items()
        if name not in {"request_id", "challenge_id"}
    }


@pytest.mark.sec("SEC-01")
async def test_a_login_that_fails_does_not_tell_why(
    work: Work, verified: Client, people: dict[str, str]
) -> None:
    def login(state: str, password: str) -> Ask:
        body = {"email": people[state], "password": password}
        return lambda: verified.post(f"{AUTH}/login", json=body)

    separated = await compare(
        work,
        ways={
            "wrong password": login("active", "not the password"),
            **{state: login(state, PASSWORD) for state in people if state != "active"},
        },
    )

    assert {} == {pair: value for pair, value in separated.items() if value > BOUND}


@pytest.mark.sec("SEC-02")
@pytest.mark.parametrize(
    "path", ["forgot-password", "verify-email/resend", "sign-in/link", "sign-in/code"]
)
async def test_what_is_mailed_to_whom_does_not_show(
    work: Work, verified: Client, people: dict[str, str], path: str
) -> None:
    def ask(state: str) -> Ask:
        return lambda: verified.post(f"{AUTH}/{path}", json={"email": people[state]})

    separated = await compare(work, {state: ask(state) for state in people})

    assert {} == {pair: value for pair, value in separated.items() if value > BOUND}


@pytest.mark.sec("SEC-02")
async def test_a_registration_does_not_tell_what_is_taken(
    work: Work, verified: Client, people: dict[str, str], new_name: Any
) -> None:
    taken = people["active"]
    free = new_name()

    def register(name: str, email: str) -> Ask:
        body = {"username": name, "email": email, "password": PASSWORD}
        return lambda: verified.post(f"{AUTH}/register", json=body)

    separated = await compare(
        work,
        {
            "free": register(free, f"{free}@example.com"),
            "address taken": register(f"x{free}", taken),
            "name taken": register(taken.partition("@")[0], f"y{free}@example.com"),
        },
    )

    assert {} == {pair: value for pair, value in separated.items() if value > BOUND}
