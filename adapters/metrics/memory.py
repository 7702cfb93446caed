"""One piece of memory for the processes of a service: a place for each, read by all.

Whoever makes it forks the others. It has no name in any file system, so nothing is left behind
when all have ended, and nobody else can open it. A place outlives its process: who comes after it
goes on counting there, so that no sum ever falls.
"""

import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from auth_core.kernel import Metric

VALUES: Final = 32_768
"""Numbers in a place: thrice what all routes need. Pages that nobody touches cost nothing."""
_VALUE_BYTES: Final = 8
_HEAD_BYTES: Final = 8
_NAMES_BYTES: Final = 512 * 1024 - _HEAD_BYTES
_PLACE_BYTES: Final = _HEAD_BYTES + _NAMES_BYTES + VALUES * _VALUE_BYTES

_DECLARED_BYTES: Final = 256 * 1024
"""What precedes the places: a length, and the declarations as JSON."""

Name = tuple[str, tuple[str, ...], int]
"""A series: its metric, its labels, and how many values it has."""

_decode = msgspec.json.Decoder(Name).decode
_decode_all = msgspec.json.Decoder(tuple[Metric, ...]).decode


class Place:
    """The numbers of one process, and what they are called. One process writes, any may read.

    A name is written before the length that includes it, so a reader never sees half of one.
    """

    def __init__(self, memory: mmap.mmap, number: int) -> None:
        view = memoryview(memory)
        start = _DECLARED_BYTES + number * _PLACE_BYTES
        names = start + _HEAD_BYTES
        self.number = number
        self._length = view[start:names].cast("Q")
        self._names = view[names : names + _NAMES_BYTES]
        self.values = view[names + _NAMES_BYTES : start + _PLACE_BYTES].cast("d")
        """The values of one series after those of another, in the order of `names`."""

    def names(self) -> Sequence[Name]:
        """The series that there are."""
        lines = bytes(self._names[: self._length[0]]).splitlines()
        return [_decode(line) for line in lines]

    def add(self, name: Name) -> bool:
        """Name the next values; False when there is no room."""
        line = msgspec.json.encode(name) + b"\n"
        length: int = self._length[0]
        if length + len(line) > _NAMES_BYTES:
            return False
        self._names[length : length + len(line)] = line
        self._length[0] = length + len(line)
        return True


class SharedMemory:
    """Places that processes claim, each held by a lock that its process cannot leave behind."""

    def __init__(self, places: int) -> None:
        """Make it in the process that will fork those that claim places."""
        self._file = _anonymous_file()  # kept open: its locks end when it is closed
        size = _DECLARED_BYTES + places * _PLACE_BYTES
        os.ftruncate(self._file, size)
        memory = mmap.mmap(self._file, size)
        declared = memoryview(memory)[:_DECLARED_BYTES]
        self._length = declared[:_HEAD_BYTES].cast("Q")
        self._declared = declared[_HEAD_BYTES:]
        self._places = [Place(memory, number) for number in range(places)]
        self._mine: set[int] = set()

    def declare(self, metrics: Iterable[Metric]) -> None:
        """Say what is counted here. All workers say the same; whoever reads need not know it."""
        text = msgspec.json.encode(tuple(metrics))
        self._declared[: len(text)] = text
        self._length[0] = len(text)

    def declared(self) -> Sequence[Metric]:
        """What is counted here; nothing until the first worker has said so."""
        return _decode_all(self._declared[: self._length[0]]) if self._length[0] else ()

    def claim(self) -> Place | None:
        """A place of this process's own until it ends; None when all are taken."""
        for place in self._places:
            if place.number not in self._mine and self._lock(place.number):
                self._mine.add(place.number)
                return place
        return None

    def places(self) -> Iterator[tuple[Place, bool]]:
        """Every place, and whether a process holds it."""
        for place in self._places:
            yield place, place.number in self._mine or self._is_held(place.number)

    def _is_held(self, number: int) -> bool:
        # a claim in this very moment goes to the next place
        if not self._lock(number):
            return True
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)
        return False

    def _lock(self, number: int) -> bool:
        with suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            return True
        return False


def _anonymous_file() -> int:
    """A file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("fm-auth-metrics")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
