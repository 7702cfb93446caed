"""Slots and who has them, from what nodes say."""

from uuid import UUID

import pytest

from adapters.redis.cluster.dial import ClusterUrl
from adapters.redis.cluster.redirect import Redirected
from adapters.redis.cluster.slots import SLOTS, nobody_in, slot_of, slot_of_user
from adapters.redis.cluster.topology import Address, parse_claims, settle
from auth_core.kernel import Secret, UserId

ASKED = Address("10.0.0.9", 7000)


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("123456789", 0x31C3),  # the check value of the specification
        ("", 0),
        ("foo", 12182),  # redis.io, CLUSTER KEYSLOT and the tutorial
        ("hello", 866),
        ("somekey", 11058),
        ("foo{hash_tag}", 2515),
    ],
)
def test_the_slot_of_a_key(key: str, slot: int) -> None:
    assert slot == slot_of(key)


@pytest.mark.parametrize(
    ("key", "same_as"),
    [
        ("{user1000}.following", "user1000"),
        ("foo{bar}{zap}", "bar"),
        ("foo{{bar}}zap", "{bar"),
        ("{auth:revocations}:as_of", "auth:revocations"),
    ],
)
def test_a_hash_tag_decides(key: str, same_as: str) -> None:
    assert slot_of(same_as) == slot_of(key)


@pytest.mark.parametrize("key", ["foo{}{bar}", "foo{bar", "foo}bar{"])
def test_what_is_no_hash_tag_does_not(key: str) -> None:
    assert slot_of(key) not in {slot_of("bar"), slot_of("foo"), 0}


def test_somebody_is_found_for_any_slot() -> None:
    assert 16000 == slot_of_user(nobody_in(frozenset({16000})))
    user_id = UserId(UUID("018f0000-0000-7000-8000-000000000001"))
    assert slot_of(f"fm:{{{user_id.hex}}}:x") == slot_of_user(user_id)


NODES = """\
aaa 10.0.0.1:7000@17000,one.example myself,master - 0 0 3 connected 0-5460 [77->-bbb]
bbb 10.0.0.2:7000@17000,two.example,shard-id=x master - 0 17 2 connected 5461-10922 16383
ccc :7000@17000 master,fail - 1 2 1 disconnected 10923-16382
ddd 10.0.0.4:7000@17000 slave aaa 0 17 3 connected
eee [fd00::5]:7000@17000 master - 0 17 9 connected
"""


def test_primaries_and_their_slots_are_read() -> None:
    one, two, three = parse_claims(NODES, ASKED)

    assert (Address("10.0.0.1", 7000), 3, ((0, 5460),)) == one[1:]
    assert ((5461, 10922), (16383, 16383)) == two.ranges
    assert ASKED == three.address  # it has not learned its own yet
    assert ["one.example", "two.example", "10.0.0.9"] == [
        each.address.host for each in parse_claims(NODES, ASKED, by_name=True)
    ]


@pytest.mark.parametrize("text", ["nonsense", "a b:1@2 master - 0 0 1 connected 5-99999", "a b c"])
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_claims(text, ASKED)


def test_the_newest_claim_holds() -> None:
    """Whoever is asked last: one node may still have the old view."""
    old = parse_claims("aaa 10.0.0.1:1@2 master - 0 0 1 connected 0-16383", ASKED)
    new = parse_claims(
        "aaa 10.0.0.1:1@2 master - 0 0 1 connected 0-99\n"
        "bbb 10.0.0.2:1@2 myself,master - 0 0 4 connected 100-16383",
        ASKED,
    )
    for views in ([old, new], [new, old]):
        found = {each.node_id: each for each in settle(views)}
        assert frozenset(range(100)) == found["aaa"].slots
        assert frozenset(range(100, SLOTS)) == found["bbb"].slots


def test_where_a_redirection_leads() -> None:
    moved, ask = (
        Redirected.of("MOVED 3999 10.0.0.7:6381", ASKED),
        Redirected.of("ASK 1 :7001", ASKED),
    )
    assert moved is not None
    assert ask is not None
    assert Address("10.0.0.7", 6381) == moved.address
    assert Address(ASKED.host, 7001) == ask.address
    assert Redirected.of("TRYAGAIN Multiple keys request during rehashing of slot", ASKED)
    for other in ("LOADING Redis is loading", "MOVED", "ASK 1 nowhere:x", "ERR MOVED"):
        assert Redirected.of(other, ASKED) is None


def test_a_url_names_nodes_with_one_password() -> None:
    url = ClusterUrl(Secret("rediss+cluster://me:pa%40ss@one.example:7000,[fd00::2]:7001,three/0"))

    assert [("one.example", 7000), ("fd00::2", 7001), ("three", 6379)] == url.seeds
    assert "pa@ss" == url.at(url.seeds[1])["password"]
    assert url.by_name
