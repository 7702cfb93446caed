"""Ending background tasks."""

import asyncio
from collections.abc import Iterable
from typing import Any

_ONE_TRY_SECONDS = 0.5


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended. How they end is not looked at.

    Again and again: a driver's ``wait_for`` may swallow a cancellation that arrives together with
    the answer it waits for.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_ONE_TRY_SECONDS)
