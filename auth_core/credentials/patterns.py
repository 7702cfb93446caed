"""Texts that are long and still guessed early: repetitions, runs, a word with signs around it."""

import re
from collections.abc import Iterator
from itertools import pairwise

_LONGEST_UNIT = 6
_FEWEST_CHARACTERS = 3
_RUN_SHARE = 0.75
_EXAMINED = 128
"""Code points that are looked at: what is longer and regular shows it within them."""

_KEYBOARD = ("1234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm")
_NEXT_TO = frozenset(
    pair
    for row in _KEYBOARD
    for left, right in pairwise(row)
    for pair in (left + right, right + left)
)
_SIGNS_AROUND = re.compile(r"\A[\W\d_]+|[\W\d_]+\Z")
_DISGUISES = tuple(str.maketrans("@4013$5!7", letters) for letters in ("aaoiessit", "aaolessit"))
_DISGUISED = re.compile("[@4013$5!7]")
_WORDS = re.compile(r"[^\W_]+")


def is_regular(text: str) -> bool:
    """Whether ``text`` repeats a few characters, or runs along the alphabet or the keyboard."""
    text = text[:_EXAMINED]
    if len(text) < _FEWEST_CHARACTERS:
        return False
    if len(set(text)) < _FEWEST_CHARACTERS:
        return True
    longest = min(_LONGEST_UNIT, len(text) // 2)
    if any(text[size:] == text[:-size] for size in range(1, longest + 1)):
        return True
    steps = sum(
        -1 <= ord(right) - ord(left) <= 1 or left + right in _NEXT_TO
        for left, right in pairwise(text)
    )
    return steps >= _RUN_SHARE * (len(text) - 1)


def bases(text: str) -> Iterator[str]:
    """What a folded password may have been made of: itself first, then simpler texts."""
    core = without_signs(text)
    yield core
    yield core[::-1]
    if core != text:
        yield text
        yield text[::-1]
    yield repeated_unit(core)
    words = set(_WORDS.findall(core))
    if len(words) == 1:
        yield from words
    if _DISGUISED.search(text):
        for disguise in _DISGUISES:
            yield core.translate(disguise)
            yield without_signs(text.translate(disguise))


def without_signs(text: str) -> str:
    """``text`` without the digits and signs at its ends."""
    return _SIGNS_AROUND.sub("", text)


def repeated_unit(text: str) -> str:
    """The shortest text whose repetition is ``text``: itself, if it repeats nothing."""
    period = (text + text).find(text, 1)
    return text[:period] if 0 < period < len(text) else text
