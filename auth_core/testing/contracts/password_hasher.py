"""The contract of `PasswordHasher`."""

import asyncio
import time

import pytest

from auth_core.credentials import PASSWORD_MAX_BYTES, PasswordHasher
from auth_core.kernel import Secret

PASSWORD = Secret("correct horse battery staple")


class PasswordHasherContract:
    """Needs ``password_hasher``: a `PasswordHasher` that bears four calls at a time."""

    async def test_a_password_matches_its_hash(self, password_hasher: PasswordHasher) -> None:
        hashed = await password_hasher.hash(PASSWORD)

        assert await password_hasher.verify(PASSWORD, hashed)

    @pytest.mark.parametrize(
        "other",
        [
            "",
            "correct horse battery stapl",
            "correct horse battery staple ",
            " correct horse battery staple",
            "Correct horse battery staple",
            "correct horse battery staple\0",
        ],
    )
    async def test_another_password_does_not_match(
        self, password_hasher: PasswordHasher, other: str
    ) -> None:
        hashed = await password_hasher.hash(PASSWORD)

        assert not await password_hasher.verify(Secret(other), hashed)

    @pytest.mark.sec("SEC-03")
    @pytest.mark.parametrize(
        "password",
        ["p" * 64, "🦊" * (PASSWORD_MAX_BYTES // 4), "a b  c\t", "nul\0byte", "пароль пароль", "0"],
        ids=["64", "longest", "spaces", "nul", "cyrillic", "short"],
    )
    async def test_a_password_counts_to_its_last_byte(
        self, password_hasher: PasswordHasher, password: str
    ) -> None:
        hashed = await password_hasher.hash(Secret(password))

        assert await password_hasher.verify(Secret(password), hashed)
        assert not await password_hasher.verify(Secret(password[:-1] + "?"), hashed)

    async def test_every_hash_has_its_own_salt(self, password_hasher: PasswordHasher) -> None:
        first, second = await password_hasher.hash(PASSWORD), await password_hasher.hash(PASSWORD)

        assert first != second

    @pytest.mark.sec("SEC-67")
    async def test_a_hash_is_a_phc_string_without_the_password(
        self, password_hasher: PasswordHasher
    ) -> None:
        hashed = await password_hasher.hash(PASSWORD)

        text = hashed.reveal()
        assert text.startswith("$")
        assert text.isascii()
        assert PASSWORD.reveal() not in text
        assert text not in repr(hashed)

    @pytest.mark.sec("SEC-01")
    async def test_no_hash_is_never_a_match(self, password_hasher: PasswordHasher) -> None:
        for password in ("", PASSWORD.reveal(), "dummy", "password"):
            assert not await password_hasher.verify(Secret(password), None)

    @pytest.mark.sec("SEC-01")
    async def test_no_hash_costs_what_a_hash_costs(self, password_hasher: PasswordHasher) -> None:
        """Best of many, within a factor of three: what a skipped hash would never be."""
        hashed = await password_hasher.hash(PASSWORD)

        real, absent = await _fastest(password_hasher, hashed), await _fastest(password_hasher)

        assert real / 3 < absent < real * 3

    @pytest.mark.sec("SEC-07")
    async def test_a_fresh_hash_is_current_and_a_foreign_one_is_not(
        self, password_hasher: PasswordHasher
    ) -> None:
        hashed = await password_hasher.hash(PASSWORD)

        assert password_hasher.is_current(hashed)
        for foreign in ("", "garbage", "$2b$12$" + "a" * 53):
            assert not password_hasher.is_current(Secret(foreign))

    @pytest.mark.sec("SEC-09")
    async def test_a_hash_of_an_unknown_kind_is_never_a_match(
        self, password_hasher: PasswordHasher
    ) -> None:
        for unknown in ("", "garbage", "$", "$1$salt$digest"):
            assert not await password_hasher.verify(PASSWORD, Secret(unknown))

    async def test_a_few_calls_at_once_all_succeed(self, password_hasher: PasswordHasher) -> None:
        hashes = await asyncio.gather(*(password_hasher.hash(PASSWORD) for _ in range(4)))

        matches = await asyncio.gather(
            *(password_hasher.verify(PASSWORD, hashed) for hashed in hashes)
        )
        assert [True] * 4 == matches


async def _fastest(hasher: PasswordHasher, password_hash: Secret[str] | None = None) -> float:
    durations = []
    for _ in range(9):
        start = time.perf_counter()
        await hasher.verify(PASSWORD, password_hash)
        durations.append(time.perf_counter() - start)
    return min(durations)
