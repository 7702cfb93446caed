"""Measuring what something takes by itself, on a machine that does other things as well."""

from collections.abc import Callable


def quickest(measure: Callable[[], float], *, bound: float, runs: int = 20) -> float:
    """The least of many measurements, or the first one below ``bound``.

    Whatever else runs on a machine can only add to what something takes by itself.
    """
    least = float("inf")
    for _ in range(runs):
        least = min(least, measure())
        if least < bound:
            break
    return least
