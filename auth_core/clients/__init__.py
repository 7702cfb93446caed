"""Registered callers: services with credentials of their own (RFC 6749 §2)."""

from auth_core.clients.model import Client, ClientPermission
from auth_core.clients.registry import ClientRegistry, client_secret_digest

__all__ = ["Client", "ClientPermission", "ClientRegistry", "client_secret_digest"]
