"""Keys and commands as they travel, built for one generation of cached state.

A generation is one run of one server: state that an earlier run left behind is never looked at.
All keys of a user share the hash tag ``{user}``, so every command here is single-slot.
"""

from collections.abc import Sequence
from typing import Final, cast

import hiredis

from auth_core.kernel import SessionId, UserId

GENERATION_LENGTH: Final = 16
LEASE_MS: Final = 10_000

_ID_LENGTH = 32
_USER_KEY = len("fm:{}:") + _ID_LENGTH + GENERATION_LENGTH + len(":u")
_SESSION_KEY = _USER_KEY + 1 + _ID_LENGTH

# DEL comes first: a script that has written already may exceed a full memory, so that an ended
# session leaves both its state and a tombstone no matter what (tested on a full server).
_END = """\
local states = tonumber(ARGV[2])
redis.call('DEL', unpack(KEYS, 1, states))
for i = states + 1, #KEYS do redis.call('SET', KEYS[i], '', 'PX', ARGV[1]) end
return 1
"""
_FILL = """\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[4])
redis.call('SET', KEYS[4], ARGV[3], 'PX', ARGV[4])
return 1
"""


def lease_key(generation: str, user_id: UserId) -> str:
    """Where the right to fill this user's state is kept."""
    return f"fm:{{{user_id.hex}}}:{generation}:l"


def user_key(generation: str, user_id: UserId) -> str:
    """Where the user and the number of their live sessions are kept."""
    return f"fm:{{{user_id.hex}}}:{generation}:u"


def session_key(generation: str, user_id: UserId, session_id: SessionId) -> str:
    """Where the session is kept."""
    return f"fm:{{{user_id.hex}}}:{generation}:s:{session_id.hex}"


def tombstone_key(generation: str, user_id: UserId, session_id: SessionId) -> str:
    """What exists once the session is known to be over."""
    return f"fm:{{{user_id.hex}}}:{generation}:t:{session_id.hex}"


def read_arguments(generation: str, user_id: UserId, session_id: SessionId) -> str:
    """The three keys of a read as arguments of an MGET, encoded: this is the hot path."""
    user, session = user_id.hex, session_id.hex
    return (
        f"${_SESSION_KEY}\r\nfm:{{{user}}}:{generation}:t:{session}\r\n"
        f"${_SESSION_KEY}\r\nfm:{{{user}}}:{generation}:s:{session}\r\n"
        f"${_USER_KEY}\r\nfm:{{{user}}}:{generation}:u\r\n"
    )


def read_command(arguments: Sequence[str]) -> bytes:
    """One MGET for many reads."""
    return f"*{3 * len(arguments) + 1}\r\n$4\r\nMGET\r\n{''.join(arguments)}".encode("ascii")


def lease_command(generation: str, user_id: UserId, nonce: str) -> bytes:
    """Take the lease, or learn the nonce of the one that is out."""
    return pack("SET", lease_key(generation, user_id), nonce, "NX", "GET", "PX", LEASE_MS)


def fill_command(
    generation: str,
    user_id: UserId,
    session_id: SessionId,
    *,
    nonce: str,
    session: bytes,
    user: bytes,
    ttl_ms: int,
) -> bytes:
    """Store both states if the lease still stands and no tombstone does."""
    keys = (
        lease_key(generation, user_id),
        tombstone_key(generation, user_id, session_id),
        session_key(generation, user_id, session_id),
        user_key(generation, user_id),
    )
    # EVAL, not EVALSHA: a NOSCRIPT would have to be repeated behind commands that were sent later
    return pack("EVAL", _FILL, len(keys), *keys, nonce, session, user, ttl_ms)


def end_command(
    generation: str,
    user_id: UserId,
    session_ids: Sequence[SessionId],
    *,
    ttl_ms: int,
    over: bool = True,
) -> bytes:
    """Void the lease, drop the user's state and these sessions', set tombstones: atomically.

    No tombstones unless they are ``over``.
    """
    states = [lease_key(generation, user_id), user_key(generation, user_id)]
    states += [session_key(generation, user_id, session_id) for session_id in session_ids]
    buried = session_ids if over else ()
    tombstones = [tombstone_key(generation, user_id, session_id) for session_id in buried]
    keys = states + tombstones
    return pack("EVAL", _END, len(keys), *keys, ttl_ms, len(states))


def end_commands_by_key(
    generation: str,
    user_id: UserId,
    session_ids: Sequence[SessionId],
    *,
    ttl_ms: int,
    over: bool = True,
) -> list[bytes]:
    """The same as commands of one key each, for keys that are on their way between two nodes.

    Safe in this order although not at once: the lease is void before a state goes, and a fill
    looks for the tombstone.
    """
    buried = session_ids if over else ()
    return [
        *(
            pack("SET", tombstone_key(generation, user_id, session_id), "", "PX", ttl_ms)
            for session_id in buried
        ),
        pack("DEL", lease_key(generation, user_id)),
        *(pack("DEL", session_key(generation, user_id, session_id)) for session_id in session_ids),
        pack("DEL", user_key(generation, user_id)),
    ]


def heartbeat_command(generation: str) -> bytes:
    """A write that changes nothing and that a full memory allows: refused by whom we distrust."""
    return pack("DEL", f"fm:{{heartbeat}}:{generation}")


def pack(*arguments: str | int | bytes) -> bytes:
    """A command as it travels."""
    # the stub says that a command has one argument
    return cast("bytes", hiredis.pack_command(arguments))  # type: ignore[arg-type]
