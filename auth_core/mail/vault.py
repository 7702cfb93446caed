"""Letters on their way into storage and out of it: what they show is sealed."""

import msgspec

from auth_core.kernel import Letter, LetterId, Misconfigured, Secret
from auth_core.keys import Sealer
from auth_core.mail.model import QueuedLetter

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, str]).decode
_TRACE = "traceparent"
"""Among the sealed values, for want of a column; no template shows it."""


class LetterVault:
    """Seals the values of letters: links and codes are stored hashed everywhere else."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, letter: Letter) -> bytes:
        """The values as they are stored, bound to the letter."""
        values = dict(letter.values)
        if letter.traceparent is not None:
            values[_TRACE] = letter.traceparent
        return self._sealer.seal(Secret(_encode(values)), context=_context(letter.id))

    def open(self, letter: QueuedLetter) -> Letter:
        """The letter as it was enqueued.

        Raises WrongMasterKey, and Misconfigured for a dead letter, whose values are gone.
        """
        if letter.sealed_values is None:
            raise Misconfigured("the letter is dead and what it said is erased")
        sealed = self._sealer.open(letter.sealed_values, context=_context(letter.id))
        values = _decode(sealed.reveal())
        return Letter(
            id=letter.id,
            to=letter.to,
            template=letter.template,
            traceparent=values.pop(_TRACE, None),
            values=values,
            locale=letter.locale,
        )

    def resealed(self, letter: QueuedLetter) -> bytes | None:
        """The values under the current master key, or None if they are already, or gone.

        Raises WrongMasterKey.
        """
        if letter.sealed_values is None or self._sealer.is_current(letter.sealed_values):
            return None
        return self.seal(self.open(letter))


def _context(letter_id: LetterId) -> str:
    return f"letter:{letter_id}"
