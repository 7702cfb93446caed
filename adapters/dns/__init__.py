"""Names of the DNS: their TXT records, and which of them belong to nobody in particular."""

from adapters.dns.names import DnsNames, NameServer

__all__ = ["DnsNames", "NameServer"]
