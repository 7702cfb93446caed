"""Which of the 16384 slots of a cluster a key is in (Redis Cluster specification, "Key
distribution model").
"""

from binascii import crc_hqx
from functools import lru_cache
from itertools import count
from typing import Final
from uuid import UUID

from auth_core.kernel import UserId

SLOTS: Final = 16384


def slot_of(key: str) -> int:
    """The slot of a key: that of what stands in its first pair of braces, if anything does."""
    begin = key.find("{")
    if begin >= 0:
        end = key.find("}", begin + 1)
        if end > begin + 1:
            key = key[begin + 1 : end]
    return slot_of_tag(key)


def slot_of_tag(tag: str) -> int:
    """The slot of every key with this hash tag: CRC16/XMODEM, 14 bits of it."""
    return crc_hqx(tag.encode(), 0) & (SLOTS - 1)


def slot_of_user(user_id: UserId) -> int:
    """The slot of all keys of a user."""
    return slot_of_tag(user_id.hex)


@lru_cache(maxsize=256)  # asked once a second for every node
def nobody_in(slots: frozenset[int]) -> UserId:
    """An id that nobody has and whose keys are in one of these slots, of which there is one."""
    # ids in use are UUIDs of version 4 or 7; these small numbers are of none
    ids = (UserId(UUID(int=number)) for number in count())
    return next(each for each in ids if slot_of_user(each) in slots)
