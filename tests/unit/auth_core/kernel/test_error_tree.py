"""Errors: a stable code each, prose for people, and no word of HTTP."""

import re

import pytest

from auth_core import kernel
from auth_core.kernel import (
    AuthCoreError,
    FieldProblem,
    InsufficientAuthentication,
    InvalidInput,
    InvalidToken,
    TokenExpired,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    WrongMasterKey,
)


def children(kind):
    """Those of the kernel: whoever stands on it may add their own, under a code of these."""
    return [
        each for each in kind.__subclasses__() if each.__module__.startswith("auth_core.kernel.")
    ]


def tree(root=AuthCoreError):
    yield root
    for child in children(root):
        yield from tree(child)


CLASSES = list(tree())
LEAVES = [each for each in CLASSES if not children(each)]
MAKE = {
    TooManyRequests: lambda: TooManyRequests(retry_after=3),
    InsufficientAuthentication: lambda: InsufficientAuthentication(max_age=900),
}


def make(kind):
    return MAKE.get(kind, kind)()


def test_every_leaf_has_a_code_of_its_own():
    codes = [leaf.code for leaf in LEAVES]

    assert sorted(set(codes)) == sorted(codes)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_code_is_snake_case(kind):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_message_is_a_sentence_that_starts_no_wrong_recovery(kind):
    """Contract §1: an old client reacts to these words."""
    message = make(kind).message

    assert message[0].isupper()
    assert message.endswith(".")
    assert message == str(make(kind))
    for forbidden in ("session expired", "session not found", "SESSION_EXPIRED"):
        assert forbidden.lower() not in message.lower()


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_knows_no_http_status(kind):
    names = {name for name in (*vars(kind), *vars(make(kind))) if not name.startswith("__")}

    assert not {name for name in names if "status" in name or "http" in name}
    assert not re.search(r"\b[1-5]\d\d\b", make(kind).message)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_kernel_exports_the_whole_tree(kind):
    assert kind is getattr(kernel, kind.__name__)
    assert kind.__name__ in kernel.__all__


def test_the_codes_that_clients_know():
    """Contract §2 and §3."""
    expected = {
        "username_taken",
        "email_taken",
        "authentication_failed",
        "authentication_required",
        "invalid_token",
        "token_expired",
    }

    assert expected <= {leaf.code for leaf in LEAVES} | {InvalidToken.code}


def test_a_message_of_its_own_replaces_the_default():
    assert "Key 7 differs." == WrongMasterKey("Key 7 differs.").message


def test_invalid_input_names_every_field():
    problems = [
        FieldProblem(field="username", type="too_short", message="at least 3 characters"),
        FieldProblem(field="email", type="email", message="not an address"),
    ]

    error = InvalidInput(*problems)

    assert tuple(problems) == error.problems
    assert "username: at least 3 characters; email: not an address" == error.message


def test_limits_and_outages_say_when_to_come_back():
    assert 30 == TooManyRequests(retry_after=30).retry_after
    assert (1, 5) == (Unavailable().retry_after, Unavailable(retry_after=5).retry_after)


def test_an_expired_token_is_an_invalid_one():
    assert issubclass(TokenExpired, InvalidToken)
    assert issubclass(InvalidToken, Unauthenticated)
