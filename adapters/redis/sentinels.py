"""Who the primary is: whoever a majority of the sentinels names.

One sentinel may be cut off with an old primary, or lag behind the others. Two majorities have one
in common, and no sentinel goes back to what it said before: once a majority has named a new
primary, no majority names an old one any more (docs/adr/0034).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AuthenticationError, ResponseError

from adapters.redis.dial import ask, connected
from adapters.redis.sentinel_url import SentinelUrl
from adapters.redis.trouble import Unsuitable, describe
from auth_core.kernel import end_tasks

ASK_LIMIT: Final = 0.5
"""Seconds that the sentinels have for an answer, all together."""


class Primary(NamedTuple):
    """A server for the time that it is the primary: ``epoch`` grows with every failover."""

    host: str
    port: int
    epoch: int


class Opinion(NamedTuple):
    """What one sentinel says, and for how many seconds it has been saying so.

    ``sentinels`` is how many there are, by what it knows; ``replicas`` likewise.
    """

    primary: Primary
    age: float
    sentinels: int
    replicas: int


class Agreement(NamedTuple):
    """What a majority says, and for how many seconds it has been saying so.

    ``asked_at`` is the event loop's time before the first was asked.
    """

    primary: Primary
    age: float
    asked_at: float


class Sentinels:
    """Asks all of them at once, over connections that stay open. One that hangs delays nobody."""

    def __init__(self, url: SentinelUrl) -> None:
        self._master_set = url.master_set
        self._all = [_Sentinel(url, host, port) for host, port in url.hosts]
        self._turn = asyncio.Lock()

    @property
    def address(self) -> str:
        """Where they are, for the operator."""
        return f"{self._master_set} at {','.join(each.address for each in self._all)}"

    async def agree(self) -> Agreement:
        """The primary. Raises Unsuitable with every sentinel's reason when no majority names one.

        Takes no longer than `ASK_LIMIT`, and no longer than the majority needs.
        """
        async with self._turn:
            return await self._agree()

    async def _agree(self) -> Agreement:
        asked_at = asyncio.get_running_loop().time()
        begun = {task for each in self._all if (task := each.begin()) is not None}
        try:
            found = await self._first_majority(begun, asked_at)
        except asyncio.CancelledError:
            await end_tasks(begun)  # whoever asks next must not find all of them busy
            raise
        if found is None:
            raise Unsuitable(f"no majority of the sentinels names a primary: {self._reasons()}")
        return Agreement(*found, asked_at)

    async def _first_majority(
        self, pending: "set[asyncio.Task[Opinion | None]]", asked_at: float
    ) -> tuple[Primary, float] | None:
        loop = asyncio.get_running_loop()
        opinions: list[Opinion] = []
        while pending:
            left = asked_at + ASK_LIMIT - loop.time()
            done, pending = await asyncio.wait(
                pending, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED
            )
            opinions += [opinion for task in done if (opinion := task.result()) is not None]
            if (found := majority(opinions, listed=len(self._all))) is not None:
                return found
            if not done:
                break
        return None

    async def each(self) -> dict[str, Opinion | str]:
        """What each says, or why it says nothing, by its address."""
        async with self._turn:
            tasks = {each.address: each.begin() for each in self._all}
            running = [task for task in tasks.values() if task is not None]
            if running:
                await asyncio.wait(running, timeout=ASK_LIMIT)
        return {
            each.address: opinion or each.trouble
            for each in self._all
            for opinion in [_result(tasks[each.address])]
        }

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(*(each.close() for each in self._all))

    def _reasons(self) -> str:
        return "; ".join(f"{each.address}: {each.trouble}" for each in self._all)


class _Sentinel:
    """One of them. An answer that comes too late belongs to nobody: it is asked again after."""

    def __init__(self, url: SentinelUrl, host: str, port: int) -> None:
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.trouble = ""
        self._url = url
        self._options = {**url.sentinel, "host": host, "port": port}
        self._task: asyncio.Task[Opinion | None] | None = None
        self._open = AsyncExitStack()
        self._connection: AbstractConnection | None = None

    def begin(self) -> "asyncio.Task[Opinion | None] | None":
        """Ask, unless an earlier question is still under way."""
        if self._task is not None and not self._task.done():
            return None
        self.trouble = "it does not answer in time"
        self._task = asyncio.create_task(self._ask(), name="redis-sentinel")
        return self._task

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            await end_tasks([task])
        await self._hang_up()

    async def _ask(self) -> Opinion | None:
        try:
            async with asyncio.timeout(ASK_LIMIT):
                opinion = await self._asked()
        except BaseException as error:
            await self._hang_up()
            self.trouble = _reason(error)
            if not isinstance(error, Exception):
                raise
            return None
        self.trouble = f"it names {opinion.primary.host}:{opinion.primary.port}"
        return opinion

    async def _asked(self) -> Opinion:
        if self._connection is None:
            self._connection = await self._open.enter_async_context(
                connected(self._url.kind, self._options, ASK_LIMIT)
            )
        answer = await ask(self._connection, "SENTINEL", "MASTER", self._url.master_set)
        return _opinion(answer)

    async def _hang_up(self) -> None:
        self._connection = None
        await self._open.aclose()


def majority(opinions: Iterable[Opinion], *, listed: int) -> tuple[Primary, float] | None:
    """Whom more than half of all sentinels name, and since when more than half do.

    All are those that are ``listed``, or as many as one of them knows, if that is more.
    """
    ages: defaultdict[Primary, list[float]] = defaultdict(list)
    known = listed
    for opinion in opinions:
        ages[opinion.primary].append(opinion.age)
        known = max(known, opinion.sentinels)
    needed = known // 2 + 1
    for primary, given in ages.items():
        if len(given) >= needed:
            return primary, sorted(given, reverse=True)[needed - 1]
    return None


def _opinion(answer: object) -> Opinion:
    """Raises ValueError or KeyError for what is none."""
    if not isinstance(answer, Sequence):
        raise TypeError
    texts = [each.decode() if isinstance(each, bytes) else str(each) for each in answer]
    facts = dict(zip(texts[::2], texts[1::2], strict=True))
    return Opinion(
        Primary(facts["ip"], int(facts["port"]), int(facts["config-epoch"])),
        age=int(facts["role-reported-time"]) / 1000,
        sentinels=int(facts["num-other-sentinels"]) + 1,
        replicas=int(facts["num-slaves"]),
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, ResponseError) and "No such master" in str(error):
        return "it does not know this master set"
    if isinstance(error, AuthenticationError):
        return "it wants another password: check REDIS_SENTINEL_PASSWORD"
    if isinstance(error, KeyError | TypeError | ValueError):
        return "it answers nonsense"
    return describe(error)


def _result(task: "asyncio.Task[Opinion | None] | None") -> Opinion | None:
    return task.result() if task is not None and task.done() else None
