"""Starts and stops the PostgreSQL and the Valkey that ship as wheels. Standard library only."""

from adapters.embedded.errors import EmbeddedServersError
from adapters.embedded.postgres import PostgresServer
from adapters.embedded.servers import EmbeddedServers, Endpoints
from adapters.embedded.valkey import ValkeyServer

__all__ = [
    "EmbeddedServers",
    "EmbeddedServersError",
    "Endpoints",
    "PostgresServer",
    "ValkeyServer",
]
