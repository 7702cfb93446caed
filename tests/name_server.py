"""A name server on loopback, with real packets, whose records a test writes."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Record = tuple[str, ...]
"""The kind and the values of one set of records, behind their owner if that is another name."""
_END = b""


class NameServer:
    """Answers about names: with records, with an rcode, or not at all (None).

    In a thread of its own, because the loop of a test stands still while its client asks.
    """

    def __init__(self) -> None:
        self.records: dict[str, Sequence[Record]] = {}
        self.otherwise: dns.rcode.Rcode | None = dns.rcode.NXDOMAIN
        """About names without records."""
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.host, self.port = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, name="name-server")

    def publish(self, shown: Mapping[str, Any]) -> None:
        """The record that the answer about a claimed domain asks for."""
        self.records[shown["record_name"]] = [("TXT", f'"{shown["record_value"]}"')]

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """End, by a packet of its own."""
        self._socket.sendto(_END, (self.host, self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, address = self._socket.recvfrom(65535)
            if packet == _END:
                return
            answer = self._answer(dns.message.from_wire(packet))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), address)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        name = query.question[0].name
        self.asked.append((name.to_text(), query.question[0].rdtype.name))
        records = self.records.get(name.to_text(omit_final_dot=True))
        if records is None and self.otherwise is None:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if records is None:
            answer.set_rcode(self.otherwise)
        for each in records or ():
            owner, rest = (name, each) if each[0].isupper() else (each[0], each[1:])
            answer.answer.append(dns.rrset.from_text(owner, 60, "IN", rest[0], *rest[1:]))
        return answer


@contextmanager
def name_server() -> Iterator[NameServer]:
    """One that runs until the end of the block."""
    server = NameServer()
    server.start()
    try:
        yield server
    finally:
        server.close()
