"""Tokens that were verified before: bounded, and the used ones stay."""

from auth_core.tokens.verify.warm import WarmTokens


def test_what_is_used_survives_what_is_not():
    warm = WarmTokens(8)
    warm.add(b"used", "claims", warm._newer)
    for number in range(40):
        warm.add(b"%d" % number, "other", warm._newer)
        assert "claims" == warm.get(b"used")

    assert None is warm.get(b"0")
    warm.forget(b"used")
    assert None is warm.get(b"used")


def test_a_token_of_a_room_that_was_cleared_is_not_remembered():
    """Its verification began before a key was taken away."""
    warm = WarmTokens(4)
    room = warm._newer
    warm.clear()

    for number in range(4):
        warm.add(b"%d" % number, "claims", room)

    assert None is warm.get(b"0")
