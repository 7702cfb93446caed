"""Carries flows out in processes that are killed where they are told to be.

Reads lines of JSON: the flow, its argument, and where its process ends. That is before so many
messages to PostgreSQL have been sent, counted from 1; 0 is never, "committed" as soon as the commit
is answered. Writes the exit status of each process. It forks, so that each is one of its own.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from adapters.crypto import EnvelopeSealer
from adapters.postgres import Database, PostgresUnitOfWork
from adapters.postgres.transaction import Transaction
from adapters.system import SystemClock, SystemEntropy, SystemIds
from auth_core.core import Core, Options, Ports
from auth_core.kernel import Email, Secret
from auth_core.mail import LetterVault
from auth_core.self_service import RegistrationMode, SelfServicePolicy
from auth_core.sessions import SessionOrigin
from auth_core.testing import in_memory_core

SEALER = EnvelopeSealer(Secret(b"k" * 32))
NEW_PASSWORD = "an altogether different sentence"
FLOWS: dict[str, Callable[[Core, str], Any]] = {
    "forgotten": lambda core, email: core.self_service.reset_password.send(Email.parse(email)),
    "reset": lambda core, token: core.self_service.reset_password.reset(token, NEW_PASSWORD),
    "verify": lambda core, token: core.self_service.verify_email.confirm(token),
    "change": lambda core, token: core.self_service.change_email.confirm(token),
    "registration": lambda core, token: core.self_service.registration.verify(
        token, origin=SessionOrigin()
    ),
}


def core_on(database: Database) -> Core:
    """A core whose truth is PostgreSQL, and whose passwords and signatures cost nothing."""
    memory = in_memory_core()
    ports = {name: getattr(memory.ports, name) for name in Ports.__struct_fields__}
    real = {
        "unit_of_work": lambda: PostgresUnitOfWork(database, LetterVault(SEALER)),
        "sealer": SEALER,
        "clock": SystemClock(),
        "ids": SystemIds(),
        "entropy": SystemEntropy(),
    }
    policy = SelfServicePolicy(registration=RegistrationMode.VERIFIED)
    return Core(Ports(**(ports | real)), Options(self_service=policy))


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def end_at(step: int | str) -> None:
    """Let this process end there."""
    left = [step if isinstance(step, int) else 0]

    def counted(send: Callable[..., Any]) -> Callable[..., Any]:
        async def sending(self: Transaction, *arguments: Any, **values: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                die()
            return await send(self, *arguments, **values)

        return sending

    commit = Transaction.commit

    async def committing(self: Transaction) -> None:
        await commit(self)
        if step == "committed":
            die()

    # each is one message: `row` and `write` come down to these
    for name in ("row_alone", "_send"):
        setattr(Transaction, name, counted(getattr(Transaction, name)))
    Transaction.commit = committing  # type: ignore[method-assign]


async def carry_out(url: str, flow: str, argument: str) -> None:
    database = Database(Secret(url), pool_size=1, max_overflow=0)
    await FLOWS[flow](core_on(database), argument)
    await database.close()


def main(url: str) -> None:
    for line in sys.stdin:
        flow, argument, step = json.loads(line)
        child = os.fork()
        if child == 0:
            end_at(step)
            asyncio.run(carry_out(url, flow, argument))
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
