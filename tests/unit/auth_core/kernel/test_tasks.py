"""Ending background tasks, stubborn ones among them."""

import asyncio

from auth_core.kernel import end_tasks


async def _swallowing(times: int) -> str:
    """Go on after so many cancellations, as a driver's `wait_for` may."""
    for _ in range(times):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue
    await asyncio.Event().wait()
    return "never"


async def test_a_task_that_swallows_a_cancellation_ends_all_the_same():
    tasks = [asyncio.create_task(_swallowing(times)) for times in (0, 1, 2)]
    await asyncio.sleep(0)

    await end_tasks(tasks)

    assert [True] * 3 == [task.cancelled() for task in tasks]


async def test_what_has_ended_is_left_alone_and_failures_are_not_looked_at():
    async def fail() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("on the way out")

    done = asyncio.create_task(asyncio.sleep(0, "done"))
    failing = asyncio.create_task(fail())
    await done

    await end_tasks([done, failing])

    assert "done" == done.result()
    assert "on the way out" == str(failing.exception())
