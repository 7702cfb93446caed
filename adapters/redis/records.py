"""Cached values: MessagePack behind a fingerprint of the types that it was made from."""

import hashlib
from enum import Enum
from functools import lru_cache
from typing import Final

import msgspec

from auth_core.access import Grants, OrganizationGrant, TeamGrant
from auth_core.kernel import Email, Username
from auth_core.sessions import EndReason, Session, SessionOrigin, SessionState
from auth_core.users import User, UserStatus


def _fingerprint(*types: type[msgspec.Struct] | type[Enum]) -> bytes:
    """Four bytes that change with any field, type, default or member.

    A field with a default would otherwise be read from an older release's value as if that
    release had known it. It stands in the value and not in the key: releases that run side by
    side must drop each other's states.
    """
    shape = [
        list(kind.__members__)
        if issubclass(kind, Enum)
        else [
            (field.encode_name, str(field.type), str(field.default))
            for field in msgspec.structs.fields(kind)
        ]
        for kind in types
    ]
    return hashlib.blake2s(repr(shape).encode(), digest_size=4).digest()


_SHAPE: Final = _fingerprint(
    *(Session, SessionOrigin, User, Username, Email, UserStatus, EndReason),
    *(OrganizationGrant, TeamGrant),
)
_SHAPE_LENGTH: Final = len(_SHAPE)

_encode = msgspec.msgpack.Encoder(uuid_format="hex").encode
_decode_session = msgspec.msgpack.Decoder(Session).decode
_decode_user = msgspec.msgpack.Decoder(tuple[User, int, Grants]).decode


def encode(state: SessionState) -> tuple[bytes, bytes]:
    """The session's value and the user's."""
    return (
        _SHAPE + _encode(state.session),
        _SHAPE + _encode((state.user, state.live_sessions, state.grants)),
    )


@lru_cache(maxsize=2048)  # the same state is read with every request of its session
def decode(session: bytes, user: bytes) -> SessionState | None:
    """The state, or None when either value is not of this release's making."""
    if not (session.startswith(_SHAPE) and user.startswith(_SHAPE)):
        return None
    try:
        account, live_sessions, grants = _decode_user(user[_SHAPE_LENGTH:])
        return SessionState(
            session=_decode_session(session[_SHAPE_LENGTH:]),
            user=account,
            live_sessions=live_sessions,
            grants=grants,
        )
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
