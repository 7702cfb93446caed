"""TXT records over real packets, from a name server on loopback."""

import asyncio
from contextlib import asynccontextmanager
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from adapters.dns import DnsNames, NameServer
from auth_core.organizations import LookupFailed

NAME = "_fm-auth-challenge.acme.example"


class Zone(asyncio.DatagramProtocol):
    """Answers from what a test puts in: texts, an rcode, or silence (None)."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        query = dns.message.from_wire(data)
        name = query.question[0].name
        self.asked.append((name.to_text(), query.question[0].rdtype.name))
        content = self.answers.get("content")
        if content is None:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if isinstance(content, dns.rcode.Rcode):
            answer.set_rcode(content)
        else:
            for owner, kind, *values in content:
                answer.answer.append(dns.rrset.from_text(owner or name, 60, "IN", kind, *values))
        self.transport.sendto(answer.to_wire(), address)


@asynccontextmanager
async def served(content, *, seconds=5.0):
    """The zone, and names that are looked up there."""
    loop = asyncio.get_running_loop()
    transport, zone = await loop.create_datagram_endpoint(
        lambda: Zone(content=content), local_addr=("127.0.0.1", 0)
    )
    try:
        address, port = transport.get_extra_info("sockname")
        yield zone, DnsNames([NameServer(ip_address(address), port)], seconds=seconds)
    finally:
        transport.close()


async def test_records_come_whole_and_are_asked_for_by_the_absolute_name():
    long = "x" * 200
    content = [(None, "TXT", '"fm-auth-domain=abc"', f'"{long}" "{long}"', '"\\255"')]
    async with served(content) as (zone, names):
        found = await names.texts(NAME)

    assert {"fm-auth-domain=abc", long + long, "\ufffd"} == set(found)
    assert [(f"{NAME}.", "TXT")] == zone.asked


async def test_an_alias_is_followed():
    content = [
        (None, "CNAME", "proof.acme.example."),
        ("proof.acme.example.", "TXT", '"fm-auth-domain=abc"'),
    ]
    async with served(content) as (_, names):
        assert ["fm-auth-domain=abc"] == list(await names.texts(NAME))


@pytest.mark.parametrize("content", [dns.rcode.NXDOMAIN, []])
async def test_where_there_is_no_record_there_is_none(content):
    async with served(content) as (_, names):
        assert [] == list(await names.texts(NAME))


@pytest.mark.parametrize("content", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, None])
async def test_a_server_that_does_not_say_proves_nothing(content):
    async with served(content, seconds=0.5) as (_, names):
        with pytest.raises(LookupFailed):
            await names.texts(NAME)


async def test_nothing_is_remembered():
    async with served(dns.rcode.NXDOMAIN) as (zone, names):
        before = await names.texts(NAME)
        zone.answers["content"] = [(None, "TXT", '"there"')]

        assert ([], ["there"]) == (list(before), list(await names.texts(NAME)))


async def test_a_name_that_is_none_is_not_asked_for():
    async with served([]) as (zone, names):
        with pytest.raises(LookupFailed):
            await names.texts("x" * 64 + ".example")

    assert [] == zone.asked


@pytest.mark.parametrize(
    ("domain", "public"),
    [
        ("gmail.com", True),
        ("co.uk", True),
        ("github.io", True),
        ("xn--p1ai", True),
        ("acme.example", False),
        ("acme.co.uk", False),
        ("mail.acme.example", False),
    ],
)
async def test_what_belongs_to_everybody(domain, public):
    assert public == await DnsNames().is_public(domain)
