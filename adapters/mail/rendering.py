"""Letters as text and HTML, from one wording: both parts say the same."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from adapters.mail.catalogue import LANGUAGES, Catalogue, catalogue, negotiated
from auth_core.kernel import Letter, MailTemplate
from auth_core.mail import LINK_PATHS, LetterRenderer, Message

DEFAULT_PATHS = LINK_PATHS
"""Where the link of a letter leads, below the public URL."""


class _Wording:
    """One letter in one language, compiled for text and for HTML."""

    def __init__(self, words: Catalogue, template: MailTemplate, text: Environment) -> None:
        wording = words.letters[template]
        html = text.overlay(autoescape=True)
        compiled = {False: text.from_string, True: html.from_string}
        self.subject = text.from_string(wording.subject)
        self.action = wording.action
        self.greeting, self.footer = words.greeting, text.from_string(words.footer)
        self.opening = {
            kind: [made(line) for line in wording.opening] for kind, made in compiled.items()
        }
        self.closing = {
            kind: [made(line) for line in wording.closing] for kind, made in compiled.items()
        }


class CatalogueRenderer:
    """Renders every template in every language. Compiles all of it once, when it is made.

    The address of a link comes from the settings and nothing else (SEC-15).
    """

    def __init__(
        self,
        public_url: str,
        *,
        service_name: str = "FaultMaven",
        paths: Mapping[MailTemplate, str] = DEFAULT_PATHS,
    ) -> None:
        """``public_url`` has no slash at its end; ``paths`` begin with one."""
        self._public_url = public_url
        self._service_name = service_name
        self._paths = paths
        environment = Environment(
            loader=PackageLoader("adapters.mail", "layouts"),
            undefined=StrictUndefined,
            autoescape=False,  # noqa: S701 - of the text part; HTML has an overlay that escapes
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._text_layout = environment.get_template("letter.txt")
        self._html_layout = environment.overlay(autoescape=True).get_template("letter.html")
        self._wordings = {
            (language, template): _Wording(catalogue(language), template, environment)
            for language in LANGUAGES
            for template in MailTemplate
        }

    def render(self, letter: Letter) -> Message:
        """The letter in the language of its locale, else of a shorter tag, else in English.

        Raises UndefinedError or KeyError when a value that it shows is missing.
        """
        language = negotiated(letter.locale)
        wording = self._wordings[language, letter.template]
        values = {**letter.values, "service": self._service_name}
        link, code = self._link(letter), _code(letter)
        subject = wording.subject.render(values)
        shown = {
            "language": language,
            "subject": subject,
            "greeting": wording.greeting,
            "footer": wording.footer.render(values),
            "action": wording.action,
            "link": link,
            "code": code,
        }

        def part(layout: Template, *, html: bool) -> str:
            opening, closing = (
                [_marked(line.render(values), html=html) for line in lines[html]]
                for lines in (wording.opening, wording.closing)
            )
            return layout.render(shown, opening=opening, closing=closing)

        return Message(
            id=letter.id,
            to=letter.to,
            language=language,
            subject=subject,
            text=part(self._text_layout, html=False),
            html=part(self._html_layout, html=True),
            link=link,
            code=code,
        )

    def _link(self, letter: Letter) -> str | None:
        path = self._paths.get(letter.template)
        if path is None:
            return None
        # an invitation is shown, too: its link carries what can also be entered
        token = letter.values.get("token") or letter.values["code"]
        return f"{self._public_url}{path}?token={quote(token, safe='')}"


def _code(letter: Letter) -> str | None:
    """What can be typed in; some letters are written for nothing else."""
    if letter.template is MailTemplate.SIGN_IN_CODE:
        return letter.values["code"]
    return letter.values.get("code")


def _marked(paragraph: str, *, html: bool) -> str:
    # its values were escaped when it was rendered
    return Markup(paragraph) if html else paragraph  # noqa: S704


if TYPE_CHECKING:
    _: type[LetterRenderer] = CatalogueRenderer
