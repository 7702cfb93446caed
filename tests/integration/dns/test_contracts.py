"""The contract of `DomainNames`, over real packets."""

from collections.abc import Iterator

import dns.rcode
import pytest

from adapters.dns import DnsNames
from adapters.dns import NameServer as Address
from auth_core.testing.contracts import DomainNamesContract, Publish, Silence
from tests.name_server import NameServer, name_server


class TestDns(DomainNamesContract):
    @pytest.fixture
    def server(self) -> Iterator[NameServer]:
        with name_server() as server:
            yield server

    @pytest.fixture
    def domain_names(self, server: NameServer) -> DnsNames:
        return DnsNames([Address(server.host, server.port)])

    @pytest.fixture
    def publish(self, server: NameServer) -> Publish:
        def publish(name, texts):
            server.records[name] = [("TXT", f'"{text}"') for text in texts]

        return publish

    @pytest.fixture
    def silence(self, server: NameServer) -> Silence:
        def silence():
            server.records.clear()
            server.otherwise = dns.rcode.SERVFAIL

        return silence
