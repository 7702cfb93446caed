"""What a session keeps of where it began."""

import time

import pytest

from auth_core.sessions import kept_address, user_agent_family
from tests.measuring import quickest

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"


@pytest.mark.parametrize(
    ("header", "family"),
    [
        (f"{CHROME} Safari/537.36", "Chrome"),
        (f"{CHROME} Safari/537.36 Edg/142.0.0.0", "Edge"),
        (f"{CHROME} Safari/537.36 OPR/126.0", "Opera"),
        ("Mozilla/5.0 (X11; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1 Version/26.0 Safari/605.1.15", "Safari"),
        ("curl/8.17.0", "curl"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("FaultMaven-Agent", "FaultMaven-Agent"),
        ("", None),
        ("<script>alert(1)</script>", None),
        ("é/1", None),
    ],
)
def test_the_family_of_a_user_agent(header, family):
    assert family == user_agent_family(header)


@pytest.mark.sec("SEC-53")
def test_a_long_user_agent_costs_nothing():
    def seconds() -> float:
        began = time.process_time()
        assert "a" * 64 == user_agent_family("a" * 10_000_000)
        return time.process_time() - began

    assert quickest(seconds, bound=0.5) < 0.5


@pytest.mark.parametrize(
    ("address", "detail", "kept"),
    [
        ("192.0.2.77", "network", "192.0.2.0/24"),
        ("192.0.2.77", "full", "192.0.2.77"),
        ("192.0.2.77", "none", None),
        ("2001:db8:1:2::3", "network", "2001:db8:1::/48"),
        ("2001:db8:1:2::3", "full", "2001:db8:1:2::3"),
        ("::ffff:192.0.2.77", "network", "192.0.2.0/24"),
        ("fe80::1%eth0", "full", "fe80::1"),
        ("not an address", "full", None),
        ("", "network", None),
    ],
)
def test_an_address_is_kept_as_configured(address, detail, kept):
    assert kept == kept_address(address, detail)
