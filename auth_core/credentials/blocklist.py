"""Passwords that everybody tries first, as a Bloom filter (Bloom 1970; NIST SP 800-63B-4 §3.1.1.2).

The filter ships with the package and needs no network. `.ci/blocklist.py` makes it and says of
what. A listed text is always found; another one is taken for listed once in a million times.
"""

from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from math import ceil, log
from struct import Struct
from typing import Protocol, Self

from auth_core.kernel import Misconfigured

FALSE_POSITIVES = 1e-6
_MAGIC = b"FMBL\x02"
_HEADER_BYTES = len(_MAGIC) + 2
_LONGEST = 255
_DIGEST_BYTES = 16
_words = Struct(">QQ").unpack


class Blocklist(Protocol):
    """Texts that are no passwords."""

    def __contains__(self, text: str) -> bool:
        """Whether the text, folded by `auth_core.kernel.fold`, is listed. No I/O."""
        ...


class BloomFilter:
    """A set of texts in 29 bits each: no text can be read from it."""

    __slots__ = ("_bits", "_longest", "_probes", "_size")

    def __init__(self, data: bytes) -> None:
        """Of what `to_bytes` gave. Raises Misconfigured for anything else."""
        if not data.startswith(_MAGIC) or len(data) <= _HEADER_BYTES:
            message = "The password blocklist of this installation is damaged. Reinstall it."
            raise Misconfigured(message)
        self._probes, self._longest = data[len(_MAGIC) : _HEADER_BYTES]
        self._bits = data[_HEADER_BYTES:]
        self._size = 8 * len(self._bits)

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """A filter that holds exactly ``texts``, but for one false positive in a million.

        Texts of more than 255 code points are left out.
        """
        listed = {text for text in texts if len(text) <= _LONGEST}
        bits_each = -log(FALSE_POSITIVES) / log(2) ** 2
        bits = bytearray(ceil(max(1, len(listed)) * bits_each / 8))
        probes = round(bits_each * log(2))
        for text in listed:
            position, step = _places(text)
            for _ in range(probes):
                place = position % (8 * len(bits))
                bits[place >> 3] |= 1 << (place & 7)
                position += step
        longest = max(map(len, listed), default=0)
        return cls(_MAGIC + bytes((probes, longest)) + bytes(bits))

    def to_bytes(self) -> bytes:
        """What the constructor takes."""
        return _MAGIC + bytes((self._probes, self._longest)) + self._bits

    def __contains__(self, text: str) -> bool:
        if len(text) > self._longest:
            return False
        position, step = _places(text)
        bits, size = self._bits, self._size
        for _ in range(self._probes):
            place = position % size
            if not bits[place >> 3] >> (place & 7) & 1:
                return False
            position += step
        return True


@cache
def shipped_blocklist() -> BloomFilter:
    """The filter that comes with the package, read once per process."""
    return BloomFilter(files(__package__).joinpath("blocklist.bin").read_bytes())


def _places(text: str) -> tuple[int, int]:
    """Where to look first and how far to go on from there (Kirsch and Mitzenmacher 2006)."""
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES).digest()
    position, step = _words(digest)
    return position, step | 1
