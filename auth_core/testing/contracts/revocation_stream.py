"""The contract of `RevocationStream`."""

import asyncio
from datetime import timedelta

import pytest

from auth_core.kernel import SessionId, Unavailable
from auth_core.sessions import Revocation, RevocationStream
from auth_core.testing.contracts.making import Flush, fresh_id, now

LIFETIME = timedelta(minutes=15)


def new_revocation() -> Revocation:
    """Of now, to the second, which is all that a stream keeps."""
    at = now().replace(microsecond=0)
    return Revocation(SessionId(fresh_id()), at, at + LIFETIME)


class RevocationStreamContract:
    """Needs the fixtures ``revocation_stream``, ``other_process`` and ``flush``.

    The first two are streams of two processes over one server, made for `LIFETIME`.
    """

    async def test_what_one_process_appends_another_hears_once_and_in_order(
        self, revocation_stream: RevocationStream, other_process: RevocationStream
    ) -> None:
        first, second, third = [new_revocation() for _ in range(3)]
        await revocation_stream.add([new_revocation()])  # before anybody listens
        heard: list[Revocation] = []

        async def listen() -> None:
            async for revocations in other_process.follow():
                heard.extend(revocations)

        listening = asyncio.create_task(listen())
        await _until_heard(revocation_stream, heard)
        heard.clear()
        await revocation_stream.add([first, second])
        await revocation_stream.add([third])
        async with asyncio.timeout(20):
            while third not in heard:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.005)
        listening.cancel()
        await asyncio.wait([listening])

        assert [first, second, third] == [one for one in heard if one in (first, second, third)]

    @pytest.mark.sec("SEC-33")
    async def test_a_stream_that_lost_its_entries_confirms_nothing_once(
        self, revocation_stream: RevocationStream, flush: Flush
    ) -> None:
        await revocation_stream.confirm(now())
        assert await revocation_stream.confirm(now())

        await flush()

        assert not await revocation_stream.confirm(now())
        assert await revocation_stream.confirm(now())

    async def test_of_many_who_find_it_lost_one_is_asked_to_fill_it(
        self,
        revocation_stream: RevocationStream,
        other_process: RevocationStream,
        flush: Flush,
    ) -> None:
        await flush()

        assert not await revocation_stream.confirm(now())
        with pytest.raises(Unavailable):
            await other_process.confirm(now())
        assert await revocation_stream.confirm(now())
        # and whoever comes when somebody vouches for it need append nothing
        assert await other_process.confirm(now())

    async def test_a_flush_while_it_is_being_filled_is_noticed(
        self, revocation_stream: RevocationStream, flush: Flush
    ) -> None:
        await flush()
        assert not await revocation_stream.confirm(now())

        await flush()

        assert not await revocation_stream.confirm(now())
        assert await revocation_stream.confirm(now())

    async def test_appending_nothing_is_fine(self, revocation_stream: RevocationStream) -> None:
        await revocation_stream.add([])


async def _until_heard(stream: RevocationStream, heard: list[Revocation]) -> None:
    """Append until the listener listens."""
    async with asyncio.timeout(20):
        while not heard:
            await stream.add([new_revocation()])
            await asyncio.sleep(0.01)
