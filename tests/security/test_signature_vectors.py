"""Signatures in every wrong form, at every door that reads tokens (SEC-25).

In the manner of the Wycheproof vectors, but made here, around tokens of live sessions: each case is
what a careless verifier lets pass, and most are made with the genuine private key.
"""

import asyncio
import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512
from joserfc.jwk import ECKey, OKPKey, RSAKey

from adapters.crypto import JoseKeyGenerator, JoseSigner
from auth_core.core import Core
from auth_core.kernel import AuthCoreError, InvalidRefreshToken, InvalidToken
from auth_core.keys import KeyUse
from auth_core.testing import in_memory_core
from auth_core.testing.issuer import InMemoryIssuer
from auth_core.tokens.signatures import verification_key
from auth_core.tokens.verify import SyncTokenVerifier
from auth_core.users import Registration
from tests.api.asking import unbase64
from tests.security.forging import encode

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of P-256."""
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
"""The prime of P-256."""
L = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519."""
SMALL_ORDER = [
    bytes(32),
    bytes([1]) + bytes(31),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("ec" + "ff" * 30 + "7f"),
    bytes.fromhex("ed" + "ff" * 30 + "7f"),  # the first two once more, not canonical
    bytes.fromhex("ee" + "ff" * 30 + "7f"),
]
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@dataclass
class Genuine:
    """A token that every door takes, and the key behind it."""

    token: str
    key: Any
    read: dict[str, Callable[[str], object]]
    """The doors."""
    close: Callable[[], None]

    @property
    def signed(self) -> bytes:
        return self.token.rpartition(".")[0].encode()

    @property
    def signature(self) -> bytes:
        return unbase64(self.token.rpartition(".")[2])

    def with_signature(self, signature: bytes | str) -> str:
        text = signature if isinstance(signature, str) else encode(signature)
        return f"{self.signed.decode()}.{text}"


class House:
    """A core with keys of one algorithm, and a relying service that follows it."""

    def __init__(self, algorithm: str) -> None:
        self.runner = asyncio.Runner()
        memory = in_memory_core()
        ports = msgspec.structs.replace(memory.ports, token_signer=JoseSigner())
        if algorithm != "HS256":
            generator = JoseKeyGenerator(memory.clock, access_algorithm=algorithm)
            ports = msgspec.structs.replace(ports, key_generator=generator)
        self._issued = memory.options
        self.core = Core(ports, memory.options)
        register = self.core.sign_in.register(Registration.parse(username="alice"))
        self.tokens = self.runner.run(register).tokens
        self.clock = memory.clock

    def close(self) -> None:
        self.runner.run(self.core.keys.close())
        self.runner.close()

    def authenticate(self, token: str) -> object:
        return self.runner.run(self.core.authenticator.authenticate(token))

    def refresh(self, token: str) -> object:
        return self.runner.run(self.core.refresh.redeem(token))

    def private_jwk(self, use: KeyUse) -> dict[str, str]:
        key = self.runner.run(self.core.keys.ring()).active(use)
        return dict(json.loads(key.private_jwk.reveal()))

    def relying_service(self) -> Callable[[str], object]:
        def monotonic() -> float:
            return self.clock.now().timestamp()

        jwks = self.runner.run(self.core.keys.ring()).jwks()["keys"]
        issuer = InMemoryIssuer([dict(key) for key in jwks], monotonic=monotonic)
        verifier = SyncTokenVerifier(
            issuer=self._issued.issuer,
            audience=self._issued.audience,
            keys=issuer,
            revocations=issuer,
            clock=self.clock,
            monotonic=monotonic,
        )
        verifier._keys.renew()
        verifier._follower.follow()
        return verifier.verify


_IMPORT = {"RS256": RSAKey, "ES256": ECKey, "Ed25519": OKPKey}


def access(algorithm: str) -> Genuine:
    house = House(algorithm)
    jwk = house.private_jwk(KeyUse.ACCESS)
    doors: dict[str, Callable[[str], object]] = {"the service": house.authenticate}
    if algorithm == "HS256":
        return Genuine(house.tokens.access_token, unbase64(jwk["k"]), doors, house.close)
    doors["a relying service"] = house.relying_service()
    key = _IMPORT[algorithm].import_key(jwk).private_key
    return Genuine(house.tokens.access_token, key, doors, house.close)


def refresh() -> Genuine:
    house = House("HS256")
    secret = unbase64(house.private_jwk(KeyUse.REFRESH)["k"])
    doors = {"the refresh reader": house.refresh}
    return Genuine(house.tokens.refresh_token, secret, doors, house.close)


@pytest.fixture(scope="module")
def genuine() -> Iterator[dict[str, Genuine]]:
    made = {algorithm: access(algorithm) for algorithm in ("RS256", "ES256", "Ed25519", "HS256")}
    made["HS256 of refresh tokens"] = refresh()
    yield made
    for one in made.values():
        one.close()


Vector = Callable[[Genuine], bytes | str]


def _raw_rsa(encoded: Callable[[bytes, int], bytes]) -> Vector:
    """The private key applied to a padding that it would not make by itself."""

    def vector(g: Genuine) -> bytes:
        key: rsa.RSAPrivateKey = g.key
        size = key.key_size // 8
        block = encoded(hashlib.sha256(g.signed).digest(), size)
        numbers = key.private_numbers()
        number = pow(int.from_bytes(block), numbers.d, numbers.public_numbers.n)
        return number.to_bytes(size)

    return vector


def _padded(info: bytes, size: int, *, kind: bytes = b"\0\1", fill: bytes = b"\xff") -> bytes:
    return kind + fill * (size - len(info) - len(kind) - 1) + b"\0" + info


def _with_garbage(digest: bytes, size: int) -> bytes:
    """Bleichenbacher 2006: eight bytes of padding, and what follows the hash is not looked at."""
    head = b"\0\1" + b"\xff" * 8 + b"\0" + SHA256_INFO + digest
    return head + b"\xaa" * (size - len(head))


def _plus_n(g: Genuine) -> bytes:
    n = g.key.private_numbers().public_numbers.n
    return (int.from_bytes(g.signature) + n).to_bytes(len(g.signature) + 1)


def _number(value: Callable[[int], int]) -> Vector:
    return lambda g: value(g.key.private_numbers().public_numbers.n).to_bytes(256)


def _hashed(scheme: Any, digest: Any) -> Vector:
    return lambda g: g.key.sign(g.signed, scheme, digest)


SHAPES: dict[str, Vector] = {
    "empty": lambda _: b"",
    "one byte": lambda g: g.signature[:1],
    "truncated by one": lambda g: g.signature[:-1],
    "without its first byte": lambda g: g.signature[1:],
    "the first half": lambda g: g.signature[: len(g.signature) // 2],
    "extended by a zero": lambda g: g.signature + b"\0",
    "a leading zero": lambda g: b"\0" + g.signature,
    "twice": lambda g: g.signature * 2,
    "reversed": lambda g: g.signature[::-1],
    "halves swapped": lambda g: (
        g.signature[len(g.signature) // 2 :] + g.signature[: len(g.signature) // 2]
    ),
    "zeros": lambda g: bytes(len(g.signature)),
    "ones": lambda g: b"\xff" * len(g.signature),
    "the first bit": lambda g: bytes([g.signature[0] ^ 0x80]) + g.signature[1:],
    "the last bit": lambda g: g.signature[:-1] + bytes([g.signature[-1] ^ 1]),
    "as hexadecimal text": lambda g: g.signature.hex().encode(),
    "as base64 text": lambda g: b64encode(g.signature),
    "padded base64url": lambda g: encode(g.signature) + "==",
    "with a line break": lambda g: encode(g.signature) + "\n",
    "the hash alone": lambda g: hashlib.sha256(g.signed).digest(),
}
RS256: dict[str, Vector] = {
    "the number 0": _number(lambda _: 0),
    "the number 1": _number(lambda _: 1),
    "the number n - 1": _number(lambda n: n - 1),
    "the number n": _number(lambda n: n),
    "the number n + 1": _number(lambda n: n + 1),
    "plus n": _plus_n,
    "PSS": lambda g: g.key.sign(g.signed, PSS(MGF1(SHA256()), 32), SHA256()),
    "SHA-1": _hashed(PKCS1v15(), SHA1()),
    "SHA-384": _hashed(PKCS1v15(), SHA384()),
    "SHA-512": _hashed(PKCS1v15(), SHA512()),
    "no DigestInfo": _raw_rsa(_padded),
    "no NULL in the DigestInfo": _raw_rsa(
        lambda digest, size: _padded(
            bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest, size
        )
    ),
    "BER lengths": _raw_rsa(
        lambda digest, size: _padded(
            bytes.fromhex("308131300d06096086480165030402010500") + b"\x04\x20" + digest, size
        )
    ),
    "SHA-1's name over SHA-256": _raw_rsa(
        lambda digest, size: _padded(bytes.fromhex("3021300906052b0e03021a05000414") + digest, size)
    ),
    "a hash cut short": _raw_rsa(lambda digest, size: _padded(SHA256_INFO + digest[:20], size)),
    "garbage after the hash": _raw_rsa(_with_garbage),
    "block type 2": _raw_rsa(
        lambda digest, size: _padded(SHA256_INFO + digest, size, kind=b"\0\2", fill=b"\x77")
    ),
    "block type 0": _raw_rsa(
        lambda digest, size: _padded(SHA256_INFO + digest, size, kind=b"\0\0", fill=b"\0")
    ),
    "padding of zeros": _raw_rsa(
        lambda digest, size: _padded(SHA256_INFO + digest, size, fill=b"\0")
    ),
    "padding of fe": _raw_rsa(
        lambda digest, size: _padded(SHA256_INFO + digest, size, fill=b"\xfe")
    ),
}


def _pair(change: Callable[[int, int], tuple[int, int]]) -> Vector:
    def vector(g: Genuine) -> bytes:
        r, s = change(int.from_bytes(g.signature[:32]), int.from_bytes(g.signature[32:]))
        return r.to_bytes(32) + s.to_bytes(32)

    return vector


def _der(g: Genuine) -> bytes:
    return encode_dss_signature(int.from_bytes(g.signature[:32]), int.from_bytes(g.signature[32:]))


ES256: dict[str, Vector] = {
    "r zero": _pair(lambda _, s: (0, s)),
    "s zero": _pair(lambda r, _: (r, 0)),
    "both one": _pair(lambda _, __: (1, 1)),
    "r one": _pair(lambda _, s: (1, s)),
    "r n": _pair(lambda _, s: (N, s)),
    "s n": _pair(lambda r, _: (r, N)),
    "both n": _pair(lambda _, __: (N, N)),
    "both n - 1": _pair(lambda _, __: (N - 1, N - 1)),
    "r n + 1": _pair(lambda _, s: (N + 1, s)),
    "s n + 1": _pair(lambda r, _: (r, N + 1)),
    "r p": _pair(lambda _, s: (P, s)),
    "s p": _pair(lambda r, _: (r, P)),
    "r the greatest": _pair(lambda _, s: (2**256 - 1, s)),
    "s the greatest": _pair(lambda r, _: (r, 2**256 - 1)),
    "r negated": _pair(lambda r, s: (N - r, s)),
    "both negated": _pair(lambda r, s: (N - r, N - s)),
    "s equal to r": _pair(lambda r, _: (r, r)),
    "DER": _der,
    "DER cut to length": lambda g: _der(g)[:64],
    "DER with zeros before": lambda g: _der(g).rjust(72, b"\0"),
    "halves of 33 bytes": lambda g: b"\0" + g.signature[:32] + b"\0" + g.signature[32:],
    "halves of 31 bytes": lambda g: g.signature[1:32] + g.signature[33:],
    "halves of 48 bytes": lambda g: bytes(16) + g.signature[:32] + bytes(16) + g.signature[32:],
    "little-endian halves": lambda g: g.signature[:32][::-1] + g.signature[32:][::-1],
    "SHA-384": lambda g: _raw(g.key.sign(g.signed, ec.ECDSA(SHA384()))),
    "SHA-512": lambda g: _raw(g.key.sign(g.signed, ec.ECDSA(SHA512()))),
    "P-384": lambda g: _raw(
        ec.generate_private_key(ec.SECP384R1()).sign(g.signed, ec.ECDSA(SHA256())), 48
    ),
    "another key": lambda g: _raw(
        ec.generate_private_key(ec.SECP256R1()).sign(g.signed, ec.ECDSA(SHA256()))
    ),
}


def _raw(der: bytes, size: int = 32) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    r, s = decode_dss_signature(der)
    return r.to_bytes(size) + s.to_bytes(size)


def _s(change: Callable[[int], int]) -> Vector:
    def vector(g: Genuine) -> bytes:
        s = change(int.from_bytes(g.signature[32:], "little"))
        return g.signature[:32] + (s % 2**256).to_bytes(32, "little")

    return vector


ED25519: dict[str, Vector] = {
    "S plus L": _s(lambda s: s + L),
    "S plus 2 L": _s(lambda s: s + 2 * L),
    "S plus 8 L": _s(lambda s: s + 8 * L),
    "S L": _s(lambda _: L),
    "S zero": _s(lambda _: 0),
    "S one": _s(lambda _: 1),
    "S negated": _s(lambda s: L - s),
    "S with its highest bits": _s(lambda s: s | 0xE0 << 248),
    "S the greatest": _s(lambda _: 2**256 - 1),
    "the sign of R": lambda g: (
        g.signature[:31] + bytes([g.signature[31] ^ 0x80]) + g.signature[32:]
    ),
    "S big-endian": lambda g: g.signature[:32] + g.signature[32:][::-1],
    "Ed25519ph": lambda g: g.key.sign(hashlib.sha512(g.signed).digest()),
    "another key": lambda g: ed25519.Ed25519PrivateKey.generate().sign(g.signed),
    **{
        f"R of small order {number}, S {name}": (
            lambda g, point=point, s=s: point + (g.signature[32:] if s is None else s)
        )
        for number, point in enumerate(SMALL_ORDER)
        for name, s in {"zero": bytes(32), "genuine": None}.items()
    },
}


def _tag(key: Callable[[bytes], bytes], digest: str = "sha256", size: int | None = None) -> Vector:
    return lambda g: hmac.digest(key(g.key), g.signed, digest)[:size]


HS256: dict[str, Vector] = {
    **{f"{size} bytes of the tag": _tag(lambda k: k, size=size) for size in (4, 8, 16, 20, 31)},
    "an empty key": _tag(lambda _: b""),
    "a key of zeros": _tag(lambda k: bytes(len(k))),
    "the key as text": _tag(lambda k: encode(k).encode()),
    "the key cut short": _tag(lambda k: k[:-1]),
    "the key and more": _tag(lambda k: k + b"\1"),
    "the key hashed": _tag(lambda k: hashlib.sha256(k).digest()),
    "SHA-1": _tag(lambda k: k, "sha1"),
    "SHA-384": _tag(lambda k: k, "sha384"),
    "SHA-512": _tag(lambda k: k, "sha512"),
    "SHA-512 cut to length": _tag(lambda k: k, "sha512", 32),
    "the tag and a hash": lambda g: g.signature + hashlib.sha256(g.signed).digest(),
    "no HMAC but a hash of key and text": lambda g: hashlib.sha256(g.key + g.signed).digest(),
    "of the header alone": lambda g: hmac.digest(g.key, g.signed.partition(b".")[0], "sha256"),
    "of the claims alone": lambda g: hmac.digest(g.key, g.signed.partition(b".")[2], "sha256"),
    "of the text without its dot": lambda g: hmac.digest(
        g.key, g.signed.replace(b".", b""), "sha256"
    ),
}
VECTORS = [
    pytest.param(kind, vector, id=f"{kind}: {name}")
    for kind, own in {
        "RS256": RS256,
        "ES256": ES256,
        "Ed25519": ED25519,
        "HS256": HS256,
        "HS256 of refresh tokens": HS256,
    }.items()
    for name, vector in {**SHAPES, **own}.items()
]


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize(("kind", "vector"), VECTORS)
def test_a_wrong_signature_is_refused_at_every_door(
    genuine: dict[str, Genuine], kind: str, vector: Vector
) -> None:
    one = genuine[kind]
    forged = one.with_signature(vector(one))
    assert forged != one.token

    for door, read in one.read.items():
        with pytest.raises(AuthCoreError) as caught:
            read(forged)
        assert isinstance(caught.value, InvalidToken | InvalidRefreshToken), door


@pytest.mark.parametrize("kind", ["RS256", "ES256", "Ed25519", "HS256", "HS256 of refresh tokens"])
def test_the_token_around_which_they_are_forged_passes(
    genuine: dict[str, Genuine], kind: str
) -> None:
    for read in genuine[kind].read.values():
        assert read(genuine[kind].token)


def test_an_elliptic_signature_with_a_short_half_keeps_its_zero_and_passes() -> None:
    """One in 128 has one: signers that drop it, or verifiers that miss it, fail now and then."""
    key = ec.generate_private_key(ec.SECP256R1())
    check = verification_key(
        {n: str(v) for n, v in ECKey.import_key(key).as_dict(private=False).items()},
        kid="k",
        algorithm="ES256",
    ).check
    found = 0
    for number in range(20_000):
        signed = str(number).encode()
        raw = _raw(key.sign(signed, ec.ECDSA(SHA256())))
        if 0 in {raw[0], raw[32]}:
            check(raw, signed)
            found += 1
        if found == 3:
            return
    pytest.fail("no such signature was made")


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
@pytest.mark.parametrize("sign", [0, 0x80])
def test_a_public_key_of_small_order_is_no_key(point: bytes, sign: int) -> None:
    """Under such a key one signature fits every text."""
    x = encode(point[:31] + bytes([point[31] | sign]))

    with pytest.raises(ValueError, match="algorithm"):
        verification_key({"kty": "OKP", "crv": "Ed25519", "x": x}, kid="k", algorithm="Ed25519")
