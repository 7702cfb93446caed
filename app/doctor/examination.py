"""Every check, one after the other. Nothing is changed, and no check stops the next one."""

from collections.abc import AsyncIterator, Callable

from app.doctor.finding import Finding, Level
from app.doctor.servers import database, keys, mail, outbox, redis
from app.doctor.settings import settings_findings
from app.in_process import ConnectedCore
from app.options import options
from app.settings import Settings
from auth_core.kernel import AuthCoreError

_Check = Callable[[ConnectedCore, Settings], AsyncIterator[Finding]]
_CHECKS: tuple[tuple[str, _Check], ...] = (
    ("postgresql", database),
    ("redis", redis),
    ("keys", keys),
    ("outbox", outbox),
    ("mail", mail),
)
_OF_THE_DATABASE = frozenset({"keys", "outbox"})


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at a deployment from where this process stands. Raises Misconfigured for settings that
    contradict each other in a way that only shows when they are used.
    """
    for found in settings_findings(settings):
        yield found
    core = ConnectedCore(settings, options(settings))
    try:
        answers = True  # PostgreSQL does, and has our tables
        for about, check in _CHECKS:
            if about in _OF_THE_DATABASE and not answers:
                yield Finding(Level.ERROR, about, "not looked at: see postgresql")
                continue
            try:
                async for found in check(core, settings):
                    yield found
            except AuthCoreError as error:  # of all servers it is PostgreSQL that has the rest
                answers = answers and about != "postgresql"
                yield Finding(Level.ERROR, about, error.message)
    finally:
        await core.close()
