"""The contract of `KeyGenerator` and `TokenSigner`, which make keys and tokens of one kind."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auth_core.kernel import InvalidToken
from auth_core.keys import KeyGenerator, KeyStatus, KeyUse, SigningKey
from auth_core.testing.clock import ManualClock
from auth_core.testing.contracts.making import fresh_id, now
from auth_core.tokens import (
    ACCESS_TYPE,
    REFRESH_TYPE,
    AccessClaims,
    AccessTokenVerification,
    RefreshClaims,
    TokenSigner,
)

ISSUER, AUDIENCE = "https://issuer.example", "audience"
THUMBPRINT_MEMBERS = {  # RFC 7638 §3.2, RFC 8037 §2
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "oct": ("k", "kty"),
}
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


class TokenSignerContract:
    """Needs ``key_generator``, a `KeyGenerator`, and ``token_signer``, a `TokenSigner`."""

    @pytest.mark.parametrize("use", KeyUse)
    def test_a_new_key_is_active_and_named_by_its_thumbprint(
        self, key_generator: KeyGenerator, use: KeyUse
    ) -> None:
        key = key_generator.generate(use)

        assert (use, KeyStatus.ACTIVE) == (key.use, key.status)
        assert timedelta(0) == key.created_at.utcoffset()
        assert _thumbprint(json.loads(key.private_jwk.reveal())) == key.kid

    @pytest.mark.sec("SEC-46")
    @pytest.mark.parametrize("use", KeyUse)
    def test_the_public_part_of_a_key_is_public(
        self, key_generator: KeyGenerator, use: KeyUse
    ) -> None:
        """It names its id, use and algorithm; a symmetric key has none."""
        key = key_generator.generate(use)

        private = json.loads(key.private_jwk.reveal())
        if private["kty"] == "oct":
            assert key.public_jwk is None
        else:
            assert key.public_jwk is not None
            assert PRIVATE_MEMBERS.isdisjoint(key.public_jwk)
            expected = {"kid": key.kid, "use": "sig", "alg": key.algorithm}
            assert expected == {member: key.public_jwk[member] for member in expected}
            assert key.kid == _thumbprint(key.public_jwk)

    def test_refresh_keys_are_symmetric(self, key_generator: KeyGenerator) -> None:
        assert None is key_generator.generate(KeyUse.REFRESH).public_jwk

    @pytest.mark.parametrize("use", KeyUse)
    def test_every_key_is_new(self, key_generator: KeyGenerator, use: KeyUse) -> None:
        keys = [key_generator.generate(use) for _ in range(2)]

        assert keys[0].kid != keys[1].kid
        assert keys[0].private_jwk != keys[1].private_jwk

    @pytest.mark.sec("SEC-67")
    def test_a_key_does_not_show_its_private_part(self, key_generator: KeyGenerator) -> None:
        key = key_generator.generate(KeyUse.REFRESH)

        assert json.loads(key.private_jwk.reveal())["k"] not in repr(key)

    def test_a_token_is_a_compact_jws_of_header_and_claims(
        self, key_generator: KeyGenerator, token_signer: TokenSigner
    ) -> None:
        key = key_generator.generate(KeyUse.ACCESS)
        claims = _access_claims()

        token = token_signer.sign(claims, key=key, typ=ACCESS_TYPE)

        header, payload, signature = map(_decoded, token.split("."))
        expected = {"alg": key.algorithm, "kid": key.kid, "typ": ACCESS_TYPE}
        assert expected == json.loads(header)
        assert msgspec.to_builtins(claims) | {
            "roles": ["user", "ädmin"],
            "scopes": [],
        } == json.loads(payload)
        assert signature

    def test_a_refresh_token_is_signed_by_its_own_key(
        self, key_generator: KeyGenerator, token_signer: TokenSigner
    ) -> None:
        key = key_generator.generate(KeyUse.REFRESH)
        claims = RefreshClaims(
            sub=fresh_id(), sid=fresh_id(), ctr=4, iat=1, exp=2**40, jti=str(fresh_id())
        )

        token = token_signer.sign(claims, key=key, typ=REFRESH_TYPE)

        header, payload, _ = map(_decoded, token.split("."))
        expected = {"alg": key.algorithm, "kid": key.kid, "typ": REFRESH_TYPE}
        assert expected == json.loads(header)
        assert msgspec.to_builtins(claims) == json.loads(payload)

    def test_a_verifier_accepts_the_token(
        self, key_generator: KeyGenerator, token_signer: TokenSigner
    ) -> None:
        key, claims = key_generator.generate(KeyUse.ACCESS), _access_claims()

        token = token_signer.sign(claims, key=key, typ=ACCESS_TYPE)

        assert msgspec.to_builtins(claims).items() <= _verified(token, key).items()

    @pytest.mark.sec("SEC-25")
    def test_a_changed_token_is_refused(
        self, key_generator: KeyGenerator, token_signer: TokenSigner
    ) -> None:
        key = key_generator.generate(KeyUse.ACCESS)
        token = token_signer.sign(_access_claims(), key=key, typ=ACCESS_TYPE)
        other = token_signer.sign(_access_claims(), key=key, typ=ACCESS_TYPE)
        header, payload, signature = token.split(".")
        _, other_payload, other_signature = other.split(".")

        for forged in (
            f"{header}.{other_payload}.{signature}",
            f"{header}.{payload}.{other_signature}",
            f"{header}.{payload}.",
            token[:-4],
        ):
            with pytest.raises(InvalidToken):
                _verified(forged, key)

    @pytest.mark.sec("SEC-25")
    def test_a_token_of_another_key_is_refused(
        self, key_generator: KeyGenerator, token_signer: TokenSigner
    ) -> None:
        """Also when it borrows the id of ours."""
        key, other = (key_generator.generate(KeyUse.ACCESS) for _ in range(2))
        borrowed = msgspec.structs.replace(other, kid=key.kid)

        for forger in (other, borrowed):
            token = token_signer.sign(_access_claims(), key=forger, typ=ACCESS_TYPE)
            with pytest.raises(InvalidToken):
                _verified(token, key)


def _access_claims() -> AccessClaims:
    at = int(now().timestamp())
    return AccessClaims(
        sub=fresh_id(),
        iss=ISSUER,
        aud=AUDIENCE,
        iat=at,
        exp=at + 900,
        jti=str(fresh_id()),
        sid=fresh_id(),
        username="john.doe",
        email="john.doe@example.com",
        email_verified=True,
        roles=("user", "ädmin"),
        scopes=(),
    )


def _verified(token: str, key: SigningKey) -> dict[str, Any]:
    verifier = AccessTokenVerification(issuer=ISSUER, audience=AUDIENCE, clock=ManualClock(now()))
    claims = verifier.verify(token, verifier.header(token), key)
    builtins: dict[str, Any] = msgspec.to_builtins(claims)
    return builtins


def _thumbprint(jwk: Any) -> str:
    members = {name: jwk[name] for name in THUMBPRINT_MEMBERS[jwk["kty"]]}
    document = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    return _encoded(hashlib.sha256(document).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
