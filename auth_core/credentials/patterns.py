"""Texts that are long and still guessed early: repetitions, runs, a word with signs around it."""

import re
from itertools import pairwise
from operator import add

_LONGEST_UNIT = 6
_FEWEST_CHARACTERS = 3
_RUN_SHARE = 0.75
_EXAMINED = 128
"""Code points that are looked at: what is longer and regular shows it within them."""

_KEYBOARD = ("1234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm")
_ASCII = [chr(point) for point in range(128)]
_NEXT_TO = frozenset(
    pair
    for row in (*_KEYBOARD, *zip(_ASCII, _ASCII, strict=True), _ASCII)
    for left, right in pairwise(row)
    for pair in (left + right, right + left)
)
"""Pairs of one step along the keyboard or the alphabet, or of none."""
_SIGNS = "".join(each for each in _ASCII if not each.isalpha())
_SIGNS_AROUND = re.compile(r"\A[\W\d_]+|[\W\d_]+\Z")
_DISGUISES = tuple(str.maketrans("@4013$5!7", letters) for letters in ("aaoiessit", "aaolessit"))
_DISGUISED = re.compile("[@4013$5!7]")
_WORDS = re.compile(r"[^\W_]+")


def is_regular(text: str) -> bool:
    """Whether ``text`` repeats a few characters, or runs along the alphabet or the keyboard."""
    text = text[:_EXAMINED]
    if len(text) < _FEWEST_CHARACTERS:
        return False
    different = len(set(text))
    if different < _FEWEST_CHARACTERS:
        return True
    return (different <= _LONGEST_UNIT and _repeats(text)) or _runs(text)


def _repeats(text: str) -> bool:
    longest = min(_LONGEST_UNIT, len(text) // 2)
    return any(text.startswith(text[size:]) for size in range(1, longest + 1))


def _runs(text: str) -> bool:
    """Whether most characters are one step from the one before them, or the same."""
    pairs = len(text) - 1
    allowed = (1 - _RUN_SHARE) * pairs
    half = text[: pairs // 2 + 1]  # enough to tell of almost all that do not
    return _leaps(half) <= allowed and _leaps(text) <= allowed


def _leaps(text: str) -> int:
    """How many pairs of neighbours in the text are none on the keyboard or in an alphabet."""
    pairs = map(add, text, text[1:])
    if text.isascii():
        return len(text) - 1 - sum(map(_NEXT_TO.__contains__, pairs))
    return sum(pair not in _NEXT_TO and abs(ord(pair[0]) - ord(pair[1])) > 1 for pair in pairs)


def bases(text: str) -> set[str]:
    """What a folded password may have been made of: itself, and simpler texts."""
    core = without_signs(text)
    found = {text, text[::-1], core, core[::-1], repeated_unit(core)}
    word = _WORDS.match(core)  # the core begins and ends with a letter
    if word and core.endswith(word[0]) and {word[0]} == set(_WORDS.findall(core)):
        found.add(word[0])
    if _DISGUISED.search(text):
        begin = text.index(core)
        for disguise in _DISGUISES if "1" in text else _DISGUISES[:1]:  # they differ in that only
            plain = text.translate(disguise)
            found |= {plain[begin : begin + len(core)], without_signs(plain)}
    return found


def without_signs(text: str) -> str:
    """``text`` without the digits and signs at its ends."""
    if text.isascii():  # the same, and ten times as fast
        return text.strip(_SIGNS)
    return _SIGNS_AROUND.sub("", text)


def repeated_unit(text: str) -> str:
    """The shortest text whose repetition is ``text``: itself, if it repeats nothing."""
    period = (text + text).find(text, 1)
    return text[:period] if 0 < period < len(text) else text
