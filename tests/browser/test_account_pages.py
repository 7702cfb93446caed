"""The pages behind mailed links, in a browser that runs no script."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import DESKTOP, PHONE, Tab
from tests.e2e.running import Service, fm_auth, new_name

AUTH = "/api/v1/auth"
PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "an altogether different sentence"


def post(site: Service, path: str, status: int, access: str = "", **body: Any) -> Any:
    headers = _bearer(access) if access else {}
    answer = site.client.post(f"{AUTH}/{path}", json=body, headers=headers)
    assert status == answer.status_code, answer.text
    return answer.json()


def letter(site: Service, email: str, template: str) -> dict[str, Any]:
    """The newest such letter, as the development mailbox shows it."""
    listed = site.client.get("/dev/mail", headers={"Accept": "application/json"}).json()["items"]
    return next(one for one in listed if (one["to"], one["template"]) == (email, template))


def link(site: Service, email: str, template: str) -> str:
    return str(letter(site, email, template)["link"])


def log_in(site: Service, name: str, password: str = PASSWORD) -> int:
    body = {"username": name, "password": password}
    return site.client.post(f"{AUTH}/login", json=body).status_code


def register(site: Service) -> tuple[str, str]:
    """A name that waits for its address to be proven, and the address."""
    name = new_name()
    email = f"{name}@example.com"
    post(site, "register", 202, username=name, email=email, password=PASSWORD)
    return name, email


def sign_up(site: Service) -> tuple[str, str, str]:
    """A name, its address, and an access token."""
    name, email = register(site)
    token = link(site, email, "verify_registration").partition("token=")[2]
    tokens = post(site, "verify-registration", 201, token=token)
    return name, email, tokens["access_token"]


def is_sound(tab: Tab, site: Service) -> None:
    """What holds on every page."""
    # that a form was refused is not the browser's complaint about the page
    assert [] == [said for said in tab.complaints if "status of 422" not in said]
    assert [] == [url for url in tab.requested if not url.startswith((site.url, "about:"))]
    assert 1 == tab.value("document.querySelectorAll('h1').length")
    assert tab.value("document.documentElement.lang") in {"en", "de"}
    unlabelled = (
        "[...document.querySelectorAll('input:not([type=hidden])')]"
        ".filter(each => each.labels.length !== 1).length"
    )
    assert 0 == tab.value(unlabelled)
    assert 0 == tab.value("document.scripts.length")
    assert tab.width() <= tab.value("window.innerWidth")


@pytest.mark.sec("SEC-17")
def test_a_registration_is_completed_by_a_click_and_not_by_looking(
    site: Service, tab: Tab, pictures: Path
) -> None:
    name, email = register(site)
    url = link(site, email, "verify_registration")

    for _ in range(2):
        tab.open(url)
    is_sound(tab, site)
    assert name in tab.text()
    tab.screenshot(pictures / "verify-registration.png")
    assert 401 == log_in(site, name)

    tab.click()

    is_sound(tab, site)
    assert "Your account is ready" == tab.text("h1")
    tab.screenshot(pictures / "verify-registration-done.png")
    assert 200 == log_in(site, name)

    tab.open(url)
    assert "That did not work" == tab.text("h1")
    tab.screenshot(pictures / "problem.png")


def test_a_forgotten_password_is_replaced_on_a_phone_in_german(
    site: Service, tab: Tab, pictures: Path
) -> None:
    name, email, _ = sign_up(site)
    post(site, "forgot-password", 202, email=email)
    tab.sized(PHONE).speaking("de-AT,de;q=0.9,en;q=0.5")

    tab.open(link(site, email, "reset_password"))
    is_sound(tab, site)
    assert ("de", "Neues Passwort wählen") == (
        tab.value("document.documentElement.lang"),
        tab.text("h1"),
    )
    tab.screenshot(pictures / "reset-phone.png")
    assert name == tab.value("document.querySelector('#username').value")
    tab.type("#new_password", "kurz").click()

    is_sound(tab, site)
    assert "Das ist zu kurz." == tab.text("[role=alert]")
    assert "problem" == tab.value(
        "document.querySelector('[aria-invalid]').getAttribute('aria-describedby')"
    )
    tab.screenshot(pictures / "reset-phone-short.png")
    tab.type("#new_password", NEW_PASSWORD).click()

    is_sound(tab, site)
    assert "Ihr Passwort ist geändert" == tab.text("h1")
    assert (401, 200) == (log_in(site, name), log_in(site, name, NEW_PASSWORD))


def test_a_used_link_says_so(site: Service, tab: Tab, pictures: Path) -> None:
    _, email, _ = sign_up(site)
    post(site, "forgot-password", 202, email=email)
    url = link(site, email, "reset_password")
    tab.sized(DESKTOP, dark=True).open(url).type("#new_password", NEW_PASSWORD).click()

    tab.open(url)

    assert "This link does not work any more" in tab.text("[role=alert]")
    tab.screenshot(pictures / "problem-dark.png")


def test_another_address_is_proven_by_a_click(site: Service, tab: Tab, pictures: Path) -> None:
    _, email, token = sign_up(site)
    new = f"new-{email}"
    post(site, "me/email", 202, token, new_email=new, password=PASSWORD)

    tab.sized(DESKTOP, dark=True).open(link(site, new, "change_email"))
    is_sound(tab, site)
    tab.screenshot(pictures / "change-email-dark.png")
    assert email == site.client.get(f"{AUTH}/me", headers=_bearer(token)).json()["email"]
    tab.click()

    assert "Your address is changed" == tab.text("h1")
    assert new == site.client.get(f"{AUTH}/me", headers=_bearer(token)).json()["email"]


def test_a_sign_in_link_is_handed_to_the_application_that_asked(
    site: Service, tab: Tab, pictures: Path
) -> None:
    name, email, _ = sign_up(site)
    post(site, "sign-in/link", 202, email=email)

    tab.sized(PHONE).open(link(site, email, "sign_in_link")).click()

    is_sound(tab, site)
    tab.screenshot(pictures / "sign-in-phone.png")
    handed = tab.text("#pasted")
    assert name == post(site, "sign-in/link/redeem", 200, token=handed)["user"]["username"]


def test_the_invited_make_their_account(invite_site: Service, tab: Tab, pictures: Path) -> None:
    name = new_name()
    email = f"{name}@example.com"
    done = fm_auth(
        "user", "invite", email, settings={"REGISTRATION_MODE": "invite"}, cwd=invite_site.folder
    )
    assert 0 == done.returncode, done.stderr

    tab.sized(PHONE).open(link(invite_site, email, "registration_invitation"))
    is_sound(tab, invite_site)
    assert email in tab.text()
    tab.screenshot(pictures / "register-phone.png")
    tab.type("#username", "a b").type("#password", PASSWORD).click()
    assert "Letters a-z" in tab.text("[role=alert]")
    assert "a b" == tab.value("document.querySelector('#username').value")
    tab.screenshot(pictures / "register-phone-problem.png")
    tab.value("document.querySelector('#username').value = ''")
    tab.type("#username", name).type("#password", PASSWORD).click()

    assert "Your account is ready" == tab.text("h1")
    assert 200 == log_in(invite_site, name)


@pytest.mark.sec("SEC-47")
def test_a_form_on_another_site_changes_nothing(site: Service, tab: Tab) -> None:
    _, email = register(site)
    token = link(site, email, "verify_registration").partition("token=")[2]
    form = (
        f"<form method=post action={site.url}/account/verify-registration>"
        f"<input name=token value={token}><button>Win</button></form>"
    )

    tab.open(f"data:text/html,{form}").click()

    assert "another site" in tab.text("[role=alert]")
    assert 401 == log_in(site, email.partition("@")[0])


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
