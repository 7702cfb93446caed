"""Keeping the embedded servers running while `fm-auth serve` does."""

import threading
from typing import Final

from adapters.embedded import EmbeddedServers, EmbeddedServersError

WATCH_SECONDS = 0.5
LONGEST_PAUSE = 30.0
NO_FORK: Final = threading.Lock()
"""Held by a thread of the supervisor while it does something, and by a fork: a fork copies the
locks of other threads as they are at that moment, and nobody ever opens the copies."""


class Supervision(threading.Thread):
    """Starts a server again that has ended. Stop it before the servers are stopped."""

    def __init__(self, servers: EmbeddedServers) -> None:
        super().__init__(name="embedded-servers", daemon=True)
        self._servers = servers
        self._stopping = threading.Event()

    def run(self) -> None:
        """Look after the servers until told to stop."""
        import structlog  # noqa: PLC0415 - slow to import

        log, pause, told = structlog.get_logger(__name__), WATCH_SECONDS, ""
        while not self._stopping.wait(pause):
            try:
                with NO_FORK:
                    revived = self._servers.revive()
            except (EmbeddedServersError, OSError) as error:
                if self._stopping.is_set():  # they were stopped while one of them was starting
                    return
                pause = min(2 * pause, LONGEST_PAUSE)
                if str(error) != told:
                    log.critical("embedded_server_does_not_start", detail=str(error))
                told = str(error)
                continue
            pause, told = WATCH_SECONDS, ""
            for name in revived:
                log.error(
                    "embedded_server_restarted",
                    server=name,
                    effect="it had ended; what it had acknowledged is still there",
                )

    def stop(self) -> None:
        """Begin nothing any more. A start that is under way fails when the servers are stopped."""
        self._stopping.set()
