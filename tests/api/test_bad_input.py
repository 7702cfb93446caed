"""What must never be more than the caller's fault: every rule of a request, broken."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.asking import AUTH, CUT_OFF, JSON, ask_raw, expect_invalid, expect_problem, sign_up
from tests.serving import Client, bearer

NewName = Callable[[], str]

ROUTES = ["dev-register", "register", "dev-login", "login"]
LIMIT = 64 * 1024


@pytest.mark.sec("SEC-62")
@pytest.mark.parametrize(
    ("username", "kind"),
    [
        ("", "too_short"),
        ("ab", "too_short"),
        ("\u00e4", "too_short"),
        ("a" * 51, "too_long"),
        ("a" * 60_000, "too_long"),
        ("a@" + "b" * 45 + ".com", "too_long"),
        ("\ufb03" * 20, "too_long"),  # one ligature folds to three letters
        ("a b", "alphabet"),
        (" abc", "alphabet"),
        ("abc\n", "alphabet"),
        ("abc\0", "alphabet"),
        ("\0\0\0", "alphabet"),
        ("john+doe", "alphabet"),
        ("john/doe", "alphabet"),
        ("john\\doe", "alphabet"),
        ("john'--", "alphabet"),
        ("${jndi:x}", "alphabet"),
        ("<john>", "alphabet"),
        ("j\u00f6hn", "alphabet"),
        ("j\u043ehn", "alphabet"),  # a Cyrillic o
        ("\u0430\u0431\u0432\u0433", "alphabet"),
        ("\u03b1dmin", "alphabet"),
        ("adm\u0131n", "alphabet"),  # a dotless i
        ("john\u200bdoe", "alphabet"),
        ("john\u200ddoe", "alphabet"),
        ("john\u00addoe", "alphabet"),
        ("\ufeffjohn", "alphabet"),
        ("\u202ejohn", "alphabet"),
        ("john\u2066x\u2069", "alphabet"),
        ("joh\u0301n", "alphabet"),
        ("\u4e2d\u6587\u540d", "alphabet"),
        ("\U0001f600\U0001f600\U0001f600", "alphabet"),
        ("\U000e0041john", "alphabet"),
        ("@@@", "alphabet"),
        ("john@", "alphabet"),
        ("@example.com", "alphabet"),
        ("john@localhost", "alphabet"),
        ("john@@example.com", "alphabet"),
        ("john doe@example.com", "alphabet"),
        ("j\u043ehn@example.com", "alphabet"),
    ],
)
@pytest.mark.parametrize("route", ["dev-register", "register"])
async def test_a_user_name_that_breaks_a_rule_is_refused_with_the_rule(
    client: Client, route: str, username: str, kind: str
) -> None:
    answer = await client.post(f"{AUTH}/{route}", json={"username": username})

    assert {("body.username", kind)} == expect_invalid(answer)


@pytest.mark.parametrize(
    "make",
    [
        lambda name: name[-3:],
        lambda name: name + "x" * (50 - len(name)),
        lambda name: name.upper(),
        lambda name: f"{name}._-",
        lambda name: f"{name[5:]}@sub.example.co.uk",
        lambda name: f"{name[5:]}@xn--mnchen-3ya.de",
    ],
)
async def test_a_user_name_within_the_rules_is_taken(
    client: Client, new_name: NewName, make: Callable[[str], str]
) -> None:
    name = make(new_name())

    answer = await client.post(f"{AUTH}/dev-register", json={"username": name})

    # three characters may be somebody's already
    assert answer.status_code == 201 or (len(name) == 3 and answer.status_code == 409)


@pytest.mark.sec("SEC-53")
@pytest.mark.parametrize(
    ("email", "kind"),
    [
        ("", "email"),
        ("nobody", "email"),
        ("@", "email"),
        ("a@b", "email"),
        ("a@b.c d", "email"),
        ("a b@example.com", "email"),
        ("a@example.com\n", "email"),
        ("a@example.com\0", "email"),
        ("a@exa\0mple.com", "email"),
        ('"quoted"@example.com', "email"),
        ("a@[127.0.0.1]", "email"),
        ("a@-example.com", "email"),
        ("a@example..com", "email"),
        (".a@example.com", "email"),
        ("a..b@example.com", "email"),
        ("John Doe <john@example.com>", "email"),
        ("a@example.com,b@example.com", "email"),
        ("a@example.com\r\nBcc: b@example.com", "email"),
        ("j\u043ehn@example.com", "email"),
        ("john\u200b@example.com", "email"),
        ("john@exam\u202eple.com", "email"),
        ("a" * 65 + "@example.com", "email"),
        ("a@" + "b" * 64 + ".com", "email"),
        ("a" * 243 + "@example.com", "too_long"),
        ("a@" * 127 + "b", "too_long"),
        ("a" * 60_000 + "@example.com", "too_long"),
        ("@" * 60_000, "too_long"),
    ],
)
async def test_an_address_that_breaks_a_rule_is_refused_with_the_rule(
    client: Client, new_name: NewName, email: str, kind: str
) -> None:
    body = {"username": new_name(), "email": email}

    assert {("body.email", kind)} == expect_invalid(
        await client.post(f"{AUTH}/dev-register", json=body)
    )


@pytest.mark.parametrize(
    ("display_name", "kind"),
    [
        ("a" * 101, "too_long"),
        ("\u00e9" * 101, "too_long"),
        ("a" * 60_000, "too_long"),
        ("John\0Doe", "alphabet"),
        ("John\x1b[31mDoe", "alphabet"),
        ("John\r\nDoe", "alphabet"),
        ("John\u200bDoe", "alphabet"),
        ("\u202eeoD nhoJ", "alphabet"),
        ("John\u2067Doe", "alphabet"),
        ("\ufeffJohn", "alphabet"),
    ],
)
async def test_a_display_name_that_breaks_a_rule_is_refused_with_the_rule(
    client: Client, new_name: NewName, display_name: str, kind: str
) -> None:
    body = {"username": new_name(), "display_name": display_name}

    answer = await client.post(f"{AUTH}/dev-register", json=body)

    assert {("body.display_name", kind)} == expect_invalid(answer)


@pytest.mark.parametrize(
    ("route", "field"),
    [
        *(("dev-register", name) for name in ("username", "email", "display_name", "password")),
        *(("login", name) for name in ("username", "email", "password")),
    ],
)
@pytest.mark.parametrize(
    "value", [5, -1, 1.5, True, False, [], ["abcd"], {}, {"a": "b"}, 2**63, -(2**70)]
)
async def test_a_field_of_a_wrong_type_is_named(
    client: Client, new_name: NewName, route: str, field: str, value: object
) -> None:
    answer = await client.post(f"{AUTH}/{route}", json={"username": new_name(), field: value})

    assert {(f"body.{field}", "type_error")} == expect_invalid(answer)


MALFORMED = {
    "blank": b" ",
    "a brace": b"{",
    "cut": b'{"username": "abcd"',
    "no quotes": b"{username: 1}",
    "single quotes": b"{'username': 'abcd'}",
    "trailing comma": b'{"username": "abcd",}',
    "trailing text": b'{"username": "abcd"} x',
    "two documents": b'{"username": "abcd"}{"username": "abcd"}',
    "comment": b'{"username": "abcd" /* x */}',
    "a null byte": b"\0",
    "a raw null in a text": b'{"username": "ab\0cd"}',
    "a raw newline in a text": b'{"username": "ab\ncd"}',
    "NaN": b'{"username": NaN}',
    "NaN elsewhere": b'{"username": "abcd", "x": NaN}',
    "Infinity": b'{"username": "abcd", "x": -Infinity}',
    "a number beyond all": b'{"username": "abcd", "x": 1e999}',
    "leading zero": b'{"username": "abcd", "x": 01}',
    "byte order mark": b'\xef\xbb\xbf{"username": "abcd"}',
    "UTF-16": '{"username": "abcd"}'.encode("utf-16"),
    "UTF-32": '{"username": "abcd"}'.encode("utf-32"),
    "Latin-1": b'{"username": "abcd", "display_name": "\xe9"}',
    "overlong UTF-8": b'{"username": "\xc0\xaf\xc0\xafabcd"}',
    "cut UTF-8": b'{"username": "abcd\xe2\x82"}',
    "a raw surrogate": b'{"username": "\xed\xa0\x80abcd"}',
    "an escaped high surrogate": b'{"username": "\\ud800abcd"}',
    "an escaped low surrogate": b'{"username": "abcd\\udfff"}',
    "surrogates in the wrong order": b'{"username": "abcd\\udc00\\ud800"}',
    "a surrogate in the address": b'{"username": "abcd", "email": "\\ud800@example.com"}',
    "a surrogate in the display name": b'{"username": "abcd", "display_name": "\\udfff"}',
    "a surrogate in the password": b'{"username": "abcd", "password": "\\ud800aaaaaaaaaaaaaaa"}',
    "a surrogate in an unknown field": b'{"username": "abcd", "x": "\\ud800"}',
    "a surrogate in a name": b'{"username": "abcd", "\\ud800": 1}',
    "a bad escape": b'{"username": "abcd\\x41"}',
    "deep arrays": b"[" * 30_000,
    "deep objects": b'{"a":' * 10_000,
    "closed deep arrays": b"[" * 30_000 + b"]" * 30_000,
    "depth in an unknown field": b'{"username": "abcd", "x": ' + b"[" * 20000 + b"]" * 20000 + b"}",
    "gzip": bytes.fromhex("1f8b08000000000000ff"),
    "MessagePack": b"\x81\xa8username\xa4abcd",
}


@pytest.mark.sec("SEC-52")
@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("route", ROUTES)
async def test_a_body_that_is_not_json_is_malformed(
    client: Client, route: str, content: bytes
) -> None:
    answer = await client.post(f"{AUTH}/{route}", content=content, headers=JSON)

    body = expect_problem(answer, 422, "malformed_json")
    assert [(["body"], "json_invalid")] == [(e["loc"], e["type"]) for e in body["errors"]]


@pytest.mark.parametrize("content", [b"[]", b"5", b'"abcd"', b"true", b"1e5", b'["username"]'])
@pytest.mark.parametrize("route", ROUTES)
async def test_a_body_that_is_no_object_is_refused(
    client: Client, route: str, content: bytes
) -> None:
    answer = await client.post(f"{AUTH}/{route}", content=content, headers=JSON)

    assert {("body", "type_error")} == expect_invalid(answer)


@pytest.mark.parametrize("content", [b"null", b""])
@pytest.mark.parametrize("route", ROUTES)
async def test_a_body_that_is_nothing_is_refused(
    client: Client, route: str, content: bytes
) -> None:
    answer = await client.post(f"{AUTH}/{route}", content=content, headers=JSON)

    expect_problem(answer, 422, "validation_failed")


@pytest.mark.parametrize(
    "extra",
    [
        {"a": [[[[[[[[1]]]]]]]]},
        {"x": 9007199254740993},
        {"x": -1e308},
        {"": ""},
        {"__proto__": {"is_admin": True}, "constructor": {}},
        {"\U0001f600": "\U0001f600"},
        {f"key{number}": number for number in range(3000)},
    ],
)
async def test_what_a_client_adds_is_ignored(
    client: Client, new_name: NewName, extra: dict[str, Any]
) -> None:
    answer = await client.post(f"{AUTH}/dev-register", json={"username": new_name(), **extra})

    assert 201 == answer.status_code


async def test_of_duplicate_members_one_counts_and_no_rule_is_passed_by(
    client: Client, new_name: NewName
) -> None:
    name = new_name()

    good_last = f'{{"username": "a b", "username": "{name}"}}'.encode()
    bad_last = f'{{"username": "{name}", "username": "a b"}}'.encode()

    answer = await client.post(f"{AUTH}/dev-register", content=bad_last, headers=JSON)
    assert {("body.username", "alphabet")} == expect_invalid(answer)
    answer = await client.post(f"{AUTH}/dev-register", content=good_last, headers=JSON)
    assert (201, name) == (answer.status_code, answer.json()["user"]["username"])


def _body(name: str, size: int) -> bytes:
    start = json.dumps({"username": name, "x": ""})[:-2].encode()
    return start + b"a" * (size - len(start) - 2) + b'"}'


@pytest.mark.sec("SEC-52")
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 201), (LIMIT + 1, 413), (10**6, 413)])
async def test_a_body_may_have_64_kilobytes_and_not_a_byte_more(
    client: Client, new_name: NewName, size: int, status: int
) -> None:
    body = _body(new_name(), size)

    answer = await client.post(f"{AUTH}/dev-register", content=body, headers=JSON)

    assert (size, status) == (len(body), answer.status_code)
    if status != 201:
        expect_problem(answer, 413, "body_too_large")


CHUNKED = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]


@pytest.mark.sec("SEC-52")
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 201), (LIMIT + 1, 413), (10**6, 413)])
async def test_a_body_that_does_not_announce_its_size_has_the_same_limit(
    client: Client, new_name: NewName, size: int, status: int
) -> None:
    body = _body(new_name(), size)
    chunks = [body[start : start + 4096] for start in range(0, size, 4096)]

    answer = await ask_raw(client, "POST", f"{AUTH}/dev-register", headers=CHUNKED, chunks=chunks)

    assert status == answer.status_code
    if status != 201:
        expect_problem(answer, 413, "body_too_large")


async def test_a_body_in_many_pieces_is_one_body(client: Client, new_name: NewName) -> None:
    name = new_name()
    body = json.dumps({"username": name, "display_name": "\u00e9\U0001f600"}).encode()

    answer = await ask_raw(
        client,
        "POST",
        f"{AUTH}/dev-register",
        headers=CHUNKED,
        chunks=[bytes([byte]) for byte in body] + [b""],
    )

    assert (201, name) == (answer.status_code, answer.json()["user"]["username"])


@pytest.mark.sec("SEC-52")
async def test_a_size_that_is_announced_too_large_is_refused_before_it_is_read(
    client: Client,
) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"65537")]

    answer = await ask_raw(client, "POST", f"{AUTH}/login", headers=headers, chunks=[b"{}"])

    expect_problem(answer, 413, "body_too_large")


async def test_a_client_that_goes_away_in_the_middle_is_not_a_fault_of_ours(
    client: Client,
) -> None:
    answer = await ask_raw(
        client, "POST", f"{AUTH}/login", headers=CHUNKED, chunks=[b'{"user', CUT_OFF]
    )

    expect_problem(answer, 400, "bad_request")


@pytest.mark.parametrize("size", [b"x", b"", b"5 5", b"0x10", b"\xff"])
async def test_a_size_that_is_no_number_is_a_bad_request(client: Client, size: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", size)]

    answer = await ask_raw(client, "POST", f"{AUTH}/login", headers=headers, chunks=[b"{}"])

    expect_problem(answer, 400, "bad_request")


@pytest.mark.sec("SEC-47")
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        ";",
        "text/plain",
        "text/json",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/msgpack",
        "application/x-msgpack",
        "application/xml",
        "application/jsonx",
        "application/vnd.api+json",
        "application/problem+json",
        "application/json, text/plain",
        "*/*",
    ],
)
@pytest.mark.parametrize("route", ROUTES)
async def test_a_body_that_does_not_say_it_is_json_is_refused(
    client: Client, new_name: NewName, route: str, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    body = json.dumps({"username": new_name()}).encode()

    answer = await client.post(f"{AUTH}/{route}", content=body, headers=headers)

    expect_problem(answer, 415, "unsupported_media_type")


@pytest.mark.sec("SEC-47")
async def test_a_change_of_the_profile_must_say_it_is_json_too(
    client: Client, new_name: NewName
) -> None:
    token = bearer((await sign_up(client, new_name()))["access_token"])

    answer = await client.patch(
        f"{AUTH}/me",
        content=b'{"display_name": "X"}',
        headers=token | {"Content-Type": "text/plain"},
    )

    expect_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON",
        " application/json ",
        "application/json;",
        "application/json; charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json;charset=latin-1",
        "application/json; charset=nonsense; x=y",
    ],
)
async def test_json_is_utf_8_whatever_charset_is_claimed(
    client: Client, new_name: NewName, content_type: str
) -> None:
    body = json.dumps({"username": new_name(), "display_name": "\u00e9t\u00e9"}, ensure_ascii=False)

    answer = await client.post(
        f"{AUTH}/dev-register", content=body.encode(), headers={"Content-Type": content_type}
    )

    assert 201 == answer.status_code
    assert "\u00e9t\u00e9" == answer.json()["user"]["display_name"]


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"\xff\xfe")],
        [(b"cookie", b"\xff=\xfe; ; ;=;a")],
        [(b"accept", b"\xff")],
        [(b"accept-language", b"*" * 8000)],
        [(b"host", b"\xff")],
        [(b"host", b"a b\0")],
        [(b"origin", b"\xff\xfe")],
        [(b"if-none-match", b"*")],
        [(b"range", b"bytes=0-1")],
        [(b"expect", b"200-ok")],
        [(b"upgrade", b"websocket"), (b"connection", b"upgrade")],
        [(b"x-%d" % number, b"y") for number in range(500)],
    ],
)
async def test_odd_headers_are_never_our_fault(
    client: Client, headers: list[tuple[bytes, bytes]]
) -> None:
    for method, path in (("GET", "/"), ("GET", f"{AUTH}/me"), ("POST", f"{AUTH}/login")):
        answer = await ask_raw(client, method, path, headers=headers)
        assert answer.status_code in {200, 400, 401, 415, 422}
