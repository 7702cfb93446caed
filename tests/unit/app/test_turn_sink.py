"""The access lines of one turn of the event loop leave together."""

import asyncio

from app.observability.sink import TurnSink


async def test_the_lines_of_a_turn_are_one_write_in_their_order() -> None:
    written: list[bytes] = []
    sink = TurnSink(written.append)
    sink(b"one\n")
    sink(b"two\n")
    assert [] == written
    await asyncio.sleep(0)
    sink(b"three\n")
    await asyncio.sleep(0)

    assert [b"one\ntwo\n", b"three\n"] == written


def test_without_a_loop_a_line_is_written_at_once() -> None:
    written: list[bytes] = []
    TurnSink(written.append)(b"one\n")

    assert [b"one\n"] == written
