"""Which of several servers a connection goes to."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from adapters.postgres.errors import DRIVER_ERRORS


class Servers:
    """Tries the servers one by one, each in a time of its own, and begins with the last one good.

    asyncpg gives all of them together one time, and always begins with the first: a machine that
    is off, and so answers nothing at all, would use it up for ever.
    """

    def __init__(self, dsns: Sequence[str]) -> None:
        """One URL for each server, all with the same options; `adapters.postgres.url.dsns`."""
        self._dsns = tuple(dsns)
        self._first = 0

    async def connect(self, *_: object, **options: Any) -> asyncpg.Connection:
        """A connection to the first that admits us and is what ``target_session_attrs`` asks for.

        ``timeout`` is for each. Arguments without a name are ignored: asyncpg's pool gives a URL.
        Raises what the server said that was tried first, rather that it was down than that it was
        a standby.
        """
        begin, count = self._first, len(self._dsns)
        errors: list[Exception] = []
        for number in ((begin + step) % count for step in range(count)):
            try:
                connection = await asyncpg.connect(self._dsns[number], **options)
            except DRIVER_ERRORS as error:
                errors.append(error)
            except BaseException:  # cut off while it said nothing: the next call asks the next one
                self._pass_over(number)
                raise
            else:
                self._first = number
                return connection
            self._pass_over(number)
        told = [error for error in errors if not isinstance(error, _NOT_WANTED)]
        raise (told or errors)[0]

    def _pass_over(self, number: int) -> None:
        if self._first == number:  # else somebody else knows better by now
            self._first = (number + 1) % len(self._dsns)


_NOT_WANTED = asyncpg.TargetServerAttributeNotMatched
