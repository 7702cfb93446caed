"""Whose rows a statement may see: what the policies of `row_security` look at."""

import struct
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

TENANT = "fm_auth.tenant"
USER = "fm_auth.user"
SCOPE = "fm_auth.scope"
EVERYTHING = "platform"


class RowScope(NamedTuple):
    """The tenant and the person that a statement is run for. Nothing set: no tenant's rows."""

    organization_id: UUID | None = None
    user_id: UUID | None = None
    platform: bool = False

    def messages(self) -> bytes:
        """Sets all three for the rest of the transaction, as messages of PostgreSQL's protocol."""
        return _messages(self)


NOTHING = RowScope()
PLATFORM = RowScope(platform=True)


@lru_cache(maxsize=4096)
def _messages(scope: RowScope) -> bytes:
    # Only ids and a fixed word: nothing to quote. It returns no row, so that what comes back is
    # the answer to the statement behind it.
    settings = (
        (TENANT, scope.organization_id or ""),
        (USER, scope.user_id or ""),
        (SCOPE, EVERYTHING if scope.platform else ""),
    )
    calls = " || ".join(f"set_config('{name}', '{value}', true)" for name, value in settings)
    query = f"SELECT WHERE {calls} IS NULL".encode()
    parse = b"\0" + query + b"\0" + struct.pack("!h", 0)
    bind = b"\0\0" + struct.pack("!hhh", 0, 0, 0)
    execute = b"\0" + struct.pack("!i", 0)
    return b"".join(
        kind + struct.pack("!i", len(body) + 4) + body
        for kind, body in ((b"P", parse), (b"B", bind), (b"E", execute))
    )
