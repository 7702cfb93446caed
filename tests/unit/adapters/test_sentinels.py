"""Whom more than half of the sentinels name, and since when."""

import pytest

from adapters.redis.commands import GENERATION_LENGTH
from adapters.redis.sentinel_dial import generation_of
from adapters.redis.sentinel_url import is_sentinel_url, parse_sentinel_url
from adapters.redis.sentinels import Opinion, Primary, majority
from auth_core.kernel import Secret

OLD, NEW = Primary("10.0.0.1", 6379, 4), Primary("10.0.0.2", 6379, 5)
BACK = Primary("10.0.0.1", 6379, 6)


def says(primary, age=60.0, sentinels=3):
    return Opinion(primary, age=age, sentinels=sentinels, replicas=2)


@pytest.mark.parametrize(
    ("opinions", "expected"),
    [
        ([], None),
        ([says(OLD)], None),  # alone with an old primary, or alone at all
        ([says(OLD), says(NEW)], None),
        ([says(OLD), says(BACK)], None),  # the same server, and a failover in between
        ([says(OLD), says(NEW, 1.0), says(NEW, 3.0)], (NEW, 1.0)),
        ([says(NEW, 5.0), says(NEW, 1.0)], (NEW, 1.0)),
        ([says(NEW, 5.0), says(NEW, 0.1), says(NEW, 3.0)], (NEW, 3.0)),
        # they know of two that are not listed
        ([says(NEW), says(NEW, sentinels=5), says(OLD)], None),
    ],
)
def test_a_primary_is_whom_more_than_half_of_all_name(opinions, expected):
    """The age is that of the youngest that is needed for the majority."""
    assert majority(opinions, listed=3) == expected


def test_a_url_is_read_for_servers_and_sentinels():
    url = parse_sentinel_url(
        Secret(
            "rediss+sentinel://u:p%2Fw@[::1]:7000,s2/3?master=fm&sentinel_password=s%26p"
            "&ssl_ca_certs=/ca.pem&socket_timeout=1"
        )
    )

    assert url.tls
    assert url.hosts == (("::1", 7000), ("s2", 26379))
    assert url.master_set == "fm"
    assert url.server == {"username": "u", "password": "p/w", "db": 3, "ssl_ca_certs": "/ca.pem"}
    assert url.sentinel == {"password": "s&p", "ssl_ca_certs": "/ca.pem"}


def test_other_urls_are_left_alone():
    assert not is_sentinel_url(Secret("redis://h"))
    assert not is_sentinel_url(Secret("unix:///s"))
    assert not parse_sentinel_url(Secret("redis+sentinel://a,b?master=m")).tls


def test_a_failover_back_to_a_server_that_lived_on_starts_another_generation():
    """Its memory may lack the last tombstones, which the server between had not got either."""
    first, again = generation_of("run", OLD), generation_of("run", BACK)

    assert first != again
    assert len(first) == len(again) == GENERATION_LENGTH
    assert first == generation_of("run", OLD)  # the same for all workers
