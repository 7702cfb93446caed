"""A parent that forks workers which count, kills one, and tells what it saw. One JSON line.

A program of its own: the process of the tests has threads, and must not be forked.
"""

import json
import os
import re
import signal
import sys

from adapters.metrics import SharedMemory, SharedMetrics, exposition
from auth_core.kernel import Kind, Metric

COUNTER = Metric(name="family_total", help="Counts.")
GAUGE = Metric(name="family_members", help="Those that live.", kind=Kind.GAUGE)
METRICS = (COUNTER, GAUGE)


def page(memory: SharedMemory) -> dict[str, float]:
    """The two numbers; one that is not shown is missing."""
    text = exposition(memory).decode()
    return {
        name: float(value) for name, value in re.findall(r"^(family_\w+) (.*)$", text, re.MULTILINE)
    }


class Worker:
    """A forked process with a place, which does one thing for each byte that it gets."""

    def __init__(self, memory: SharedMemory, counts: int) -> None:
        orders, self._tell = os.pipe()
        self._hear, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            place = memory.claim()
            assert place is not None
            metrics = SharedMetrics(memory, place, METRICS)
            metrics.set(GAUGE, 1)
            metrics.count(COUNTER, by=counts)
            os.write(answers, json.dumps([place.number, page(memory)]).encode() + b"\n")
            os.read(orders, 1)
            os.write(answers, json.dumps([place.number, page(memory)]).encode() + b"\n")
            signal.pause()
        self.said = self._answer()

    def ask(self) -> list[object]:
        """Its place, and what it reads now."""
        os.write(self._tell, b"!")
        return self._answer()

    def kill(self) -> None:
        """End it as the kernel would."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _answer(self) -> list[object]:
        line = b""
        while not line.endswith(b"\n"):
            line += os.read(self._hear, 65536)
        answer: list[object] = json.loads(line)
        return answer


def main() -> None:
    """Two workers; the first is killed, and a third one comes in its place."""
    memory = SharedMemory(3)
    one, two = Worker(memory, 10), Worker(memory, 100)
    both = page(memory)
    one.kill()
    left = page(memory)
    three = Worker(memory, 1000)
    after = page(memory)
    seen_by_two = two.ask()
    for worker in (two, three):
        worker.kill()
    told = {
        "places": [one.said[0], two.said[0], three.said[0]],
        "both": both,
        "left": left,
        "after": after,
        "seen_by_two": seen_by_two[1],
        "ended": page(memory),
    }
    sys.stdout.write(json.dumps(told))


main()
