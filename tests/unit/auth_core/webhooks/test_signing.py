"""Signatures: ours are Standard Webhooks, and nothing else passes for them (SEC-65)."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from auth_core.kernel import Secret
from auth_core.testing import SeededEntropy
from auth_core.webhooks import WebhookRefused, new_secret, signed_headers, verify

# The vector that the libraries of the specification are tested with.
SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"webhook-id": ID, "webhook-timestamp": "1614265330", "webhook-signature": SIGNATURE}
OTHER = new_secret(SeededEntropy("other"))

pytestmark = pytest.mark.sec("SEC-65")


def test_the_published_vector_is_what_we_sign():
    assert HEADERS == signed_headers([SECRET], ID, AT, BODY)


def test_the_published_vector_verifies():
    received = verify(SECRET, HEADERS, BODY, now=AT)

    assert (ID, AT) == (received.id, received.sent_at)


def test_a_receiver_with_their_library_takes_ours_and_refuses_what_was_changed():
    # their library has no clock to set
    now = datetime.now(UTC)  # noqa: TID251
    secret = new_secret(SeededEntropy(1))
    headers = signed_headers([OTHER, secret], "an-id", now, BODY)
    theirs = Webhook(secret.reveal())

    assert {"test": 2432232314} == theirs.verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        theirs.verify(BODY + b" ", headers)


def test_we_take_what_their_library_signs():
    now = datetime.now(UTC)  # noqa: TID251
    signature = Webhook(SECRET.reveal()).sign("m", now, BODY.decode())
    headers = {
        "Webhook-Id": "m",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": signature,
    }

    assert "m" == verify([OTHER, SECRET], headers, BODY, now=now).id


def test_while_a_secret_rotates_both_sides_may_know_either():
    both = signed_headers([OTHER, SECRET], ID, AT, BODY)

    for secret in (OTHER, SECRET):
        assert ID == verify(secret, both, BODY, now=AT).id
    assert ID == verify([OTHER, SECRET], HEADERS, BODY, now=AT).id


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, BODY + b"\n"),
        ({"webhook-id": "msg_other"}, BODY),
        ({"webhook-timestamp": "1614265331"}, BODY),
        ({"webhook-signature": SIGNATURE.replace("v1,", "v2,")}, BODY),
        ({"webhook-signature": SIGNATURE.replace("v1,", "v1a,")}, BODY),
        ({"webhook-signature": SIGNATURE.removeprefix("v1,")}, BODY),
        ({"webhook-signature": SIGNATURE[:-2]}, BODY),
        ({"webhook-signature": "v1,\udcff ünï"}, BODY),
        ({"webhook-signature": ""}, BODY),
        ({"webhook-id": ""}, BODY),
        ({"webhook-timestamp": ""}, BODY),
        ({"webhook-timestamp": "-1614265330"}, BODY),
        ({"webhook-timestamp": "1614265330.0"}, BODY),
        ({"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"}, BODY),
        ({"webhook-timestamp": "9" * 40}, BODY),
    ],
)
def test_whatever_is_changed_is_refused(changes, body):
    with pytest.raises(WebhookRefused):
        verify(SECRET, HEADERS | changes, body, now=AT)


def test_only_so_many_signatures_are_looked_at():
    crowd = " ".join(["v1,AAAA"] * 16)

    with pytest.raises(WebhookRefused):
        verify(SECRET, HEADERS | {"webhook-signature": f"{crowd} {SIGNATURE}"}, BODY, now=AT)


@pytest.mark.parametrize(("seconds", "passes"), [(300, True), (301, False)])
def test_a_delivery_is_good_for_five_minutes_either_way(seconds, passes):
    for now in (AT + timedelta(seconds=seconds), AT - timedelta(seconds=seconds)):
        if passes:
            assert ID == verify(SECRET, HEADERS, BODY, now=now).id
        else:
            with pytest.raises(WebhookRefused, match="old"):
                verify(SECRET, HEADERS, BODY, now=now)


@pytest.mark.sec("SEC-68")
def test_every_secret_and_signature_is_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(
        "hmac.compare_digest", lambda one, other: compared.append(one) or one == other
    )

    verify([SECRET, OTHER], HEADERS | {"webhook-signature": f"{SIGNATURE} v1,AA"}, BODY, now=AT)

    assert 4 == len(compared)


def test_a_new_secret_has_32_bytes_of_its_own():
    entropy = SeededEntropy(2)
    one, other = new_secret(entropy).reveal(), new_secret(entropy).reveal()

    assert one != other
    assert one.startswith("whsec_")
    assert 32 == len(base64.b64decode(one.removeprefix("whsec_"), validate=True))


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize("bad", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "A" * 200])
def test_what_is_no_secret_is_told_without_showing_it(bad):
    with pytest.raises(ValueError, match="24 to 64 bytes") as caught:
        verify(Secret(bad), HEADERS, BODY, now=AT)

    assert len(bad) < 7 or bad not in str(caught.value)
