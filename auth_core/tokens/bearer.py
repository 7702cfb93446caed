"""Bearer tokens in HTTP (RFC 6750): how they arrive, and what is said when they do not fit."""

from auth_core.kernel import (
    AuthenticationFailed,
    AuthenticationRequired,
    InsufficientAuthentication,
    InvalidRefreshToken,
    InvalidToken,
    Unauthenticated,
)

REALM = "faultmaven-auth"


def bearer_token(authorization: str) -> str:
    """The token of an ``Authorization`` header, the scheme in any letter case (RFC 9110 §11.1).

    Raises AuthenticationRequired when there is none, InvalidToken when it cannot be one.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise AuthenticationRequired
    token = token.strip()
    if not token or " " in token:
        raise InvalidToken
    return token


def bearer_challenge(error: Unauthenticated) -> str:
    """The ``WWW-Authenticate`` of a refusal; no error code when no access token was sent (§3)."""
    if isinstance(error, AuthenticationRequired | AuthenticationFailed | InvalidRefreshToken):
        return f'Bearer realm="{REALM}"'
    if isinstance(error, InsufficientAuthentication):  # RFC 9470 §3
        return (
            f'Bearer realm="{REALM}", error="{error.code}", '
            f'error_description="{error.default_message}", max_age="{error.max_age}"'
        )
    return (
        f'Bearer realm="{REALM}", error="invalid_token", '
        f'error_description="{error.default_message}"'
    )
