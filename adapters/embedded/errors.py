"""The one error of this package."""


class EmbeddedServersError(Exception):
    """The embedded servers cannot run; says what happened, where to look and what to do."""
