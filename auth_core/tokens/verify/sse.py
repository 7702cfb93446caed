"""Server-sent events, read as they arrive (WHATWG HTML §9.2), within bounds."""

import re

import msgspec

from auth_core.tokens.verify.ports import SourceLost

MAX_LINE = 4096
MAX_EVENT = 16_384

_LINE_END = re.compile(rb"\r\n|\n|\r")


class ServerEvent(msgspec.Struct, frozen=True):
    """One event. ``id`` is None when it was not sent, and kept by nobody here."""

    name: str
    data: str
    id: str | None


class EventParser:
    """Bytes in, events out; what is incomplete waits for more."""

    def __init__(self) -> None:
        self._rest = b""
        self._first = True
        self._name = ""
        self._data: list[str] = []
        self._id: str | None = None
        self._size = 0

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that ``chunk`` completes. Raises SourceLost when a bound is crossed."""
        *lines, rest = _LINE_END.split(self._rest + chunk)
        if lines and not rest and chunk.endswith(b"\r"):
            # it may be the first half of \r\n: decide when more is known
            rest = lines.pop() + b"\r"
        self._rest = rest
        if len(rest) > MAX_LINE:
            raise SourceLost("a line of its stream is too long")
        return [event for line in lines if (event := self._take(line)) is not None]

    def _take(self, line: bytes) -> ServerEvent | None:
        if self._first:
            self._first, line = False, line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._dispatch()
        self._size += len(line)
        if len(line) > MAX_LINE or self._size > MAX_EVENT:
            raise SourceLost("an event of its stream is too long")
        try:
            field, _, value = line.decode().partition(":")
        except UnicodeDecodeError:
            raise SourceLost("its stream is not UTF-8") from None
        self._field(field, value.removeprefix(" "))
        return None

    def _field(self, field: str, value: str) -> None:
        match field:
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value

    def _dispatch(self) -> ServerEvent | None:
        name, data, identifier = self._name, self._data, self._id
        self._name, self._data, self._id, self._size = "", [], None, 0
        if not data and not name:
            return None
        return ServerEvent(name or "message", "\n".join(data), identifier)
