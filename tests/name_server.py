"""A name server on loopback, with real packets, whose records a test writes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Record = tuple[str, ...]
"""The kind and the values of one set of records; a third part before them is another owner."""


class NameServer(asyncio.DatagramProtocol):
    """Answers about names: with records, with an rcode, or not at all (None)."""

    def __init__(self) -> None:
        self.records: dict[str, Sequence[Record]] = {}
        self.otherwise: dns.rcode.Rcode | None = dns.rcode.NXDOMAIN
        """About names without records."""
        self.asked: list[tuple[str, str]] = []
        self.address = ""
        """``host:port``."""

    def publish(self, shown: Mapping[str, Any]) -> None:
        """The record that the answer about a claimed domain asks for."""
        self.records[shown["record_name"]] = [("TXT", f'"{shown["record_value"]}"')]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where it stands."""
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport
        self.address = "{}:{}".format(*transport.get_extra_info("sockname")[:2])

    def datagram_received(self, data: bytes, address: Any) -> None:
        """Answer one query."""
        query = dns.message.from_wire(data)
        name, kind = query.question[0].name, query.question[0].rdtype.name
        self.asked.append((name.to_text(), kind))
        records = self.records.get(name.to_text(omit_final_dot=True))
        if records is None and self.otherwise is None:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if records is None:
            answer.set_rcode(self.otherwise)
        for each in records or ():
            owner, rest = (name, each) if each[0].isupper() else (each[0], each[1:])
            answer.answer.append(dns.rrset.from_text(owner, 60, "IN", rest[0], *rest[1:]))
        self._transport.sendto(answer.to_wire(), address)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """One that runs until the end of the block."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
