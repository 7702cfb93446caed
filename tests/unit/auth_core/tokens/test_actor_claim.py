"""The claim ``act``: who acts for the subject (RFC 8693 §4.1, SEC-70)."""

import json

import msgspec
import pytest

from auth_core.kernel import InvalidToken
from auth_core.testing.contracts.making import fresh_id
from auth_core.tokens import AccessClaims, ActorClaim

pytestmark = pytest.mark.sec("SEC-70")


def test_without_an_actor_the_claims_are_encoded_as_they_always_were(forge):
    """Byte by byte: the fast way of a verifier compares them."""
    genuine = forge.claims()
    claims = msgspec.convert(genuine, AccessClaims)

    assert json.dumps(genuine, separators=(",", ":")).encode() == msgspec.json.encode(claims)


def test_an_actor_is_passed_on_by_every_verifier(forge, verify):
    actor = fresh_id()

    assert ActorClaim(actor) == verify(forge.token(act={"sub": str(actor)})).act
    # of a chain that somebody else's issuer made, the newest link counts (§4.1)
    nested = {"sub": str(actor), "act": {"sub": str(fresh_id())}}
    assert ActorClaim(actor) == verify(forge.token(act=nested)).act
    assert msgspec.UNSET is verify(forge.token()).act


@pytest.mark.parametrize("act", [None, "somebody", {}, {"sub": None}, {"sub": "somebody"}, []])
def test_an_actor_that_cannot_be_is_refused(forge, verify, act):
    with pytest.raises(InvalidToken):
        verify(forge.token(act=act))


def test_two_actors_are_refused(forge, verify):
    claims = json.dumps(forge.claims())
    both = f'{claims[:-1]},"act":{{"sub":"{fresh_id()}"}},"act":{{"sub":"{fresh_id()}"}}}}'

    with pytest.raises(InvalidToken):
        verify(forge.sign(forge.header(), both))
