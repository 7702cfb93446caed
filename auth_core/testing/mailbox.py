"""What a core in memory has mailed, as a test wants to read it."""

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

import msgspec

from auth_core.kernel import Letter, MailTemplate
from auth_core.mail import LINK_PATHS


class CapturedLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One letter. ``token`` is what its link carries, ``code`` what can be typed in."""

    to: str
    template: MailTemplate
    values: dict[str, str]
    token: str | None = None
    code: str | None = None
    link: str | None = None

    def __repr__(self) -> str:
        return f"CapturedLetter(to={self.to!r}, template={self.template.value!r})"


class Mailbox:
    """Every letter that was committed, oldest first. Nothing leaves the process."""

    def __init__(self, letters: Callable[[], Sequence[Letter]], *, public_url: str) -> None:
        self._letters = letters
        self._public_url = public_url.rstrip("/")

    def __iter__(self) -> Iterator[CapturedLetter]:
        return iter([self._captured(letter) for letter in self._letters()])

    def __len__(self) -> int:
        return len(self._letters())

    def to(self, address: str) -> list[CapturedLetter]:
        """The letters to one address."""
        return [letter for letter in self if letter.to == address.lower()]

    def last(self, to: str | None = None) -> CapturedLetter:
        """The newest letter, to this address if one is given. Raises LookupError for none."""
        letters = list(self) if to is None else self.to(to)
        if not letters:
            addresses = ", ".join(sorted({letter.to for letter in self})) or "nobody"
            raise LookupError(f"no letter to {to or 'anybody'}; there are letters to {addresses}")
        return letters[-1]

    def _captured(self, letter: Letter) -> CapturedLetter:
        token, code = letter.values.get("token"), letter.values.get("code")
        path, carried = LINK_PATHS.get(letter.template), token or code
        return CapturedLetter(
            to=letter.to.value,
            template=letter.template,
            values=dict(letter.values),
            token=token,
            code=code,
            link=None
            if path is None or carried is None
            else f"{self._public_url}{path}?token={quote(carried, safe='')}",
        )
