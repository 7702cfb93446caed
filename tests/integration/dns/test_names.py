"""TXT records over real packets, from a name server on loopback."""

from collections.abc import Iterator

import dns.rcode
import pytest

from adapters.dns import DnsNames
from adapters.dns import NameServer as Address
from auth_core.organizations import LookupFailed
from tests.name_server import NameServer, name_server

NAME = "_fm-auth-challenge.acme.example"


@pytest.fixture
def server() -> Iterator[NameServer]:
    with name_server() as server:
        yield server


def names_of(server: NameServer, *, seconds: float = 5.0) -> DnsNames:
    return DnsNames([Address(server.host, server.port)], seconds=seconds)


async def test_records_come_whole_and_are_asked_for_by_the_absolute_name(server):
    long = "x" * 200
    server.records[NAME] = [
        ("TXT", '"fm-auth-domain=abc"', f'"{long}" "{long}"', '"\\255"'),
    ]

    found = await names_of(server).texts(NAME)

    assert {"fm-auth-domain=abc", long + long, "\ufffd"} == set(found)
    assert [(f"{NAME}.", "TXT")] == server.asked


async def test_an_alias_is_followed(server):
    server.records[NAME] = [
        ("CNAME", "proof.acme.example."),
        ("proof.acme.example.", "TXT", '"fm-auth-domain=abc"'),
    ]

    assert ["fm-auth-domain=abc"] == list(await names_of(server).texts(NAME))


async def test_where_there_is_no_record_there_is_none_and_that_is_not_remembered(server):
    names = names_of(server)
    unknown = await names.texts(NAME)
    server.records[NAME] = []
    empty = await names.texts(NAME)
    server.records[NAME] = [("TXT", '"there"')]

    assert ([], [], ["there"]) == (list(unknown), list(empty), list(await names.texts(NAME)))


@pytest.mark.sec("SEC-72")
@pytest.mark.parametrize("said", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, None])
async def test_a_server_that_does_not_say_proves_nothing(server, said):
    server.otherwise = said

    with pytest.raises(LookupFailed):
        await names_of(server, seconds=0.5).texts(NAME)


async def test_a_name_that_is_none_is_not_asked_for(server):
    with pytest.raises(LookupFailed):
        await names_of(server).texts("x" * 64 + ".example")

    assert [] == server.asked


@pytest.mark.parametrize(
    ("domain", "public"),
    [
        *(("gmail.com", True), ("co.uk", True), ("github.io", True), ("xn--p1ai", True)),
        *(("acme.example", False), ("acme.co.uk", False), ("mail.acme.example", False)),
    ],
)
async def test_what_belongs_to_everybody(domain, public):
    assert public == await DnsNames().is_public(domain)
