"""GET /dev/mail: letters that nobody sends, readable in development and nowhere else."""

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from app.container import Container
from app.settings import load_settings
from auth_core.kernel import Letter, MailTemplate
from auth_core.mail import MailOffice
from auth_core.testing.contracts.mail_outbox import new_letter
from tests.api.asking import expect_problem
from tests.serving import Client, serving

TOKEN = "a-token&<of>-one letter"
HOSTILE = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil"}


@pytest.fixture
async def office(environ: dict[str, str]) -> AsyncIterator[MailOffice]:
    """The outbox of the deployment, from another process."""
    container = Container(load_settings(environ))
    yield container.core.mail
    await container.close()


@pytest.fixture
async def letter(office: MailOffice) -> Letter:
    """A letter that waits."""
    letter = new_letter(values={"token": TOKEN, "minutes": "10"}, locale="de-AT")
    await office.send(letter)
    return letter


async def test_a_letter_is_there_as_soon_as_it_is_committed(client: Client, letter: Letter) -> None:
    answer = await client.get(f"/dev/mail/{letter.id}", headers={"Accept": "application/json"})

    shown = answer.json()
    assert (str(letter.id), "reset_password", "de") == (
        shown["id"],
        shown["template"],
        shown["language"],
    )
    assert letter.to.value == shown["to"]
    link = "/account/reset-password?token=a-token%26%3Cof%3E-one%20letter"
    assert f"http://127.0.0.1:8000{link}" == shown["link"]
    assert shown["link"] in shown["text"]
    assert None is shown["code"]


async def test_the_list_has_the_newest_letter_first(
    client: Client, office: MailOffice, letter: Letter
) -> None:
    second = new_letter(
        template=MailTemplate.SIGN_IN_CODE, values={"code": "123456", "minutes": "9"}
    )
    await office.send(second)

    answer = await client.get("/dev/mail", headers={"Accept": "application/json"})

    items = answer.json()["items"]
    assert [str(second.id), str(letter.id)] == [item["id"] for item in items[:2]]
    assert "123456" == items[0]["code"]
    assert "123456" in items[0]["text"]


async def test_people_get_pages_that_load_and_run_nothing(client: Client, letter: Letter) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    listed = await client.get("/dev/mail", headers=browser)
    page = await client.get(f"/dev/mail/{letter.id}", headers=browser)
    part = await client.get(f"/dev/mail/{letter.id}/html", headers=browser)

    for answer in (listed, page, part):
        assert 200 == answer.status_code
        assert answer.headers["content-type"].startswith("text/html")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'")
        assert "script" not in policy
        assert "no-store" == answer.headers["cache-control"]
        assert 'lang="' in answer.text
        assert "<script" not in answer.text
    assert f'href="/dev/mail/{letter.id}"' in listed.text
    assert 'href="http://127.0.0.1:8000/account/reset-password?token=' in page.text
    assert "sandbox" in part.headers["content-security-policy"]


@pytest.mark.sec("SEC-15")
async def test_links_follow_the_settings_and_never_the_request(
    environ: dict[str, str], letter: Letter
) -> None:
    async with serving(environ | {"AUTH_PUBLIC_URL": "https://id.example.com/auth/"}) as client:
        for path in ("", f"/{letter.id}", f"/{letter.id}/html"):
            answer = await client.get(f"/dev/mail{path}", headers=HOSTILE)

            assert "evil" not in answer.text
        assert ["https://id.example.com/auth/account/reset-password"] == re.findall(
            r'href="(https://id[^?"]+)', answer.text
        )


async def test_a_letter_that_is_not_there_is_not_found(client: Client) -> None:
    for path in (f"/dev/mail/{uuid4()}", f"/dev/mail/{uuid4()}/html"):
        expect_problem(await client.get(path), 404, "not_found")


@pytest.mark.sec("SEC-67")
async def test_outside_development_there_is_no_mailbox(production: Client, letter: Letter) -> None:
    for path in ("/dev/mail", f"/dev/mail/{letter.id}", f"/dev/mail/{letter.id}/html"):
        expect_problem(await production.get(path), 404, "endpoint_not_available")
