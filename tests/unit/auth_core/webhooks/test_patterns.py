"""Which events an endpoint wants."""

import pytest

from auth_core.kernel import InvalidInput
from auth_core.webhooks import parse_patterns, wants


@pytest.mark.parametrize(
    ("pattern", "event_type", "expected"),
    [
        ("*", "user.created", True),
        ("user.created", "user.created", True),
        ("user.created", "user.created_again", False),
        ("user.*", "user.created", True),
        ("user.*", "user", False),
        ("user.*", "users.created", False),
        ("user.*", "user.password.changed", True),
        ("user.password.*", "user.created", False),
        ("user", "user.created", False),
    ],
)
def test_a_pattern_means_what_it_says(pattern, event_type, expected):
    assert (pattern,) == parse_patterns([pattern])
    assert expected is wants([pattern], event_type)


def test_one_of_several_is_enough():
    assert wants(("session.*", "user.created"), "user.created")
    assert not wants((), "user.created")


def test_patterns_are_kept_once_and_sorted_and_everything_is_everything():
    assert ("session.*", "user.created") == parse_patterns(
        ["user.created", "session.*", "user.created"]
    )
    assert ("*",) == parse_patterns(["user.created", "*"])


@pytest.mark.parametrize(
    "patterns",
    [
        *([], [""], ["User.created"], ["user."], [".created"], ["user.*.x"], ["us*"], ["**"]),
        *(
            ["user created"],
            ["user.created\n"],
            ["a" * 101],
            [f"a.{'b' * i}" for i in range(1, 52)],
        ),
    ],
)
def test_what_is_no_pattern_is_refused(patterns):
    with pytest.raises(InvalidInput):
        parse_patterns(patterns)
