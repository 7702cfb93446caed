"""Deliveries over HTTP, to public addresses only."""

from adapters.webhooks.resolver import SystemResolver
from adapters.webhooks.sender import HttpWebhookSender

__all__ = ["HttpWebhookSender", "SystemResolver"]
