"""The contracts of the small ports on the machine's own time, ids and randomness."""

from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest

from adapters.system import SystemClock, SystemEntropy, SystemIds
from auth_core.testing.contracts import ClockContract, EntropyContract, IdsContract

MANY = 20_000


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def ids() -> SystemIds:
    return SystemIds()


@pytest.fixture
def entropy() -> SystemEntropy:
    return SystemEntropy()


class TestSystemClock(ClockContract):
    def test_the_time_does_not_stand_still(self, clock: SystemClock) -> None:
        start = clock.now()

        assert any(start < clock.now() for _ in range(1_000_000))


class TestSystemIds(IdsContract):
    def test_an_id_is_a_uuid_of_the_standard_library(self, ids: SystemIds) -> None:
        assert UUID is type(ids.uuid())

    def test_ids_strictly_increase(self, ids: SystemIds) -> None:
        made = [ids.uuid() for _ in range(MANY)]

        assert all(earlier < later for earlier, later in pairwise(made))

    def test_an_id_as_text_is_a_canonical_uuid_of_version_7(self, ids: SystemIds) -> None:
        for text in (ids.text() for _ in range(1000)):
            parsed = UUID(text)
            assert (7, RFC_4122) == (parsed.version, parsed.variant)
            assert str(parsed) == text

    def test_ids_as_text_strictly_increase(self, ids: SystemIds) -> None:
        made = [ids.text() for _ in range(MANY)]

        assert all(earlier < later for earlier, later in pairwise(made))

    def test_ids_in_both_forms_never_collide(self, ids: SystemIds) -> None:
        made = [text for _ in range(1000) for text in (str(ids.uuid()), ids.text())]

        assert 2000 == len(set(made))


class TestSystemEntropy(EntropyContract):
    def test_the_bytes_are_bytes(self, entropy: SystemEntropy) -> None:
        assert bytes is type(entropy.token_bytes(32))

    def test_a_negative_length_is_refused(self, entropy: SystemEntropy) -> None:
        with pytest.raises(ValueError, match="negative"):
            entropy.token_bytes(-1)
