"""RFC 9562 §5.7."""

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_core.kernel import uuid7


def test_the_vector_of_the_rfc():
    """RFC 9562, appendix A.6."""
    entropy = bytes.fromhex("0cc3" + "18c4dc0c0c07398f")

    assert UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f") == uuid7(0x017F22E279B0, entropy)


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_version_variant_and_time_are_where_they_belong(milliseconds, entropy):
    each = uuid7(milliseconds, entropy)

    assert (7, RFC_4122) == (each.version, each.variant)
    assert milliseconds == each.int >> 80


@pytest.mark.sec("SEC-49")
@given(st.binary(min_size=10, max_size=10), st.integers(0, 79))
def test_74_bits_of_the_entropy_count(entropy, position):
    """All but the six that version and variant take the place of."""
    changed = (int.from_bytes(entropy) ^ 1 << position).to_bytes(10)

    differs = uuid7(0, entropy) != uuid7(0, changed)

    assert (position not in {62, 63, 76, 77, 78, 79}) == differs


@given(st.integers(0, 2**48 - 2), st.binary(min_size=10, max_size=10))
def test_a_later_one_is_greater(milliseconds, entropy):
    assert uuid7(milliseconds, b"\xff" * 10) < uuid7(milliseconds + 1, entropy)


@pytest.mark.parametrize("size", [0, 9, 11, 16])
def test_it_takes_ten_bytes(size):
    with pytest.raises(ValueError, match=f"10 random bytes, got {size}"):
        uuid7(0, bytes(size))
