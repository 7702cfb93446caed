"""The contracts of sealing, hashing and signing on real cryptography, and what is special to it."""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator

import pytest

from adapters.crypto import Argon2Hasher, EnvelopeSealer, JoseKeyGenerator, JoseSigner
from adapters.crypto.passwords import QUEUE_PER_THREAD
from adapters.system import SystemClock
from auth_core.kernel import Secret, Unavailable, WrongMasterKey
from auth_core.keys import KeyUse
from auth_core.testing.contracts import (
    PasswordHasherContract,
    SealerContract,
    TokenSignerContract,
)

CONTEXT = "signing-key:access:RS256:kid"
PASSWORD = Secret("correct horse battery staple")
PLACES = 1 + QUEUE_PER_THREAD
"""How many hashes a hasher of one thread takes at once."""
LONGEST_LAG = 0.05
HEADER, WRAPPED_KEY, CIPHERTEXT = slice(0, 9), slice(9, 69), slice(69, None)


@pytest.fixture
def sealer() -> EnvelopeSealer:
    return EnvelopeSealer(Secret(secrets.token_bytes(32)))


@pytest.fixture
def another_sealer() -> EnvelopeSealer:
    return EnvelopeSealer(Secret(secrets.token_bytes(32)))


@pytest.fixture
def password_hasher() -> Iterator[Argon2Hasher]:
    """A cheap one, though dear enough to outweigh the way to the thread and back."""
    hasher = Argon2Hasher(memory_kib=1024, passes=1, threads=2)
    yield hasher
    hasher.close()


@pytest.fixture
def default_hasher() -> Iterator[Argon2Hasher]:
    hasher = Argon2Hasher()
    yield hasher
    hasher.close()


@pytest.fixture
def narrow_hasher() -> Iterator[Argon2Hasher]:
    """One thread at the default cost."""
    hasher = Argon2Hasher(threads=1)
    yield hasher
    hasher.close()


@pytest.fixture
def key_generator() -> JoseKeyGenerator:
    return JoseKeyGenerator(SystemClock())


@pytest.fixture
def token_signer() -> JoseSigner:
    return JoseSigner()


class TestEnvelopeSealer(SealerContract):
    @pytest.mark.sec("SEC-46")
    @pytest.mark.parametrize("size", [0, 16, 24, 31, 33, 64])
    def test_a_master_key_of_another_length_is_refused(self, size: int) -> None:
        with pytest.raises(WrongMasterKey, match=f"{size} bytes and needs 32"):
            EnvelopeSealer(Secret(bytes(size)))

    @pytest.mark.sec("SEC-46")
    def test_a_restarted_service_opens_what_it_sealed_before(self) -> None:
        master_key = secrets.token_bytes(32)
        sealed = EnvelopeSealer(Secret(master_key)).seal(Secret(b"secret"), context=CONTEXT)

        opened = EnvelopeSealer(Secret(master_key)).open(sealed, context=CONTEXT)

        assert b"secret" == opened.reveal()

    @pytest.mark.sec("SEC-46")
    def test_the_error_names_both_master_keys_by_their_ids(
        self, sealer: EnvelopeSealer, another_sealer: EnvelopeSealer
    ) -> None:
        sealed = sealer.seal(Secret(b"secret"), context=CONTEXT)

        with pytest.raises(WrongMasterKey) as caught:
            another_sealer.open(sealed, context=CONTEXT)

        assert sealer.key_id in str(caught.value)
        assert another_sealer.key_id in str(caught.value)

    @pytest.mark.sec("SEC-46")
    def test_another_master_key_under_the_same_id_does_not_open_it(
        self, sealer: EnvelopeSealer, another_sealer: EnvelopeSealer
    ) -> None:
        """The id is only a name: the encryption refuses too."""
        sealed = sealer.seal(Secret(b"secret"), context=CONTEXT)
        relabelled = sealed[:1] + bytes.fromhex(another_sealer.key_id) + sealed[HEADER.stop :]

        with pytest.raises(WrongMasterKey):
            another_sealer.open(relabelled, context=CONTEXT)

    @pytest.mark.sec("SEC-46")
    def test_a_flipped_bit_is_noticed_wherever_it_is(self, sealer: EnvelopeSealer) -> None:
        sealed = sealer.seal(Secret(b"secret"), context=CONTEXT)

        for bit in range(8 * len(sealed)):
            flipped = (int.from_bytes(sealed) ^ (1 << bit)).to_bytes(len(sealed))
            with pytest.raises(WrongMasterKey):
                sealer.open(flipped, context=CONTEXT)

    @pytest.mark.sec("SEC-46")
    def test_a_truncated_value_is_refused_as_damaged(self, sealer: EnvelopeSealer) -> None:
        sealed = sealer.seal(Secret(b"secret"), context=CONTEXT)

        for end in range(len(sealed)):
            with pytest.raises(WrongMasterKey):
                sealer.open(sealed[:end], context=CONTEXT)

    @pytest.mark.sec("SEC-46")
    def test_a_value_moved_to_another_row_does_not_open(self, sealer: EnvelopeSealer) -> None:
        sealed = sealer.seal(Secret(b"secret"), context="signing-key:access:RS256:one")

        with pytest.raises(WrongMasterKey, match="moved from another row"):
            sealer.open(sealed, context="signing-key:access:RS256:two")

    @pytest.mark.sec("SEC-46")
    def test_halves_of_two_values_do_not_open_together(self, sealer: EnvelopeSealer) -> None:
        one, two = (sealer.seal(Secret(b"secret"), context=CONTEXT) for _ in range(2))

        with pytest.raises(WrongMasterKey):
            sealer.open(one[HEADER] + one[WRAPPED_KEY] + two[CIPHERTEXT], context=CONTEXT)

    @pytest.mark.sec("SEC-46")
    def test_two_seals_share_nothing_but_their_header(self, sealer: EnvelopeSealer) -> None:
        one, two = (sealer.seal(Secret(bytes(64)), context=CONTEXT) for _ in range(2))

        assert one[HEADER] == two[HEADER]
        assert one[WRAPPED_KEY] != two[WRAPPED_KEY]
        assert one[CIPHERTEXT] != two[CIPHERTEXT]

    @pytest.mark.sec("SEC-46")
    def test_neither_the_plaintext_nor_the_master_key_is_in_the_sealed_bytes(self) -> None:
        master_key, plaintext = secrets.token_bytes(32), b'{"kty":"oct","k":"canary"}' * 8

        sealed = EnvelopeSealer(Secret(master_key)).seal(Secret(plaintext), context=CONTEXT)

        assert b"canary" not in sealed
        assert master_key[:8] not in sealed

    @pytest.mark.sec("SEC-67")
    def test_a_master_key_of_another_length_is_not_shown(self) -> None:
        with pytest.raises(WrongMasterKey) as caught:
            EnvelopeSealer(Secret(b"canary"))

        assert "canary" not in f"{caught.value!r} {caught.value}"


class TestArgon2Hasher(PasswordHasherContract):
    async def test_the_defaults_are_those_of_owasp(self, default_hasher: Argon2Hasher) -> None:
        hashed = await default_hasher.hash(PASSWORD)

        _, *parameters, salt, digest = hashed.reveal().split("$")
        assert ["argon2id", "v=19", "m=19456,t=2,p=1"] == parameters
        assert 16 == len(_decoded(salt))
        assert 32 == len(_decoded(digest))

    async def test_a_hash_made_with_other_parameters_still_matches(
        self, password_hasher: Argon2Hasher, default_hasher: Argon2Hasher
    ) -> None:
        hashed = await default_hasher.hash(PASSWORD)

        assert await password_hasher.verify(PASSWORD, hashed)
        assert not await password_hasher.verify(Secret("another"), hashed)

    @pytest.mark.parametrize(
        "garbage",
        [
            "garbage",
            "$",
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1$",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA",
            "$argon2id$v=19$m=99999999999,t=2,p=1$c29tZXNhbHQ$YWFhYWFhYWFhYWFhYWFhYQ",
            "$argon2id$v=19$m=8,t=1,p=1$YQ$YQ",
            f"$2b$12${'a' * 53}",
            "$argon2id$v=19$m=8,t=1,p=1$é$é",
        ],
    )
    async def test_garbage_is_never_a_match(
        self, password_hasher: Argon2Hasher, garbage: str
    ) -> None:
        assert False is await password_hasher.verify(PASSWORD, Secret(garbage))

    @pytest.mark.sec("SEC-01")
    async def test_no_hash_is_not_matched_by_nobodys_password(
        self, password_hasher: Argon2Hasher
    ) -> None:
        assert False is await password_hasher.verify(Secret("nobody's password"), None)

    @pytest.mark.sec("SEC-01")
    async def test_an_empty_hash_is_not_matched_by_nobodys_password(
        self, password_hasher: Argon2Hasher
    ) -> None:
        assert False is await password_hasher.verify(Secret("nobody's password"), Secret(""))

    @pytest.mark.sec("SEC-01")
    async def test_no_hash_costs_the_processor_a_hash(self, narrow_hasher: Argon2Hasher) -> None:
        hashed = await narrow_hasher.hash(PASSWORD)
        await narrow_hasher.verify(PASSWORD, None)

        real = [await _processor_time(narrow_hasher, hashed) for _ in range(9)]
        absent = [await _processor_time(narrow_hasher, None) for _ in range(9)]

        assert min(real) / 2 < min(absent) < min(real) * 2

    @pytest.mark.sec("SEC-08")
    async def test_more_hashes_than_the_queue_holds_are_turned_away(
        self, narrow_hasher: Argon2Hasher
    ) -> None:
        surplus = 5

        results = await asyncio.gather(
            *(narrow_hasher.hash(PASSWORD) for _ in range(PLACES + surplus)),
            return_exceptions=True,
        )

        refusals = [result for result in results if isinstance(result, Unavailable)]
        assert [Secret] * PLACES == [type(result) for result in results[:PLACES]]
        assert refusals == results[PLACES:]
        assert all(refusal.retry_after >= 1 for refusal in refusals)

    @pytest.mark.sec("SEC-08")
    async def test_a_full_queue_turns_verification_away_with_and_without_a_hash(
        self, narrow_hasher: Argon2Hasher
    ) -> None:
        hashed = await narrow_hasher.hash(PASSWORD)
        filling = await _fill(narrow_hasher)

        for password_hash in (hashed, None):
            with pytest.raises(Unavailable) as caught:
                await narrow_hasher.verify(PASSWORD, password_hash)
            assert caught.value.retry_after >= 1

        await filling

    @pytest.mark.sec("SEC-08")
    async def test_a_refusal_is_immediate(self, narrow_hasher: Argon2Hasher) -> None:
        filling = await _fill(narrow_hasher)

        with pytest.raises(Unavailable):
            await narrow_hasher.hash(PASSWORD)

        assert not filling.done()
        await filling

    @pytest.mark.sec("SEC-08")
    async def test_an_emptied_queue_takes_as_many_hashes_again(
        self, narrow_hasher: Argon2Hasher
    ) -> None:
        await asyncio.gather(
            *(narrow_hasher.hash(PASSWORD) for _ in range(2 * PLACES)), return_exceptions=True
        )

        hashes = await asyncio.gather(*(narrow_hasher.hash(PASSWORD) for _ in range(PLACES)))

        assert PLACES == len(hashes)
        assert await narrow_hasher.verify(PASSWORD, hashes[-1])

    @pytest.mark.sec("SEC-08")
    async def test_callers_who_give_up_free_their_places(self, narrow_hasher: Argon2Hasher) -> None:
        filling = await _fill(narrow_hasher)
        filling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await filling

        hashes = await asyncio.gather(*(narrow_hasher.hash(PASSWORD) for _ in range(PLACES)))

        assert PLACES == len(hashes)

    @pytest.mark.sec("SEC-08")
    async def test_the_event_loop_stays_responsive_while_the_queue_is_full(
        self, narrow_hasher: Argon2Hasher
    ) -> None:
        """Best of many: a busy machine delays some tries, hashing on the loop delays them all."""
        lags = []
        for _ in range(30):
            lags.append(await _longest_lag_while_full(narrow_hasher))
            if lags[-1] < LONGEST_LAG:
                break

        assert min(lags) < LONGEST_LAG


class TestEllipticCurve(TokenSignerContract):
    @pytest.fixture
    def key_generator(self) -> JoseKeyGenerator:
        return JoseKeyGenerator(SystemClock(), access_algorithm="ES256")


class TestEdwardsCurve(TokenSignerContract):
    @pytest.fixture
    def key_generator(self) -> JoseKeyGenerator:
        return JoseKeyGenerator(SystemClock(), access_algorithm="Ed25519")


class TestJose(TokenSignerContract):
    def test_access_keys_are_rsa_of_2048_bits(self, key_generator: JoseKeyGenerator) -> None:
        key = key_generator.generate(KeyUse.ACCESS)

        assert key.public_jwk is not None
        assert ("RS256", "RSA") == (key.algorithm, key.public_jwk["kty"])
        assert 2048 == int.from_bytes(_decoded(key.public_jwk["n"])).bit_length()
        assert 65537 == int.from_bytes(_decoded(key.public_jwk["e"]))

    @pytest.mark.sec("SEC-46")
    def test_a_public_key_has_the_public_members_only(
        self, key_generator: JoseKeyGenerator
    ) -> None:
        key = key_generator.generate(KeyUse.ACCESS)

        assert key.public_jwk is not None
        assert {"kid", "use", "alg", "kty", "n", "e"} == set(key.public_jwk)
        assert (key.kid, "sig", "RS256") == tuple(key.public_jwk[m] for m in ("kid", "use", "alg"))

    def test_a_key_is_named_by_its_rfc_7638_thumbprint(
        self, key_generator: JoseKeyGenerator
    ) -> None:
        key = key_generator.generate(KeyUse.ACCESS)

        assert key.public_jwk is not None
        document = '{{"e":"{e}","kty":"RSA","n":"{n}"}}'.format_map(key.public_jwk)
        assert hashlib.sha256(document.encode()).digest() == _decoded(key.kid)

    @pytest.mark.sec("SEC-46")
    def test_refresh_keys_are_256_secret_bits(self, key_generator: JoseKeyGenerator) -> None:
        key = key_generator.generate(KeyUse.REFRESH)

        private = json.loads(key.private_jwk.reveal())
        assert ("HS256", "oct", None) == (key.algorithm, private["kty"], key.public_jwk)
        assert 32 == len(_decoded(private["k"]))


async def _fill(hasher: Argon2Hasher) -> asyncio.Future[list[Secret[str]]]:
    """As many hashes as a hasher of one thread takes, begun."""
    filling = asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(PLACES)))
    await asyncio.sleep(0)
    return filling


async def _longest_lag_while_full(hasher: Argon2Hasher) -> float:
    """The longest time in seconds that a task wanting to run every millisecond had to wait."""
    longest, tick = 0.0, time.perf_counter()
    filling = asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(PLACES)))
    while not filling.done():
        await asyncio.sleep(0.001)
        last, tick = tick, time.perf_counter()
        longest = max(longest, tick - last - 0.001)
    await filling
    return longest


async def _processor_time(hasher: Argon2Hasher, password_hash: Secret[str] | None) -> float:
    """What other processes do does not count."""
    start = time.process_time()
    await hasher.verify(PASSWORD, password_hash)
    return time.process_time() - start


def _decoded(text: str) -> bytes:
    """Base64 without padding, in either alphabet: PHC strings use the one, JOSE the other."""
    return base64.urlsafe_b64decode(
        text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4)
    )
