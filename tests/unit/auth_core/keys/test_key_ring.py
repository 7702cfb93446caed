"""The keys in use at one moment."""

from datetime import timedelta

import pytest

from auth_core.kernel import Secret
from auth_core.keys import KeyRing, KeyStatus, KeyUse, SigningKey
from auth_core.testing import ManualClock

START = ManualClock().now()


def key(kid, status, *, use=KeyUse.ACCESS, age=0):
    symmetric = use is KeyUse.REFRESH
    return SigningKey(
        kid=kid,
        use=use,
        algorithm="HS256" if symmetric else "RS256",
        status=status,
        created_at=START - timedelta(days=age),
        private_jwk=Secret(b'{"d":"canary"}'),
        public_jwk=None if symmetric else {"kid": kid, "kty": "RSA"},
    )


KEYS = [
    key("retired-1", KeyStatus.RETIRED, age=60),
    key("retired-2", KeyStatus.RETIRED, age=90),
    key("next", KeyStatus.NEXT, age=1),
    key("active", KeyStatus.ACTIVE, age=30),
    key("refresh", KeyStatus.ACTIVE, use=KeyUse.REFRESH, age=100),
]


def test_the_jwks_lists_active_then_next_then_retired_keys():
    """Contract §3: the gateway reads the first one only."""
    expected = ["active", "next", "retired-2", "retired-1"]

    assert expected == [jwk["kid"] for jwk in KeyRing(KEYS).jwks()["keys"]]


@pytest.mark.sec("SEC-46")
def test_symmetric_and_private_keys_are_not_in_the_jwks():
    assert "refresh" not in {jwk["kid"] for jwk in KeyRing(KEYS).jwks()["keys"]}
    assert "canary" not in repr(KeyRing(KEYS).jwks())


def test_one_key_of_each_use_signs():
    ring = KeyRing(KEYS)

    assert ("active", "refresh") == tuple(ring.active(use).kid for use in KeyUse)


@pytest.mark.sec("SEC-72")
def test_a_ring_without_an_active_key_signs_nothing():
    ring = KeyRing(KEYS[:3])

    assert [None, None] == [ring.active(use) for use in KeyUse]
    assert {"keys": []} == KeyRing([]).jwks()


@pytest.mark.sec("SEC-28")
def test_a_key_is_found_under_its_own_use_only():
    ring = KeyRing(KEYS)

    for each in KEYS:
        assert each is ring.find(each.use, each.kid)
    assert None is ring.find(KeyUse.REFRESH, "active")
    assert None is ring.find(KeyUse.ACCESS, "refresh")


@pytest.mark.sec("SEC-26")
@pytest.mark.parametrize(
    "kid", ["", "../../dev/null", "' OR 1=1 --", "http://evil.example/k", "k" * 10_000, "\0"]
)
def test_an_unknown_key_id_finds_nothing(kid):
    assert None is KeyRing(KEYS).find(KeyUse.ACCESS, kid)


@pytest.mark.sec("SEC-67")
def test_a_key_does_not_show_its_private_part():
    assert "canary" not in repr(KEYS)
