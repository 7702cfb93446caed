"""Keys that a deployment brings along."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from adapters.crypto import (
    JoseKeyGenerator,
    JoseSigner,
    key_from_pem,
    key_from_secret,
    require_public_half,
)
from adapters.system import SystemClock
from auth_core.kernel import Misconfigured, Secret
from auth_core.keys import KeyUse
from auth_core.testing.contracts.making import fresh_id
from auth_core.tokens import REFRESH_TYPE, RefreshClaims

AT = datetime(2026, 1, 1, tzinfo=UTC)
RSA = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()
FORMS = [
    pytest.param(RSA, PrivateFormat.PKCS8, "RS256", id="RSA-PKCS8"),
    pytest.param(RSA, PrivateFormat.TraditionalOpenSSL, "RS256", id="RSA-PKCS1"),
    pytest.param(P256, PrivateFormat.PKCS8, "ES256", id="P256-PKCS8"),
    pytest.param(P256, PrivateFormat.TraditionalOpenSSL, "ES256", id="P256-SEC1"),
    pytest.param(ED25519, PrivateFormat.PKCS8, "Ed25519", id="Ed25519"),
]


def stored(folder: Path, key, form=PrivateFormat.PKCS8, encryption=None) -> Path:
    path = folder / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()))
    return path


@pytest.mark.parametrize(("key", "form", "algorithm"), FORMS)
def test_a_private_key_is_read_and_signs(tmp_path: Path, key, form, algorithm) -> None:
    read = key_from_pem(stored(tmp_path, key, form), AT)

    assert (algorithm, AT, KeyUse.ACCESS) == (read.algorithm, read.created_at, read.use)
    assert read.public_jwk is not None
    assert (read.kid, algorithm) == (read.public_jwk["kid"], read.public_jwk["alg"])
    assert "d" not in read.public_jwk
    assert read.kid == key_from_pem(tmp_path / "key.pem", AT).kid
    claims = RefreshClaims(sub=fresh_id(), sid=fresh_id(), ctr=0, iat=0, exp=1, jti="x")
    assert 3 == len(JoseSigner().sign(claims, key=read, typ=REFRESH_TYPE).split("."))


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP384R1()),
        ed448.Ed448PrivateKey.generate(),
    ],
    ids=["RSA-1024", "P-384", "Ed448"],
)
def test_a_key_that_cannot_be_used_says_which_can(tmp_path: Path, key) -> None:
    with pytest.raises(Misconfigured, match="2048 bits, P-256 or Ed25519"):
        key_from_pem(stored(tmp_path, key), AT)


def test_what_is_no_private_key_says_so_without_quoting_it(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for content in (b"canary", b"", public):
        path.write_bytes(content)
        with pytest.raises(Misconfigured, match="no unencrypted private key") as caught:
            key_from_pem(path, AT)
        assert "canary" not in str(caught.value)
    encrypted = stored(tmp_path, RSA, encryption=BestAvailableEncryption(b"canary"))
    with pytest.raises(Misconfigured, match="no unencrypted private key"):
        key_from_pem(encrypted, AT)
    with pytest.raises(Misconfigured, match="cannot be read: No such file"):
        key_from_pem(tmp_path / "nothing", AT)


def test_a_public_key_must_belong_to_its_private_one(tmp_path: Path) -> None:
    private, public = stored(tmp_path, RSA), tmp_path / "key.pub"
    form = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(RSA.public_key().public_bytes(*form))
    require_public_half(private, public)

    public.write_bytes(P256.public_key().public_bytes(*form))
    with pytest.raises(Misconfigured, match="is not the public key of"):
        require_public_half(private, public)
    public.write_bytes(b"x")
    with pytest.raises(Misconfigured, match="no public key"):
        require_public_half(private, public)


def test_a_shared_secret_is_a_key_that_nobody_can_make_anew() -> None:
    given = key_from_secret(Secret(b"s" * 32), AT)
    generator = JoseKeyGenerator(SystemClock(), access_algorithm="HS256", given=lambda: given)

    assert ("HS256", None) == (given.algorithm, given.public_jwk)
    assert generator.is_fixed(KeyUse.ACCESS)
    assert not generator.is_fixed(KeyUse.REFRESH)
    assert given is generator.given(KeyUse.ACCESS)
    assert None is generator.given(KeyUse.REFRESH)
    with pytest.raises(Misconfigured, match="JWT_SECRET_KEY"):
        generator.generate(KeyUse.ACCESS)
    assert "s" * 8 not in repr(given)
