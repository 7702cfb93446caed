"""URLs that name several hosts, as every Python splits them."""

import pytest

from adapters.several_hosts import hosts_apart


@pytest.mark.parametrize(
    ("url", "hosts", "rest"),
    [
        ("p://u:a,b@one:1,[::1]:2/d?x=y", "one:1,[::1]:2", "p://u:a,b@hosts/d?x=y"),
        ("p://[::1],two", "[::1],two", "p://hosts"),
        ("p:///d?host=/run", "", "p://hosts/d?host=/run"),
        ("p://u:a@b@one?x=@", "one", "p://u:a@b@hosts?x=@"),
    ],
)
def test_hosts_are_taken_apart_before_the_rest_is_split(url, hosts, rest):
    found, parts = hosts_apart(url)

    assert (hosts, rest) == (found, parts.geturl())
