"""A real RSA key, and a forge that signs whatever it is told."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from auth_core.kernel import Secret
from auth_core.keys import KeyStatus, KeyUse, SigningKey
from auth_core.testing import ManualClock
from auth_core.testing.contracts.making import fresh_id
from auth_core.testing.issuer import InMemoryIssuer
from auth_core.tokens import AccessClaims, AccessTokenVerification
from auth_core.tokens.verify import SyncTokenVerifier

ISSUER, AUDIENCE = "https://auth.faultmaven.ai", "faultmaven-api"


@pytest.fixture(scope="session")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture(scope="session")
def access_key(rsa: RSAKey) -> SigningKey:
    kid = rsa.thumbprint()
    labels = {"kid": kid, "use": "sig", "alg": "RS256"}
    return SigningKey(
        kid=kid,
        use=KeyUse.ACCESS,
        algorithm="RS256",
        status=KeyStatus.ACTIVE,
        created_at=ManualClock().now(),
        private_jwk=Secret(json.dumps(rsa.as_dict(private=True) | labels).encode()),
        public_jwk={**rsa.as_dict(private=False), **labels},
    )


@dataclass
class Forge:
    """Makes tokens that are right but for what a test changes, signed with the genuine key."""

    rsa: RSAKey
    key: SigningKey
    clock: ManualClock = field(default_factory=ManualClock)

    @property
    def now(self) -> int:
        return int(self.clock.now().timestamp())

    @staticmethod
    def encoded(data: bytes | str | dict[str, Any]) -> str:
        """Base64url without padding; of JSON when it is a dict."""
        text = json.dumps(data) if isinstance(data, dict) else data
        octets = text.encode() if isinstance(text, str) else text
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

    def header(self, **changes: Any) -> dict[str, Any]:
        return {"alg": "RS256", "kid": self.key.kid, "typ": "at+jwt"} | changes

    def claims(self, **changes: Any) -> dict[str, Any]:
        genuine = {
            "sub": str(fresh_id()),
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": self.now,
            "exp": self.now + 900,
            "jti": str(fresh_id()),
            "sid": str(fresh_id()),
            "type": "access",
            "username": "alice",
            "email": "alice@example.com",
            "email_verified": False,
            "roles": ["user"],
            "scopes": ["personal"],
            "organization_id": None,
            "auth_mode": "local",
        }
        return genuine | changes

    def sign(self, header: dict[str, Any] | str, payload: dict[str, Any] | str | bytes) -> str:
        """Genuinely signed, whatever the header and the payload say."""
        signed = f"{self.encoded(header)}.{self.encoded(payload)}"
        algorithm = jws.default_registry.algorithms["RS256"]
        signature = algorithm.sign(signed.encode(), self.rsa)
        return f"{signed}.{self.encoded(signature)}"

    def token(self, **changes: Any) -> str:
        """A token with other claims."""
        return self.sign(self.header(), self.claims(**changes))


@pytest.fixture
def forge(rsa: RSAKey, access_key: SigningKey) -> Forge:
    return Forge(rsa, access_key)


@pytest.fixture(params=["the service", "a relying service"])
def verify(
    request: pytest.FixtureRequest, forge: Forge, access_key: SigningKey
) -> Callable[[str], AccessClaims]:
    """What the authenticator does with a token once it has found the key, and the offline door."""
    if request.param == "a relying service":
        return _offline(forge)
    verifier = AccessTokenVerification(issuer=ISSUER, audience=AUDIENCE, clock=forge.clock)
    return lambda token: verifier.verify(token, verifier.header(token), access_key)


def _offline(forge: Forge) -> Callable[[str], AccessClaims]:
    def monotonic() -> float:
        return forge.clock.now().timestamp()

    issuer = InMemoryIssuer([dict(forge.key.public_jwk or {})], monotonic=monotonic)
    verifier = SyncTokenVerifier(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=issuer,
        revocations=issuer,
        staleness=float("inf"),
        keys_usable_for=float("inf"),
        clock=forge.clock,
        monotonic=monotonic,
    )
    verifier._keys.renew()
    verifier._follower.follow()
    return verifier.verify
