"""The pages behind mailed links, as HTTP."""

from html import unescape
from typing import Any

import asyncpg
import pytest

from app.pages.words import LANGUAGES, preferred, words
from auth_core.kernel import MailTemplate
from tests.api.asking import AUTH, PASSWORD
from tests.mailbox import Mailbox
from tests.serving import Client

PAGES = {
    "verify-registration": MailTemplate.VERIFY_REGISTRATION,
    "verify-email": MailTemplate.VERIFY_EMAIL,
    "reset-password": MailTemplate.RESET_PASSWORD,
    "change-email": MailTemplate.CHANGE_EMAIL,
    "sign-in": MailTemplate.SIGN_IN_LINK,
}
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
STATE = (
    "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM ("
    "SELECT row_to_json(s)::text FROM one_time_secrets s WHERE s.email = $1 UNION ALL "
    "SELECT row_to_json(u)::text FROM users u WHERE u.email = $1) AS t(t)"
)


@pytest.fixture
async def waiting(verified: Client, mailbox: Mailbox, new_name: Any) -> tuple[str, str]:
    """The address of a registration, and the token that completes it."""
    name = new_name()
    email = f"{name}@example.com"
    body = {"username": name, "email": email, "password": PASSWORD}
    assert 202 == (await verified.post(f"{AUTH}/register", json=body)).status_code
    return email, await mailbox.token(email, MailTemplate.VERIFY_REGISTRATION)


async def post(client: Client, page: str, headers: dict[str, str] = FORM, **fields: str) -> Any:
    return await client.post(f"/account/{page}", data=fields, headers=headers)


@pytest.mark.sec("SEC-17")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("page", ["verify-registration", "reset-password", "sign-in"])
async def test_looking_at_a_page_changes_nothing(
    verified: Client,
    mailbox: Mailbox,
    waiting: tuple[str, str],
    database: asyncpg.Connection,
    page: str,
    method: str,
) -> None:
    email, token = waiting
    if page != "verify-registration":
        assert 200 == (await post(verified, "verify-registration", token=token)).status_code
        path = {"reset-password": "forgot-password", "sign-in": "sign-in/link"}[page]
        await verified.post(f"{AUTH}/{path}", json={"email": email})
        token = await mailbox.token(email, PAGES[page])
    before = await database.fetchval(STATE, email)

    for _ in range(2):
        answer = await verified.request(method, f"/account/{page}?token={token}")
        assert 200 == answer.status_code, answer.text

    assert before == await database.fetchval(STATE, email)


@pytest.mark.sec("SEC-51")
@pytest.mark.parametrize("page", [*PAGES, "register", "join"])
async def test_a_page_is_strict_and_leaks_nothing(verified: Client, page: str) -> None:
    answer = await verified.get(f"/account/{page}?token=no-such-token")

    assert answer.status_code in {200, 400, 403}
    assert "text/html; charset=utf-8" == answer.headers["content-type"]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy + answer.text
    assert "unsafe" not in policy
    for name, value in (
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-language", "en"),
    ):
        assert value == answer.headers[name]
    assert "set-cookie" not in answer.headers
    assert "style=" not in answer.text


@pytest.mark.parametrize("page", [*PAGES, "register", "join"])
async def test_a_link_that_does_not_work_says_so(verified: Client, page: str) -> None:
    answer = await post(
        verified, page, token="nope", new_password=PASSWORD, username="someone", password=PASSWORD
    )

    assert answer.status_code in ({400} if page != "register" else {403})
    assert 'role="alert"' in answer.text


@pytest.mark.sec("SEC-47")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://testserver.local"}, 200),
        ({}, 200),
    ],
)
async def test_a_form_of_another_site_is_refused(
    verified: Client, waiting: tuple[str, str], headers: dict[str, str], status: int
) -> None:
    email, token = waiting
    sent = {"Content-Type": FORM["Content-Type"], "Host": "testserver.local", **headers}

    answer = await post(verified, "verify-registration", sent, token=token)

    assert status == answer.status_code, answer.text
    login = await verified.post(f"{AUTH}/login", json={"email": email, "password": PASSWORD})
    assert (200 if status == 200 else 401) == login.status_code


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b'{"token": "x"}', 415),
        ("text/plain", b"token=x", 415),
        ("application/x-www-form-urlencoded", b"\xff", 400),
        ("application/x-www-form-urlencoded", b"a=b&" * 30, 400),
        ("application/x-www-form-urlencoded", b"", 400),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    verified: Client, content_type: str, body: bytes, status: int
) -> None:
    answer = await verified.post(
        "/account/verify-email", content=body, headers={"Content-Type": content_type}
    )

    assert status == answer.status_code


async def test_what_a_stranger_chose_is_shown_as_text(
    verified: Client, mailbox: Mailbox, waiting: tuple[str, str]
) -> None:
    token = '"><b>x</b>'

    answer = await verified.get("/account/verify-email", params={"token": token})

    assert "<b>" not in answer.text
    assert token in unescape(answer.text)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH, en;q=0.8", "de"),
        ("en, de", "en"),
        ("fr, de;q=0.5, en;q=0.4", "de"),
        ("en;q=0.1,de;q=0.9", "de"),
        ("de;q=0", "en"),
        ("*", "en"),
        ("\x00;q=9", "en"),
        ("de;q=" + "9" * 100, "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_prefers(header: str, language: str) -> None:
    assert language == preferred(header)


def test_every_language_says_all_that_the_others_say() -> None:
    def keys(table: Any) -> Any:
        return {
            name: keys(value) if isinstance(value, dict) else None for name, value in table.items()
        }

    assert all(keys(words("en")) == keys(words(language)) for language in LANGUAGES)


@pytest.mark.sec("SEC-72")
async def test_without_postgresql_a_page_says_so_and_the_link_still_works(
    environ: dict[str, str],
) -> None:
    from tests.serving import serving

    async with serving(environ | {"DATABASE_URL": "postgresql://u:p@127.0.0.1:9/none"}) as down:
        answer = await post(down, "verify-email", token="x")

    assert 503 == answer.status_code
    assert "the link still works" in answer.text
    assert int(answer.headers["retry-after"]) >= 1
