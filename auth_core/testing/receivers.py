"""Receivers of webhooks in memory, under the control of a test."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from auth_core.webhooks import WebhookSender, parse_target


class InMemoryReceivers:
    """Takes every delivery, or answers as it is told."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Mapping[str, str], bytes]] = []
        self.answering: Callable[[str, bytes], int] = lambda url, body: 200  # noqa: ARG005
        """Called with each delivery; returns a status or raises WebhookFailure."""

    async def check(self, url: str) -> None:
        """Judge the URL; no name is looked up."""
        parse_target(url)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Keep it if it is taken."""
        status = self.answering(url, body)
        self.received.append((url, headers, body))
        return status


if TYPE_CHECKING:
    _: type[WebhookSender] = InMemoryReceivers
