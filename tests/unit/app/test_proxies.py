"""Whose word about the client's address counts (SEC-14)."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.proxies import Proxies
from tests.measuring import quickest

pytestmark = pytest.mark.sec("SEC-14")

PROXY, CLIENT, OTHER = "10.0.0.1", "198.51.100.7", "203.0.113.9"
TRUSTED = ("10.0.0.0/8", "fd00::/8")
XFF, FORWARDED, REAL = "X-Forwarded-For", "Forwarded", "X-Real-IP"


def found(
    *values: str, name: str = XFF, peer: str | None = PROXY, trusted: Any = TRUSTED, **how: Any
) -> str | None:
    scope: Any = {
        "client": None if peer is None else (peer, 1234),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for value in values],
    }
    return Proxies(trusted, **how).source(scope).address


@pytest.mark.parametrize("name", [XFF, FORWARDED, REAL, "X-Client-IP", "True-Client-IP"])
@pytest.mark.parametrize("header", [XFF, FORWARDED, REAL])
@pytest.mark.parametrize("peer", ["11.0.0.1", "192.0.2.1", "fe80::1", "::ffff:11.0.0.1"])
def test_nobody_else_is_believed(name: str, header: str, peer: str) -> None:
    value = f"for={CLIENT}" if name == FORWARDED else CLIENT

    assert found(value, name=name, peer=peer, header=header) == found(peer=peer)
    assert CLIENT != found(value, name=name, peer=peer, header=header, hops=1)
    assert CLIENT != found(value, name=name, peer=PROXY, trusted=(), header=header)


@pytest.mark.parametrize("header", [XFF, FORWARDED, REAL])
@pytest.mark.parametrize("sent", [XFF, FORWARDED, REAL])
def test_only_the_header_that_the_proxies_set_is_read(header: str, sent: str) -> None:
    """A proxy passes on what it does not know: any other is the client's own."""
    value = f"for={CLIENT}" if sent == FORWARDED else CLIENT

    assert (CLIENT if header == sent else PROXY) == found(value, name=sent, header=header)


@pytest.mark.parametrize(
    ("values", "client"),
    [
        ([CLIENT], CLIENT),
        ([f"{OTHER}, {CLIENT}"], CLIENT),
        ([f"{OTHER},{CLIENT},10.9.9.9"], CLIENT),
        ([f"10.1.1.1, {CLIENT}, 10.9.9.9, fd00::1"], CLIENT),
        ([OTHER, CLIENT], CLIENT),
        ([CLIENT, "10.9.9.9"], CLIENT),
        ([f"garbage, ;;, {CLIENT}"], CLIENT),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ([f"{CLIENT}:4711"], CLIENT),
        ([f"::ffff:{CLIENT}"], CLIENT),
        (["2001:db8::1"], "2001:db8::1"),
        (["[2001:DB8::1]"], "2001:db8::1"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        ([f"\t {CLIENT} \t"], CLIENT),
        (["127.0.0.1"], "127.0.0.1"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(
    values: list[str], client: str
) -> None:
    assert client == found(*values)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        [","],
        [f"{CLIENT},"],
        [f"{CLIENT}, unknown"],
        [f"{CLIENT}, _hidden"],
        [f"{CLIENT} {OTHER}"],
        ["198.51.100"],
        ["198.51.100.256"],
        ["198.051.100.007"],
        ["0xC6.0x33.0x64.0x07"],
        ["3325256711"],
        [f"{CLIENT}:"],
        [f"{CLIENT}:123456"],
        [f"{CLIENT}:80:80"],
        [f"{CLIENT}/24"],
        ["2001:db8::1%eth0"],
        ["[2001:db8::1"],
        ["2001:db8::1]"],
        ["[2001:db8::1]x"],
        ["[198.51.100.7"],
        [f'"{CLIENT}"'],
        [f"for={CLIENT}"],
        ["localhost"],
        [f"{CLIENT}\x00"],
        [f"{CLIENT}\xa0"],
        ["\uff11\uff19\uff18.51.100.7".encode().decode("latin-1")],
        ["1" * 5000],
        [",".join([CLIENT] * 300)],
        [",".join(["10.0.0.1"] * 65)],
    ],
)
def test_garbage_leaves_the_peer(values: list[str]) -> None:
    assert PROXY == found(*values)
    assert PROXY == found(*values, name=REAL, header=REAL)


@pytest.mark.parametrize(
    ("hops", "client"),
    [(1, "10.9.9.9"), (2, CLIENT), (3, OTHER), (4, PROXY), (32, PROXY)],
)
def test_with_a_hop_count_the_client_is_so_many_from_the_right(hops: int, client: str) -> None:
    """A chain that is too short did not come through all of them."""
    assert client == found(f"{OTHER}, {CLIENT}, 10.9.9.9", hops=hops)


@pytest.mark.parametrize(
    ("values", "client"),
    [
        ([f"for={CLIENT}"], CLIENT),
        ([f"For={CLIENT};proto=https;by=10.0.0.1"], CLIENT),
        ([f'proto=https;FOR="{CLIENT}:4711"'], CLIENT),
        (['for="[2001:db8::1]"'], "2001:db8::1"),
        (['for="[2001:db8::1]:4711";host="a,b;c"'], "2001:db8::1"),
        (['for="[::ffff:198.51.100.7]:_port"'], CLIENT),
        ([f"for={OTHER}, for={CLIENT} ,for=10.9.9.9"], CLIENT),
        ([f"for={OTHER}", f"for={CLIENT}"], CLIENT),
        ([f"for=unknown, for={CLIENT}"], CLIENT),
        ([f"proto=http, for={CLIENT}"], CLIENT),
    ],
)
def test_forwarded_is_read_as_rfc_7239_says(values: list[str], client: str) -> None:
    assert client == found(*values, name=FORWARDED, header=FORWARDED)


@pytest.mark.parametrize(
    "values",
    [
        [CLIENT],
        ["for="],
        ["for"],
        [f"for ={CLIENT}"],
        [f"for= {CLIENT}"],
        [f"for={CLIENT};"],
        [f"for={CLIENT} ; proto=http"],
        [f"for={CLIENT};for={OTHER}"],
        [f"for={CLIENT},"],
        [f",for={CLIENT}"],
        [f"for={CLIENT}, proto=http"],
        [f"for={CLIENT}, for=unknown"],
        [f"for={CLIENT}, for=_secret"],
        [f'for="{CLIENT}'],
        [f'for="{CLIENT}""'],
        ['for="198.51.\\100.7"'],
        ["for=2001:db8::1"],
        ["for=[2001:db8::1]"],
        ['for="2001:db8::1"'],
        ['for="[2001:db8::1"'],
        [f'for="{CLIENT}:999999"'],
        [f"for={CLIENT}\x01"],
        ['for="' + "a" * 5000 + '"'],
    ],
)
def test_forwarded_that_breaks_the_rfc_leaves_the_peer(values: list[str]) -> None:
    assert PROXY == found(*values, name=FORWARDED, header=FORWARDED)


def test_a_peer_without_an_address_is_believed_only_if_it_is_listed() -> None:
    assert None is found(CLIENT, peer=None)
    assert CLIENT == found(CLIENT, peer=None, trusted=("unix",))
    assert None is found("garbage", peer=None, trusted=("unix",))
    assert "192.0.2.1" == found(CLIENT, peer="192.0.2.1", trusted=("unix",))


def test_real_ip_is_one_address() -> None:
    assert CLIENT == found(CLIENT, name=REAL, header=REAL)
    assert PROXY == found(f"{OTHER}, {CLIENT}", name=REAL, header=REAL)
    assert PROXY == found(OTHER, CLIENT, name=REAL, header=REAL)


@given(
    value=st.text(st.characters(max_codepoint=255), max_size=200)
    | st.text(' ,;="[]:._abcdfor0123456789', max_size=200),
    header=st.sampled_from([XFF, FORWARDED, REAL]),
    hops=st.none() | st.integers(1, 5),
)
def test_no_header_breaks_anything(value: str, header: str, hops: int | None) -> None:
    assert isinstance(found(value, name=header, header=header, hops=hops), str)


@pytest.mark.sec("SEC-53")
@pytest.mark.parametrize("header", [XFF, FORWARDED, REAL])
@pytest.mark.parametrize("text", [" ", ",", "for=", 'for="', "for=a;", "1.", "[", "a=b, ", "\t ,"])
def test_long_headers_cost_little(header: str, text: str) -> None:
    for size in (4096, 100_000):
        value = (text * size)[:size]

        def seconds(value: str = value) -> float:
            started = time.process_time()
            found(value, name=header, header=header)
            return time.process_time() - started

        assert 0.05 > quickest(seconds, bound=0.05)
