"""The services and servers of `tests/e2e`, for constellations of several of them."""

from tests.e2e.conftest import external, new_database, services, settings, their_servers

__all__ = ["external", "new_database", "services", "settings", "their_servers"]
"""Fixtures."""
