"""What a NOTIFY in the commit of each registration would cost, against polling by the relay.

``python -m tests.load.notifying``: servers of its own, 32 registrations at once.
"""

import asyncio
import statistics
import sys
from time import perf_counter

import asyncpg
from sqlalchemy import func, select, text

from adapters.postgres import Database, PostgresUnitOfWork
from adapters.postgres.statement import Statement
from auth_core.kernel import EventId, Secret
from auth_core.testing.contracts.making import fresh_id, new_user, now
from auth_core.users import UserCreated
from tests.load.bench import servers

PARALLEL, SECONDS, ROUNDS = 32, 3.0, 5
_NOTIFY = Statement(select(func.pg_notify(text("'auth_events'"), text("''"))), writes=True)


async def _register(database: Database, *, notify: bool) -> float:
    """Registrations per second, each with its event in its commit."""
    until, done = perf_counter() + SECONDS, 0

    async def one_after_another() -> None:
        nonlocal done
        while perf_counter() < until:
            user = new_user()
            created = UserCreated(id=EventId(fresh_id()), occurred_at=now(), user_id=user.id)
            async with PostgresUnitOfWork(database) as uow:
                await uow.users.add(user)
                await uow.outbox.add([created])
                if notify:
                    await uow._entered.row(_NOTIFY)
                else:
                    await uow._entered.row(_NOTHING)
                await uow.commit()
            done += 1

    await asyncio.gather(*(one_after_another() for _ in range(PARALLEL)))
    return done / SECONDS


# as many round trips without it
_NOTHING = Statement(select(text("1")), writes=True)


async def _listen(url: str) -> None:
    """Somebody hears them, as a relay would."""
    connection = await asyncpg.connect(url)
    await connection.add_listener("auth_events", lambda *_: None)
    await asyncio.Event().wait()


async def _measure(url: str, owner_url: str) -> None:
    database = Database(Secret(url), pool_size=PARALLEL, max_overflow=0)
    listening = asyncio.create_task(_listen(owner_url))
    without, notified = [], []
    await _register(database, notify=True)
    for _ in range(ROUNDS):
        without.append(await _register(database, notify=False))
        notified.append(await _register(database, notify=True))
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await database.close()
    for what, rates in (("without NOTIFY", without), ("with NOTIFY", notified)):
        middle = statistics.median(rates)
        sys.stdout.write(
            f"{what:<16}{middle:>7.0f} registrations/s ({min(rates):.0f}-{max(rates):.0f})\n"
        )


def main() -> None:
    """Print one line for each way."""
    with servers() as place:
        asyncio.run(_measure(place.environ["DATABASE_URL"], place.database_url))


if __name__ == "__main__":
    main()
