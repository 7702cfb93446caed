"""Which addresses share a limit, and what may be told of one."""

import pytest

from auth_core.kernel import Source


@pytest.mark.sec("SEC-14")
@pytest.mark.parametrize(
    ("address", "limited", "network"),
    [
        ("192.0.2.77", "192.0.2.77/32", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.77/32", "192.0.2.0/24"),
        ("::FFFF:c000:24d", "192.0.2.77/32", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        (None, "unknown", "unknown"),
        ("testclient", "unknown", "unknown"),
    ],
)
def test_a_subscriber_is_an_address_of_ipv4_and_a_64_of_ipv6(
    address: str | None, limited: str, network: str
) -> None:
    assert (limited, network) == (Source(address).limited, Source(address).network)
