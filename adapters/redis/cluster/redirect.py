"""What a node answers when it is not the one to ask, or not now."""

from typing import Final, Self

from adapters.redis.cluster.topology import Address
from adapters.redis.trouble import Refused

MOVED: Final = "MOVED"
ASK: Final = "ASK"
TRY_AGAIN: Final = "TRYAGAIN"
DOWN: Final = "CLUSTERDOWN"
_CODES: Final = frozenset({MOVED, ASK, TRY_AGAIN, DOWN})


class Redirected(Refused):
    """The slot is elsewhere, on its way, or nowhere; the node is well.

    ``address`` says where, with MOVED and ASK.
    """

    def __init__(self, answer: str, asked: Address) -> None:
        super().__init__(answer)
        self.address: Address | None = None
        if self.code in {MOVED, ASK}:
            host, _, port = answer.split(" ")[2].rpartition(":")
            self.address = Address(host or asked.host, int(port))

    @classmethod
    def of(cls, answer: str, asked: Address) -> Self | None:
        """The redirection in an error of the node ``asked``; None when it is another error."""
        try:
            return cls(answer, asked) if answer.partition(" ")[0] in _CODES else None
        except (ValueError, IndexError):
            return None
