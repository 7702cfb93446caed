"""What a person says about themselves is checked as a whole."""

import pytest

from auth_core.kernel import InvalidInput
from auth_core.users import Registration


def problems_of(**fields):
    with pytest.raises(InvalidInput) as caught:
        Registration.parse(**fields)
    return [(problem.field, problem.type) for problem in caught.value.problems]


def test_a_user_name_is_enough():
    registration = Registration.parse(username="John.Doe")

    assert "john.doe" == registration.username.value
    assert "john.doe@dev.faultmaven.local" == registration.email.value
    assert "John Doe" == registration.display_name


def test_a_user_name_that_is_an_address_is_the_address():
    registration = Registration.parse(username="John.Doe@Example.com")

    assert "john.doe@example.com" == registration.username.value == registration.email.value
    assert "John Doe" == registration.display_name


def test_what_was_said_is_kept():
    registration = Registration.parse(username="jdd", email="J@Example.com", display_name=" J. D. ")

    assert "j@example.com" == registration.email.value
    assert "J. D." == registration.display_name


@pytest.mark.parametrize("blank", [None, "", "   ", "\t"])
def test_a_blank_display_name_is_as_good_as_none(blank):
    assert "Jdd" == Registration.parse(username="jdd", display_name=blank).display_name


def test_all_problems_are_reported_at_once():
    expected = [("username", "too_short"), ("email", "email"), ("display_name", "too_long")]

    assert expected == problems_of(username="x", email="nowhere", display_name="x" * 101)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"username": ""}, [("username", "too_short")]),
        ({"username": "nul\0"}, [("username", "alphabet")]),
        ({"username": "jdd", "email": ""}, [("email", "email")]),
        ({"username": "jdd", "email": "x" * 300}, [("email", "too_long")]),
        ({"username": "jdd", "display_name": "\u202ejdd"}, [("display_name", "alphabet")]),
        ({"username": "jdd", "display_name": "\ud800"}, [("display_name", "alphabet")]),
    ],
)
def test_one_problem_is_reported_alone(fields, expected):
    assert expected == problems_of(**fields)


@pytest.mark.sec("SEC-61")
def test_nobody_takes_anothers_address_as_a_user_name():
    expected = [("email", "mismatch")]

    assert expected == problems_of(username="eve@example.com", email="mallory@example.com")


@pytest.mark.sec("SEC-61")
def test_the_address_may_be_said_twice_in_any_spelling():
    registration = Registration.parse(username="eve@example.com", email="EVE@example.COM")

    assert "eve@example.com" == registration.email.value


@pytest.mark.sec("SEC-67")
def test_problems_do_not_repeat_what_was_said():
    with pytest.raises(InvalidInput) as caught:
        Registration.parse(username="canary!", email="canary?", display_name="canary\0")

    assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.problems}"


@pytest.mark.parametrize(
    ("username", "email", "field"),
    [
        ("eve", "bob@dev.faultmaven.local", "email"),
        ("eve", "EVE@sub@dev.faultmaven.local", "email"),
        ("bob@dev.faultmaven.local", None, "username"),
        ("bob@dev.faultmaven.local", "bob@dev.faultmaven.local", "username"),
    ],
)
def test_nobody_takes_the_address_that_another_name_gets_by_default(username, email, field):
    with pytest.raises(InvalidInput) as refused:
        Registration.parse(username=username, email=email)

    assert [field] == [problem.field for problem in refused.value.problems]


def test_a_name_may_state_its_own_default_address():
    registration = Registration.parse(username="bob", email="Bob@dev.faultmaven.local")

    assert Registration.parse(username="bob") == registration
