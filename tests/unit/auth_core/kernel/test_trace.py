"""The trace of a request (W3C Trace Context, level 1)."""

import pytest

from auth_core.kernel import current_traceparent, parse_traceparent, tracing

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (GOOD, GOOD),
        (f"00-{TRACE}-{PARENT}-00", f"00-{TRACE}-{PARENT}-00"),
        (f"01-{TRACE}-{PARENT}-01", GOOD),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-brings", GOOD),
    ],
)
def test_a_trace_is_read_as_version_00_has_it(text: str, read: str) -> None:
    assert read == parse_traceparent(text)


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "00", GOOD[:-1], GOOD[:-3], f"{GOOD}-", f"{GOOD}-more", f"{GOOD}0", f" {GOOD}"),
        *(GOOD.upper(), GOOD.replace("4", "g"), GOOD.replace("-", "_"), f"{GOOD}\n", GOOD * 2),
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"01-{TRACE}-{PARENT}-01.more",
        f"01-{TRACE}-{PARENT}-01-{'x' * 100_000}",
        f"00-{'٣' * 32}-{PARENT}-01",
        "john.doe@example.com",
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_whatever_else_a_caller_sends_is_no_trace(text: str) -> None:
    assert parse_traceparent(text) is None


def test_a_block_has_a_trace_and_what_is_around_it_has_none() -> None:
    assert current_traceparent() is None
    with tracing(GOOD):
        assert GOOD == current_traceparent()
    assert current_traceparent() is None
