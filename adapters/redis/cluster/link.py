"""A link to one node of a cluster: a node refuses an MGET over two slots, so each read is one."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import hiredis

from adapters.redis.cluster.redirect import Redirected
from adapters.redis.cluster.slots import nobody_in
from adapters.redis.cluster.topology import Address
from adapters.redis.commands import pack, read_command
from adapters.redis.link import Link, Values, Write, refuse

GENERATION: Final = "any-node-cluster"
"""Stands in all keys of a cluster: they move from node to node, and an end must find them there.
Whose state a value is stands in the value: see `ClusterLink.reign`.
"""


def _one_by_one(arguments: Sequence[str]) -> bytes:
    return b"".join([read_command((each,)) for each in arguments])


class ClusterLink(Link):
    """A batch is one write: the commands, then one MGET for each read.

    ``reign`` is one time of one run of this node as a primary, which its ``epoch`` and its run id
    tell; ``slots`` says which slots it has now. A redirection refuses the one
    command that it answers, vital or not, and is passed to ``on_redirect``: the node is well.
    """

    _encode = staticmethod(_one_by_one)

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        serial: int,
        reign: bytes,
        epoch: str,
        address: Address,
        slots: Callable[[], frozenset[int]],
    ) -> None:
        super().__init__(transport, serial=serial, generation=GENERATION)
        self.reign = reign
        self.epoch = epoch
        self._slots = slots
        self.on_redirect: Callable[[Redirected], object] | None = None
        self._address = address

    def heartbeat(self) -> bytes:
        """See `Link.heartbeat`; of a key that this node has."""
        return pack("DEL", f"fm:{{{nobody_in(self._slots()).hex}}}:heartbeat")

    def _flush(self) -> None:
        super()._flush()
        self._sent_readers.reverse()  # they are taken from the end

    def _answer_reads(
        self, readers: list[asyncio.Future[Values]], reply: object
    ) -> list[asyncio.Future[Values]]:
        if isinstance(reply, hiredis.ReplyError):
            redirected = self._redirected(str(reply))
            if redirected is not None:
                refuse(readers.pop(), redirected)
                return readers
        super()._answer_reads(readers[-1:], reply)
        readers.pop()
        return readers

    def _answer_write(self, write: Write, reply: object) -> None:
        if isinstance(reply, hiredis.ReplyError):
            redirected = self._redirected(str(reply))
            if redirected is not None:
                refuse(write.future, redirected)
                return
        super()._answer_write(write, reply)

    def _redirected(self, answer: str) -> Redirected | None:
        redirected = Redirected.of(answer, self._address)
        if redirected is not None and self.on_redirect is not None:
            self.on_redirect(redirected)
        return redirected
