"""The token answer, as far as the clients that keep tokens read it."""

from typing import Any

from pact import match

from tests.contract.consumers.agreeing import Digits, milliseconds, text, uuid, word

TOKENS_ARE_NOT_STORED = ("Cache-Control", word("no-store", ".*no-store.*"))
"""The header of every answer that holds tokens."""
COMPACT_JWS = r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"

MORE_THAN_300 = r"30[1-9]|3[1-9]\d|[4-9]\d\d|\d{4,}"
"""Clients refresh five minutes before the end: with less they would before every request."""


def tokens() -> dict[str, Any]:
    """What matches it."""
    return {
        "access_token": word("access.token.example", COMPACT_JWS),
        "token_type": "bearer",
        "expires_in": Digits(86400, MORE_THAN_300),
        "expires_at": milliseconds(),
        "refresh_token": word("refresh.token.example", COMPACT_JWS),
        "refresh_expires_in": match.int(604800),
        "session_id": uuid(),
        "user": user(),
    }


def user() -> dict[str, Any]:
    """What matches the user in it."""
    return {
        "user_id": uuid(),
        "username": text("jane.roe"),
        "email": text("jane.roe@example.com"),
        "display_name": text("Jane Roe"),
        "is_active": match.bool(True),
        "roles": match.each_like("user", min=1),
        "is_admin": match.bool(False),
    }
