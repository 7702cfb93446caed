"""What a setting is."""

import msgspec

from app.settings import parse
from app.settings.parse import Kind


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One setting.

    ``default`` is text as it would stand in the environment, empty for "not set";
    ``development`` replaces it in development. ``attribute`` is the place in the tree
    (``group.name``), empty for a name that has no effect yet.
    """

    name: str
    description: str
    kind: Kind
    attribute: str = ""
    default: str = ""
    development: str | None = None
    default_note: str = ""
    example: str = ""
    aliases: tuple[str, ...] = ()
    secret: bool = False

    @property
    def in_effect(self) -> bool:
        """Whether this version does anything with the value."""
        return bool(self.attribute)

    @property
    def names(self) -> tuple[str, ...]:
        """The main name, then the aliases."""
        return (self.name, *self.aliases)

    @property
    def shown_default(self) -> str:
        """The default in words."""
        if self.default_note:
            return self.default_note
        if self.development is not None:
            return f"{self.default or 'not set'}; in development {self.development}"
        return self.default or "not set"


def later(name: str, description: str, *, secret: bool = False) -> Field:
    """A name that deployments set and that has no effect yet."""
    return Field(name=name, description=description, kind=parse.anything(), secret=secret)
