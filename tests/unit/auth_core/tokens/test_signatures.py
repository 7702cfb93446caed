"""Checking signatures: one algorithm per key, one form per signature (SEC-25)."""

import pytest
from cryptography.exceptions import InvalidSignature
from joserfc.jwk import ECKey, OKPKey, RSAKey

from auth_core.tokens.signatures import verification_key

SIGNED = b"header.payload"


def jwk(key):
    return {name: str(value) for name, value in key.as_dict(private=False).items()}


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (jwk(RSAKey.generate_key(2048)), "RS512"),
        (jwk(RSAKey.generate_key(2048)), "none"),
        (jwk(RSAKey.generate_key(2048)), "ES256"),
        ({"kty": "RSA", "n": "_" * 171, "e": "AQAB"}, "RS256"),  # 1024 bits
        (jwk(ECKey.generate_key("P-384")), "ES256"),
        (jwk(ECKey.generate_key("P-256")), "Ed25519"),
        (jwk(OKPKey.generate_key("X25519")), "Ed25519"),
        ({"kty": "RSA", "n": "!", "e": "AQAB"}, "RS256"),
        ({}, "RS256"),
        ({"kty": "EC"}, "ES256"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("crv", value.get("kty", "-")),
)
def test_a_key_that_does_not_fit_its_algorithm_is_no_key(key, algorithm):
    with pytest.raises(ValueError, match=r"algorithm"):
        verification_key(key, kid="k", algorithm=algorithm)


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\x00" * 64,
        b"\x01" * 63,
        b"\x01" * 65,
        b"\xff" * 64,
        # r and s as DER, which JOSE does not know, and r = s = n
        bytes.fromhex("3006020101020101"),
        bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551") * 2,
    ],
    ids=["empty", "zero", "short", "long", "out of range", "DER", "n"],
)
def test_an_elliptic_signature_has_one_form(signature):
    key = verification_key(jwk(ECKey.generate_key("P-256")), kid="k", algorithm="ES256")

    with pytest.raises(InvalidSignature):
        key.check(signature, SIGNED)


@pytest.mark.sec("SEC-25")
def test_an_elliptic_signature_of_the_key_is_taken_raw_only():
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    pair = ECKey.generate_key("P-256")
    der = pair.private_key.sign(SIGNED, ECDSA(SHA256()))
    r, s = decode_dss_signature(der)
    raw = r.to_bytes(32) + s.to_bytes(32)
    key = verification_key(jwk(pair), kid="k", algorithm="ES256")

    key.check(raw, SIGNED)
    for wrong in (der, raw[:-1], raw + b"\x00", raw[32:] + raw[:32], raw[:32] * 2):
        with pytest.raises(InvalidSignature):
            key.check(wrong, SIGNED)
    with pytest.raises(InvalidSignature):
        key.check(raw, SIGNED + b"x")


@pytest.mark.sec("SEC-25")
def test_an_ed25519_signature_has_one_form():
    pair = OKPKey.generate_key("Ed25519")
    signature = pair.private_key.sign(SIGNED)
    key = verification_key(jwk(pair), kid="k", algorithm="Ed25519")
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(signature[32:], "little") + order
    malleable = signature[:32] + s.to_bytes(32, "little")

    key.check(signature, SIGNED)
    for wrong in (b"", signature[:-1], signature + b"\x00", malleable, bytes(64)):
        with pytest.raises(InvalidSignature):
            key.check(wrong, SIGNED)


@pytest.mark.sec("SEC-25")
def test_a_public_key_is_no_shared_secret():
    """HS256 keyed by the bytes of an RSA public key: the key says RS256, and that is that."""
    public = jwk(RSAKey.generate_key(2048))

    with pytest.raises(ValueError, match="algorithm"):
        verification_key(public, kid="k", algorithm="HS256")


def test_a_key_shows_its_name_only():
    key = verification_key(jwk(ECKey.generate_key("P-256")), kid="k", algorithm="ES256")

    assert "VerificationKey(kid='k', algorithm='ES256')" == repr(key)
