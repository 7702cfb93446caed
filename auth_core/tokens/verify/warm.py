"""Tokens whose signature was checked before, for readers in many threads."""

from hashlib import sha256
from threading import Lock

from auth_core.tokens.claims import AccessClaims

Room = dict[bytes, AccessClaims]


def token_digest(token: str) -> bytes:
    """What a token is remembered by: a dump of the memory holds none that could be used."""
    # what cannot be encoded was never added, but may be asked for
    return sha256(token.encode(errors="surrogatepass")).digest()


class WarmTokens:
    """A bounded map from a token's digest to its claims, without a lock in front of readers.

    Two rooms of half the capacity each: what is used moves into the newer one, and when that is
    full the older one is emptied, so what is in use stays. (An OrderedDict, as the service's own
    `VerifiedTokens` is, may lose an entry between two steps of another thread.)
    """

    def __init__(self, capacity: int) -> None:
        self._half = max(1, capacity // 2)
        self._newer: Room = {}
        self._older: Room = {}
        self._moving = Lock()

    def __len__(self) -> int:
        return len(self._newer.keys() | self._older.keys())

    @property
    def room(self) -> Room:
        """Where to `add` what is about to be verified. After `clear` it is a room of nobody."""
        return self._newer

    def get(self, digest: bytes) -> AccessClaims | None:
        """The claims of a token verified before. Whether they still hold is not asked here."""
        newer = self._newer
        claims = newer.get(digest)
        if claims is None:
            claims = self._older.get(digest)
            if claims is not None:
                self.add(digest, claims, newer)
        return claims

    def add(self, digest: bytes, claims: AccessClaims, room: Room) -> None:
        """Remember a token; ``room`` is the one that there was when its verification began."""
        room[digest] = claims
        if len(room) >= self._half:
            with self._moving:
                if room is self._newer:
                    self._older, self._newer = room, {}

    def forget(self, digest: bytes) -> None:
        """Remember it no longer."""
        self._older.pop(digest, None)
        self._newer.pop(digest, None)

    def clear(self) -> None:
        """Forget all, also what is being verified just now."""
        with self._moving:
            self._older = {}
            self._newer = {}
