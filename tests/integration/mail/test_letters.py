"""Every letter in every language: complete, safe, and the same in both parts."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from jinja2 import Environment, meta

from adapters.mail import DEFAULT_PATHS, LANGUAGES, CatalogueRenderer
from adapters.mail.catalogue import catalogue
from auth_core.kernel import Letter, MailTemplate
from auth_core.testing.contracts.mail_outbox import new_letter

URL = "https://id.example.com/auth"
TOKEN = "to/ken+with&every<thing>"
VALUES = {
    MailTemplate.REGISTRATION_EXISTS: {},
    MailTemplate.PASSWORD_CHANGED: {},
    MailTemplate.DELETION_CANCELLED: {},
    MailTemplate.USERNAME_TAKEN: {"username": "jo.hn"},
    MailTemplate.EMAIL_CHANGED: {"new_email": "n***@example.com"},
    MailTemplate.SIGN_IN_CODE: {"code": "048261", "minutes": "10"},
    MailTemplate.DELETION_SCHEDULED: {"date": "2026-12-24"},
    **{template: {"token": TOKEN, "minutes": "10"} for template in DEFAULT_PATHS},
}
VALUES[MailTemplate.ORGANIZATION_INVITATION] = {
    "organization": "Acme & Söhne",
    "code": TOKEN,  # its link carries what can also be entered
    "days": "7",
}
EVERY = [(language, template) for language in LANGUAGES for template in MailTemplate]
every = pytest.mark.parametrize(("language", "template"), EVERY)


@pytest.fixture(scope="module")
def renderer() -> CatalogueRenderer:
    return CatalogueRenderer(URL, service_name="FaultMaven")


def letter_of(template: MailTemplate, locale: str | None, **changes: str) -> Letter:
    return new_letter(template=template, locale=locale, values={**VALUES[template], **changes})


class Page(HTMLParser):
    """What a browser would see in HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        self.text += data


def test_the_values_of_these_tests_are_those_of_all_templates():
    assert set(MailTemplate) == set(VALUES)


@pytest.mark.parametrize(("language", "days"), [("en", "3 days"), ("de", "3 Tage")])
def test_an_invitation_that_lasts_for_days_says_so(renderer, language, days):
    letter = letter_of(MailTemplate.REGISTRATION_INVITATION, language, minutes="4320")

    message = renderer.render(letter)

    assert days in message.text
    assert "4320" not in message.text


@every
def test_every_letter_is_whole_in_every_language(renderer, language, template):
    letter = letter_of(template, language)

    message = renderer.render(letter)

    assert (letter.id, letter.to, language) == (message.id, message.to, message.language)
    assert 10 < len(message.subject) < 80
    assert "\n" not in message.subject
    assert "FaultMaven" in message.text
    assert f'<html lang="{language}">' in message.html
    page = Page(message.html)
    for value in VALUES[template].values():
        if value != TOKEN:
            assert value in message.text
            assert value in page.text
    for part in (message.subject, message.text, message.html):
        assert "{{" not in part
        assert "{%" not in part


@pytest.mark.sec("SEC-15")
@every
def test_link_and_code_stand_in_both_parts(renderer, language, template):
    message = renderer.render(letter_of(template, language))
    links = [attrs["href"] for tag, attrs in Page(message.html).tags if tag == "a"]

    if template in DEFAULT_PATHS:
        expected = f"{URL}{DEFAULT_PATHS[template]}?token=to%2Fken%2Bwith%26every%3Cthing%3E"
        assert expected == message.link
        assert [expected] == links
        assert [expected] == re.findall(r"https?://\S+", message.text)
    else:
        assert (None, []) == (message.link, links)
        assert [] == re.findall(r"https?://\S+", message.text)
    assert VALUES[template].get("code") == message.code


@every
def test_a_letter_loads_nothing_and_runs_nothing(renderer, language, template):
    message = renderer.render(letter_of(template, language))
    page = Page(message.html)

    allowed = {"html", "head", "meta", "title", "body", "div", "p", "a"}
    assert allowed >= {tag for tag, _ in page.tags}
    names = {name for _, attrs in page.tags for name in attrs}
    assert {"lang", "charset", "name", "content", "style", "href"} >= names
    assert "url(" not in message.html


@every
def test_both_parts_say_the_same(renderer, language, template):
    message = renderer.render(letter_of(template, language))

    shown = " ".join(Page(message.html).text.split())
    for line in message.text.splitlines():
        plain = line.strip().removesuffix(":")
        if plain not in {"", "--"}:
            assert plain in shown


def test_all_languages_show_the_same_values():
    def values(language, template):
        wording = catalogue(language).letters[template]
        texts = (wording.subject, *wording.opening, *wording.closing)
        parsed = [Environment().parse(text) for text in texts]
        return set().union(*(meta.find_undeclared_variables(each) for each in parsed))

    for template in MailTemplate:
        expected = values("en", template)
        known = {"service", *VALUES[template]}
        assert expected <= known
        assert known - {"token", "code"} - expected <= set(), template
        assert dict.fromkeys(LANGUAGES, expected) == {
            language: values(language, template) for language in LANGUAGES
        }
        assert bool(catalogue("en").letters[template].action) is (template in DEFAULT_PATHS)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE-latn-ch", "de"),
        ("de_CH", "de"),
        ("en-GB", "en"),
        ("fr-FR", "en"),
        ("den", "en"),
        ("../de", "en"),
        ("-" * 5000, "en"),
    ],
)
def test_the_best_language_there_is(renderer, locale, language):
    assert language == renderer.render(letter_of(MailTemplate.VERIFY_EMAIL, locale)).language


def test_what_people_choose_is_escaped_in_html(renderer):
    hostile = '<img src=x onerror="alert(1)">&'
    message = renderer.render(letter_of(MailTemplate.USERNAME_TAKEN, "en", username=hostile))

    assert "<img" not in message.html
    assert hostile in unescape(message.html)
    assert hostile in message.text


def test_a_value_is_data_and_no_template(renderer):
    message = renderer.render(letter_of(MailTemplate.USERNAME_TAKEN, "en", username="{{ 7 * 7 }}"))

    assert "{{ 7 * 7 }}" in message.text
    assert "{{ 7 * 7 }}" in message.html


def test_a_missing_value_is_an_error_and_no_gap(renderer):
    for template in MailTemplate:
        if VALUES[template]:
            with pytest.raises(Exception, match=r"undefined|token|code"):
                renderer.render(new_letter(template=template, values={}))


def test_paths_are_the_composition_roots_choice():
    renderer = CatalogueRenderer(URL, paths={**DEFAULT_PATHS, MailTemplate.VERIFY_EMAIL: "/x"})

    link = renderer.render(letter_of(MailTemplate.VERIFY_EMAIL, None)).link

    assert link is not None
    assert link.startswith(f"{URL}/x?token=")
