"""Where deliveries may go (SEC-64): the table of what is refused, in all of its spellings."""

from ipaddress import ip_address

import pytest

from auth_core.kernel import InvalidInput
from auth_core.webhooks import Reach, parse_target, permitted, reach

pytestmark = pytest.mark.sec("SEC-64")

FORBIDDEN = (
    *("0.0.0.0", "0.1.2.3", "100.64.0.1", "100.100.100.200", "100.127.255.255"),
    *("169.254.169.254", "169.254.0.1", "168.63.129.16", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.9"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "100::1"),
    *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "2001:db8::1", "3fff::1", "5f00::1"),
    # tunnels: 6to4, Teredo, ORCHID, and addresses with IPv4 at their end
    *("2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:808:808::1", "2001:0:4136:e378:8000::1"),
    *("2001:20::1", "::127.0.0.1", "::8.8.8.8", "64:ff9b:1::7f00:1"),
    # NAT64 leads to the IPv4 address at its end
    *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::0.0.0.0"),
    *("::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:100.64.0.1", "::ffff:1.1.1.1%1"),
)
PRIVATE = (
    *("10.0.0.1", "127.0.0.1", "127.255.255.254", "172.16.0.1", "172.31.255.255"),
    *("192.168.0.1", "::1", "fc00::1", "fdff::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3"),
)
PUBLIC = (
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1"),
    *("172.15.0.1", "172.32.0.1", "192.0.1.1", "192.169.0.1", "198.20.0.1", "223.255.255.255"),
    *("2606:4700:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "::ffff:8.8.8.8"),
    "64:ff9b::8.8.8.8",
)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_nothing_makes_these_a_target(address):
    assert Reach.FORBIDDEN is reach(ip_address(address))
    assert not permitted(ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_these_are_targets_only_where_a_deployment_says_so(address):
    assert Reach.PRIVATE is reach(ip_address(address))
    assert not permitted(ip_address(address), allow_private=False)
    assert permitted(ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_these_are_targets(address):
    assert Reach.PUBLIC is reach(ip_address(address))
    assert permitted(ip_address(address), allow_private=False)


@pytest.mark.parametrize("address", [*FORBIDDEN, *PRIVATE])
def test_a_url_with_such_an_address_is_refused(address):
    host = f"[{address}]" if ":" in address else address

    with pytest.raises(InvalidInput):
        parse_target(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        *("http://receiver.example/", "ftp://receiver.example/", "//receiver.example/", "", "x"),
        *("file:///etc/passwd", "gopher://receiver.example/", "https:receiver.example"),
        *("https://", "https:///path", "https://?query", "https://:443/"),
        *("https://user@receiver.example/", "https://user:password@receiver.example/"),
        *("https://@receiver.example/", "https://receiver.example@127.0.0.1/"),
        *("https://receiver.example/#fragment", "https://receiver.example/#"),
        *("https://receiver.example:22/", "https://receiver.example:80/"),
        *("https://receiver.example:0/", "https://receiver.example:65536/"),
        *("https://receiver.example:https/", "https://receiver.example:8080/"),
        *("https://127.1/", "https://127.0.1/", "https://2130706433/", "https://0x7f000001/"),
        *("https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://1.2.3.4.5/", "https://a.0x/"),
        *("https://localhost/", "https://intranet/", "https://receiver.example./"),
        *("https://-a.example/", "https://a-.example/", "https://a..example/"),
        *(
            "https://a_b.example/",
            "https://%31%32%37.0.0.1/",
            "https://[::1/",
            "https://[1.1.1.1]/",
        ),
        *("https://receiver.example\\@127.0.0.1/", "https://receiver.example/\\"),
        *("https://receiver.example/ x", "https://receiver.example/\r\nHost: other"),
        *("https://receiver.example/ü", "https://bücher.example/", "https://①②⑦.0.0.1/"),
        "https://receiver.example/" + 2048 * "x",
        f"https://{'a' * 64}.example/",
        f"https://{'.'.join(['a' * 60] * 5)}/",
    ],
)
def test_a_url_that_leads_elsewhere_or_nowhere_is_refused(url):
    with pytest.raises(InvalidInput) as caught:
        parse_target(url)

    assert ["url"] == [problem.field for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Receiver.Example", ("receiver.example", 443, "/", "receiver.example")),
        ("https://a.example:8443/x", ("a.example", 8443, "/x", "a.example:8443")),
        ("https://a.example:443/x?y=%20&z", ("a.example", 443, "/x?y=%20&z", "a.example")),
        ("HTTPS://xn--bcher-kva.example/", ("xn--bcher-kva.example", 443, "/", None)),
        ("https://1.1.1.1/", ("1.1.1.1", 443, "/", "1.1.1.1")),
        ("https://[2606:4700::1111]/", ("2606:4700::1111", 443, "/", "[2606:4700::1111]")),
    ],
)
def test_a_public_url_is_taken_apart(url, expected):
    target = parse_target(url)

    host, port, path, authority = expected
    assert (True, host, port, path) == (target.secure, target.host, target.port, target.path)
    assert (authority or host) == target.authority


def test_for_development_more_is_allowed_and_metadata_never():
    target = parse_target("http://localhost:9000/hook", allow_private=True)
    assert (False, "localhost", 9000) == (target.secure, target.host, target.port)
    assert "127.0.0.1:81" == parse_target("http://127.0.0.1:81/", allow_private=True).authority
    assert 443 == parse_target("https://10.0.0.1/", allow_private=True).port

    for url in ("http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "ftp://localhost/"):
        with pytest.raises(InvalidInput):
            parse_target(url, allow_private=True)


@pytest.mark.sec("SEC-67")
def test_a_target_does_not_show_its_path():
    assert "a-token" not in repr(parse_target("https://receiver.example/a-token"))
