"""Stored keys: the public part is no secret, and nobody can put another one in its place."""

import msgspec
import pytest

from adapters.crypto import EnvelopeSealer, JoseKeyGenerator
from adapters.system import SystemClock
from auth_core.core import Core
from auth_core.kernel import KeyTampered, Secret
from auth_core.keys import KeyStatus, KeyUse, SealedKey
from auth_core.keys.current import RELOAD_INTERVAL
from auth_core.keys.vault import KeyVault
from auth_core.testing import InMemoryCore, in_memory_core

ASYMMETRIC = ("RS256", "ES256", "Ed25519")


@pytest.fixture
def vault() -> KeyVault:
    return KeyVault(EnvelopeSealer(Secret(bytes(32))))


def sealed(vault: KeyVault, algorithm: str) -> SealedKey:
    generator = JoseKeyGenerator(SystemClock(), access_algorithm=algorithm)
    return vault.seal(generator.generate(KeyUse.ACCESS))


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_key_comes_back_with_its_public_part(vault: KeyVault, algorithm: str) -> None:
    key = sealed(vault, algorithm)

    assert key.public_jwk == vault.open(key).public_jwk


@pytest.mark.sec("SEC-46")
@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_no_other_public_part_is_believed(vault: KeyVault, algorithm: str) -> None:
    key, other = sealed(vault, algorithm), sealed(vault, algorithm)
    assert key.public_jwk is not None
    assert other.public_jwk is not None
    forged = [
        None,
        {},
        other.public_jwk,
        {**other.public_jwk, "kid": key.kid},  # the attacker's key under our name
        {**key.public_jwk, "alg": "HS256"},
        {**key.public_jwk, "x5u": "https://evil.example"},
        {name: value for name, value in key.public_jwk.items() if name != "use"},
    ]

    for public_jwk in forged:
        with pytest.raises(KeyTampered, match=f"fm-auth key revoke {key.kid}"):
            vault.open(msgspec.structs.replace(key, public_jwk=public_jwk))


@pytest.mark.sec("SEC-46")
def test_a_symmetric_key_gets_no_public_part(vault: KeyVault) -> None:
    key = vault.seal(JoseKeyGenerator(SystemClock()).generate(KeyUse.REFRESH))
    published = {"kty": "oct", "kid": key.kid, "use": "sig", "alg": "HS256"}

    with pytest.raises(KeyTampered):
        vault.open(msgspec.structs.replace(key, public_jwk=published))


@pytest.fixture
def house() -> InMemoryCore:
    return in_memory_core()


def worker(house: InMemoryCore) -> Core:
    generator = JoseKeyGenerator(house.clock, access_algorithm="ES256")
    return Core(msgspec.structs.replace(house.ports, key_generator=generator), house.options)


@pytest.mark.sec("SEC-46")
async def test_a_swapped_public_key_stops_a_start_and_reaches_no_relying_service(
    house: InMemoryCore,
) -> None:
    running = worker(house)
    genuine = (await running.keys.ring()).active(KeyUse.ACCESS)
    assert genuine is not None
    other = JoseKeyGenerator(house.clock, access_algorithm="ES256").generate(KeyUse.ACCESS)
    assert other.public_jwk is not None
    row = house.store.keys[genuine.kid]
    swapped = {**other.public_jwk, "kid": genuine.kid}
    house.store.keys[genuine.kid] = msgspec.structs.replace(row, public_jwk=swapped)

    with pytest.raises(KeyTampered):
        await worker(house).keys.ring()
    house.clock.advance(RELOAD_INTERVAL)
    ring = await running.keys._current.load()

    assert [genuine.public_jwk] == ring.jwks()["keys"]
    assert genuine.kid in running.keys.problem
    # what the message tells the operator to do
    assert genuine.kid != (await running.keys.revoke(genuine.kid)).kid
    assert KeyStatus.ACTIVE is (await worker(house).keys.ring()).active(KeyUse.ACCESS).status
