"""The memory of tokens that were verified before."""

import msgspec
import pytest

from auth_core.kernel import TokenExpired
from auth_core.tokens import AccessClaims, VerifiedTokens


def claims(exp=1000, sub="s"):
    return AccessClaims(
        sub=sub,
        iss="i",
        aud="a",
        iat=0,
        exp=exp,
        jti="j",
        sid="s",
        username="u",
        email="e",
        email_verified=False,
        roles=(),
        scopes=(),
    )


def test_an_unknown_token_is_a_miss():
    verified = VerifiedTokens()

    assert None is verified.get("token", 0)
    assert None is verified.get("", 0)
    assert None is verified.get("\ud800", 0)


def test_a_token_is_remembered_exactly():
    verified = VerifiedTokens()
    verified.add("token", "kid", claims())

    assert claims() == verified.get("token", 0).claims
    for other in ("Token", "token ", "toke", "token\0"):
        assert None is verified.get(other, 0)


@pytest.mark.sec("SEC-27")
def test_a_token_is_never_accepted_at_its_expiry():
    verified = VerifiedTokens()
    verified.add("token", "kid", claims(exp=1000))

    assert claims() == verified.get("token", 999.999999).claims
    with pytest.raises(TokenExpired):
        verified.get("token", 1000.0)
    assert 0 == len(verified)


def test_a_token_remembers_its_key_and_can_be_forgotten():
    verified = VerifiedTokens()
    verified.add("token", "kid", claims())

    assert "kid" == verified.get("token", 0).kid
    for _ in range(2):
        verified.forget("token")
    assert None is verified.get("token", 0)


def test_an_expired_token_is_forgotten():
    verified = VerifiedTokens()
    verified.add("token", "kid", claims(exp=1000))
    with pytest.raises(TokenExpired):
        verified.get("token", 2000.0)

    assert None is verified.get("token", 2000.0)


def test_the_memory_is_bounded():
    verified = VerifiedTokens(capacity=10)

    for number in range(1000):
        verified.add(f"token-{number}", "kid", claims())

    assert 10 == len(verified)
    assert claims() == verified.get("token-999", 0).claims


def test_the_least_recently_used_token_leaves_first():
    verified = VerifiedTokens(capacity=2)
    verified.add("one", "kid", claims())
    verified.add("two", "kid", claims())
    verified.get("one", 0)

    verified.add("three", "kid", claims())

    remembered = [verified.get(token, 0) is not None for token in ("one", "two", "three")]
    assert [True, False, True] == remembered


def test_a_token_is_remembered_once():
    verified = VerifiedTokens(capacity=2)
    for sub in ("a", "b", "c"):
        verified.add("token", "kid", claims(sub=sub))

    assert 1 == len(verified)
    assert claims(sub="c") == verified.get("token", 0).claims


@pytest.mark.sec("SEC-49")
def test_a_dump_of_the_memory_holds_no_token():
    verified = VerifiedTokens()
    verified.add("canary", "kid", claims())

    entries = [msgspec.to_builtins(entry) for entry in verified._verified.values()]
    dump = repr(vars(verified)) + repr(entries)

    assert "canary" not in dump
