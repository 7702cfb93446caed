"""The claims of our tokens (RFC 7519, RFC 9068). Times are whole seconds since the epoch."""

from typing import Literal
from uuid import UUID

import msgspec

ACCESS_TYPE = "at+jwt"
REFRESH_TYPE = "rt+jwt"


class ActorClaim(msgspec.Struct, frozen=True, gc=False):
    """Who acts in the name of the subject (RFC 8693 §4.1)."""

    sub: UUID


class AccessClaims(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an access token says. ``roles`` and ``scopes`` are lists on the wire."""

    sub: UUID
    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    sid: UUID
    type: Literal["access"] = "access"
    username: str
    email: str
    email_verified: bool
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    organization_id: str | None = None
    auth_mode: Literal["local"] = "local"
    act: ActorClaim | msgspec.UnsetType = msgspec.UNSET
    """Not there when the subject acts themselves."""
    permissions: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """What the subject might do in ``organization_id``, or without one on the platform, when the
    token was made. Not there unless the deployment wants it, and it is not too long."""


class RefreshClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh token says. ``ctr`` is the session's refresh counter at issue."""

    sub: UUID
    sid: UUID
    ctr: int
    iat: int
    exp: int
    jti: str
    type: Literal["refresh"] = "refresh"
