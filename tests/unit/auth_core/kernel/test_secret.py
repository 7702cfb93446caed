"""A secret does not show itself, whoever asks."""

import copy
import hmac
import json
import logging
import pickle
import pprint
import traceback

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_core.kernel import Secret

CANARY = "canary-7f3a"

pytestmark = pytest.mark.sec("SEC-67")


class Holder(msgspec.Struct):
    secret: Secret[str]


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        "{}".format,
        "{!r:>40}".format,
        "{:>40}".format,
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: f"{secret} {secret!s} {secret!r} {secret:x}",
        lambda secret: repr([secret, {"key": secret}]),
        lambda secret: repr(Holder(secret)),
        lambda secret: pprint.pformat(Holder(secret)),
        lambda secret: json.dumps({"key": secret}, default=str),
        lambda secret: logging.LogRecord("n", 20, "p", 1, "%s", (secret,), None).getMessage(),
        lambda secret: repr(dir(secret)),
    ],
)
@pytest.mark.parametrize("value", [CANARY, CANARY.encode()])
def test_text_made_of_a_secret_does_not_contain_it(shown, value):
    assert CANARY not in shown(Secret(value))


@pytest.mark.parametrize(
    "encode",
    [
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        json.dumps,
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        vars,
        list,
        bytes,
        hash,
        lambda secret: msgspec.json.encode(Holder(secret)),
        lambda secret: msgspec.to_builtins(Holder(secret)),
        lambda secret: pickle.dumps([secret], protocol=5),
        lambda secret: secret.value,
    ],
)
def test_an_encoder_refuses_a_secret_without_showing_it(encode):
    with pytest.raises((TypeError, AttributeError)) as caught:
        encode(Secret(CANARY))

    assert CANARY not in "".join(traceback.format_exception_only(caught.value))


@pytest.mark.parametrize("value", [CANARY, CANARY.encode(), "", b""])
def test_reveal_returns_what_was_wrapped(value):
    assert value == Secret(value).reveal()
    assert bool(value) == bool(Secret(value))


@pytest.mark.sec("SEC-68")
@given(st.text(st.characters(exclude_categories=())), st.text(st.characters()))
def test_secrets_are_equal_when_their_values_are(left, right):
    assert (left == right) == (Secret(left) == Secret(right))
    assert Secret(left) == Secret(left)


@pytest.mark.sec("SEC-68")
@pytest.mark.parametrize("other", [CANARY, CANARY.encode(), None, 7, object()])
def test_a_secret_equals_nothing_but_a_secret(other):
    assert Secret(CANARY) != other
    assert other != Secret(CANARY)


@pytest.mark.sec("SEC-68")
def test_secrets_are_compared_in_constant_time(monkeypatch):
    compared = []

    def compare(left, right):
        compared.append((left, right))
        return True

    monkeypatch.setattr(hmac, "compare_digest", compare)

    assert Secret("one") == Secret("two")
    assert [(b"one", b"two")] == compared
