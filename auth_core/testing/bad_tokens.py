"""Every kind of bad access token, by name: what a service must refuse (SEC-25 to SEC-29).

Needs the extra ``fm-auth-core[jose]``.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from auth_core.testing.forge import LEFT_OUT, Forge

INVALID, EXPIRED = "invalid_token", "token_expired"
HOUR = 3600


class Kind(msgspec.Struct, frozen=True):
    """How one kind of bad token is made. ``sec`` is the behaviour that it breaks."""

    sec: str
    make: Callable[[Forge], str]
    code: str = INVALID


class BadToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token to be refused, with the code of our refusal. All of it can be sent in a header."""

    name: str
    sec: str
    code: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """``Authorization`` with this token."""
        return {"Authorization": f"Bearer {self.token}"}

    def __repr__(self) -> str:
        return f"BadToken({self.name!r})"


def forgeries(forge: Forge) -> Iterator[BadToken]:
    """One of each kind that can be made without asking anybody."""
    return (forgery(name, forge) for name in FORGERIES)


def forgery(name: str, forge: Forge) -> BadToken:
    """The one of this name. Raises KeyError."""
    kind = FORGERIES[name]
    return BadToken(name=name, sec=kind.sec, code=kind.code, token=kind.make(forge))


def _claims(**changes: Any) -> Callable[[Forge], str]:
    return lambda forge: forge.with_claims(**changes)


def _header(**changes: Any) -> Callable[[Forge], str]:
    return lambda forge: forge.with_header(**changes)


def _stranger(**changes: Any) -> Callable[[Forge], str]:
    return lambda forge: forge.by_stranger(**changes)


def _unsigned(alg: str) -> Callable[[Forge], str]:
    return lambda forge: forge.unsigned(alg)


def _later(**seconds: int) -> Callable[[Forge], str]:
    """Claims so many seconds from now."""
    return lambda forge: forge.with_claims(
        **{name: forge.now + ahead for name, ahead in seconds.items()}
    )


def _raw_header(write: Callable[[dict[str, Any]], str]) -> Callable[[Forge], str]:
    return lambda forge: forge.with_raw_header(write(forge.header))


def _raw_claims(write: Callable[[dict[str, Any]], str]) -> Callable[[Forge], str]:
    return lambda forge: forge.with_raw_claims(write(forge.claims))


def _bent(bend: Callable[[bytes], bytes]) -> Callable[[Forge], str]:
    return lambda forge: forge.with_signature(bend(forge.signature))


_SIGNATURES: Mapping[str, Callable[[Forge], str]] = {
    **{
        f"alg_{name}": _unsigned(alg)
        for name, alg in {
            "none": "none",
            "none_capitalized": "None",
            "none_upper_case": "NONE",
            "none_mixed_case": "nOnE",
            "empty": "",
        }.items()
    },
    "alg_none_but_signed": _header(alg="none"),
    "alg_missing": _header(alg=LEFT_OUT),
    "alg_lower_case": lambda f: f.with_header(alg=f.header["alg"].lower()),
    "alg_of_another_key": lambda f: f.with_header(
        alg="RS256" if f.header["alg"] != "RS256" else "ES256"
    ),
    "hs256_under_public_pem": lambda f: f.hs256(f.public_key(Encoding.PEM)),
    "hs256_under_public_der": lambda f: f.hs256(f.public_key(Encoding.DER)),
    "hs256_under_kid": lambda f: f.hs256(f.header["kid"].encode()),
    "hs256_under_nothing": lambda f: f.hs256(b""),
    "wrong_key": _stranger(),
    "signature_missing": _bent(lambda _: b""),
    "signature_truncated": _bent(lambda raw: raw[:-1]),
    "signature_halved": _bent(lambda raw: raw[: len(raw) // 2]),
    "signature_extended": _bent(lambda raw: raw + b"\0"),
    "signature_bent": _bent(lambda raw: bytes([raw[0] ^ 1]) + raw[1:]),
    "signature_of_zeros": _bent(lambda raw: bytes(len(raw))),
    "signature_of_other_claims": lambda f: (
        f"{f.with_claims(sub=str(UUID(int=1))).rpartition('.')[0]}.{f.token.rpartition('.')[2]}"
    ),
    "trailing_dot": lambda f: f.token + ".",
    "trailing_segment": lambda f: f.token + ".e30",
    "trailing_data": lambda f: f.token + "AAAA",
    "padded": lambda f: f.token + "==",
    "two_segments": lambda f: f.token.rpartition(".")[0],
    "twice": lambda f: f"{f.token}.{f.token}",
    "nothing_inside": lambda _: "..",
    "no_token_at_all": lambda _: "abc",
    "too_long": _claims(padding="x" * 10_000),
}

_JSON: Mapping[str, Callable[[Forge], str]] = {
    "alg_twice": _raw_header(lambda h: '{"alg": "none", ' + json.dumps(h)[1:]),
    "kid_twice": _raw_header(lambda h: '{"kid": "other", ' + json.dumps(h)[1:]),
    "typ_twice": _raw_header(lambda h: '{"typ": "JWT", ' + json.dumps(h)[1:]),
    "sub_twice": _raw_claims(lambda c: f'{{"sub": "{UUID(int=1)}", ' + json.dumps(c)[1:]),
    "exp_twice": _raw_claims(lambda c: json.dumps(c)[:-1] + ', "exp": 1}'),
    "duplicate_in_escapes": _raw_claims(lambda c: '{"s\\u0075b": "x", ' + json.dumps(c)[1:]),
    "text_behind_claims": _raw_claims(lambda c: json.dumps(c) + "{}"),
    "nan_in_claims": _raw_claims(lambda c: json.dumps(c | {"x": float("nan")})),
    "claims_no_object": _raw_claims(lambda _: "[]"),
    "claims_empty": _raw_claims(lambda _: ""),
    "claims_not_utf8": lambda f: f.signed(f.header, b'{"sub": "\xff"}'),
    "claims_too_deep": _raw_claims(lambda _: '{"x":' + "[" * 4000),
    "header_no_object": _raw_header(lambda _: "[]"),
}

_KEY_IDS: Mapping[str, Callable[[Forge], str]] = {
    **{
        f"kid_{name}": _header(kid=kid)
        for name, kid in {
            "missing": LEFT_OUT,
            "null": None,
            "a_number": 1,
            "empty": "",
            "unknown": "unknown",
            "a_path": "../../../../etc/passwd",
            "a_device": "/dev/null",
            "sql": "x' UNION SELECT 'secret' --",
            "a_url": "http://127.0.0.1:1/key",
            "a_command": "|id",
            "with_nul": "a\0b",
            "of_10_kb": "k" * 10_000,
            "of_5_kb": "k" * 5_000,
        }.items()
    },
    "jwk_of_attacker": lambda f: f.by_stranger(jwk=f.public_jwk_of_stranger()),
    "jku_of_attacker": _stranger(jku="http://127.0.0.1:1/jwks.json"),
    "x5u_of_attacker": _stranger(x5u="http://127.0.0.1:1/chain.pem"),
    "x5c_of_attacker": _stranger(x5c=["MIIB"]),
    "jku": _header(jku="http://127.0.0.1:1/jwks.json"),
    "x5u": _header(x5u="http://127.0.0.1:1/chain.pem"),
    "crit_unknown": _header(crit=["exp"], exp=1),
    "b64_false": _header(crit=["b64"], b64=False),
    "zip": _header(zip="DEF"),
}

_CLAIMS: Mapping[str, Callable[[Forge], str]] = {
    "not_yet_valid": _later(nbf=HOUR),
    "issued_in_the_future": _later(iat=HOUR, exp=2 * HOUR),
    "iat_after_exp": lambda f: f.with_claims(iat=f.claims["exp"] + 1),
    "other_issuer": _claims(iss="https://evil.example"),
    "issuer_with_slash": lambda f: f.with_claims(iss=f.claims["iss"] + "/"),
    "issuer_missing": _claims(iss=LEFT_OUT),
    "other_audience": _claims(aud="other-api"),
    "audience_missing": _claims(aud=LEFT_OUT),
    "audience_null": _claims(aud=None),
    "audience_a_list": lambda f: f.with_claims(aud=[f.claims["aud"]]),
    "audience_among_others": lambda f: f.with_claims(aud=["other-api", f.claims["aud"]]),
    "exp_missing": _claims(exp=LEFT_OUT),
    "exp_null": _claims(exp=None),
    "exp_a_text": _claims(exp="9999999999"),
    "exp_true": _claims(exp=True),
    "exp_a_fraction": _claims(exp=9999999999.5),
    "exp_1e308": _claims(exp=1e308),
    "exp_negative": _claims(exp=-1),
    "iat_missing": _claims(iat=LEFT_OUT),
    "iat_a_text": _claims(iat="1"),
    "iat_negative": _claims(iat=-1),
    "nbf_a_text": _claims(nbf="1"),
    "nbf_1e308": _claims(nbf=1e308),
    "sub_missing": _claims(sub=LEFT_OUT),
    "sub_no_id": _claims(sub="jane"),
    "sub_a_number": _claims(sub=1),
    "sid_missing": _claims(sid=LEFT_OUT),
    "jti_missing": _claims(jti=LEFT_OUT),
    "roles_a_text": _claims(roles="admin"),
}

_TYPES: Mapping[str, Callable[[Forge], str]] = {
    "refresh_token": lambda f: f.refresh_token,
    "refresh_token_by_claim": _claims(type="refresh"),
    "refresh_token_by_typ": _header(typ="rt+jwt"),
    "id_token": lambda f: f.signed(
        f.header | {"typ": "JWT"},
        {name: f.claims[name] for name in ("iss", "sub", "aud", "exp", "iat")} | {"nonce": "n"},
    ),
    "typ_jwt": _header(typ="JWT"),
    "typ_missing": _header(typ=LEFT_OUT),
    "typ_a_list": _header(typ=["at+jwt"]),
}


def _all() -> Iterator[tuple[str, Kind]]:
    yield "expired", Kind("SEC-27", _later(iat=-2 * HOUR, exp=-1), EXPIRED)
    yield "expired_this_second", Kind("SEC-27", _later(iat=-2 * HOUR, exp=0), EXPIRED)
    for sec, kinds in (
        ("SEC-25", _SIGNATURES),
        ("SEC-25", _JSON),
        ("SEC-26", _KEY_IDS),
        ("SEC-27", _CLAIMS),
        ("SEC-28", _TYPES),
    ):
        yield from ((name, Kind(sec, make)) for name, make in kinds.items())


FORGERIES: Final[Mapping[str, Kind]] = MappingProxyType(dict(_all()))
"""Made with a good token and its key alone, so that any service's tokens can be forged."""
