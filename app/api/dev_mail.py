"""GET /dev/mail: what would have been sent, for whoever develops. Does not exist elsewhere."""

from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from jinja2 import Environment, PackageLoader
from litestar import Controller, MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from app.api.answers import Timestamp, timestamp
from app.development_mail import DevelopmentMailbox
from app.limits import LIMIT_NONE
from app.security import DEVELOPMENT_ONLY, PUBLIC
from auth_core.kernel import LetterId, NotFound
from auth_core.mail import Message, QueuedLetter

_STYLE = "style-src 'unsafe-inline'; "
_CLOSED = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE_HEADERS = {"Content-Security-Policy": f"default-src 'none'; {_STYLE}{_CLOSED}"}
# a letter is shown as a mail program would: links lead on, nothing else happens
_LETTER_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; {_STYLE}{_CLOSED}; "
    "sandbox allow-popups allow-top-navigation-by-user-activation"
}


class DevelopmentLetterSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A letter in a list."""

    id: UUID
    created_at: Timestamp
    to: str
    template: str
    language: str
    subject: str


class DevelopmentLetter(DevelopmentLetterSummary, frozen=True, kw_only=True):
    """A letter with all that it says."""

    text: str
    html: str
    link: str | None
    code: str | None


class DevelopmentLetters(msgspec.Struct, frozen=True):
    """The letters that wait, newest first."""

    items: list[DevelopmentLetter]


class DevelopmentMailController(Controller):
    """The development mailbox."""

    path = "/dev/mail"
    opt = PUBLIC | DEVELOPMENT_ONLY | LIMIT_NONE
    include_in_schema = False

    @get()
    async def list_letters(
        self, request: Request[Any, Any, Any], mailbox: NamedDependency[DevelopmentMailbox]
    ) -> Response[Any]:
        """Read what waits: a page, or JSON if that is accepted and HTML is not."""
        letters = [_shown(*each) for each in await mailbox.newest()]
        if _wants_json(request):
            return Response(DevelopmentLetters(letters))
        return _page("list.html", letters=letters)

    @get("/{letter_id:uuid}")
    async def letter(
        self,
        request: Request[Any, Any, Any],
        letter_id: FromPath[UUID],
        mailbox: NamedDependency[DevelopmentMailbox],
    ) -> Response[Any]:
        """Read one letter: the page with its text part, or JSON with all of it."""
        letter = await _found(mailbox, letter_id)
        if _wants_json(request):
            return Response(letter)
        before, link, after = letter.text, "", ""
        if letter.link is not None:
            before, link, after = letter.text.partition(letter.link)
        return _page("letter.html", letter=letter, before=before, link=link, after=after)

    @get("/{letter_id:uuid}/html")
    async def html_part(
        self, letter_id: FromPath[UUID], mailbox: NamedDependency[DevelopmentMailbox]
    ) -> Response[str]:
        """Read the HTML part of a letter."""
        letter = await _found(mailbox, letter_id)
        return Response(letter.html, media_type=MediaType.HTML, headers=_LETTER_HEADERS)


async def _found(mailbox: DevelopmentMailbox, letter_id: UUID) -> DevelopmentLetter:
    found = await mailbox.find(LetterId(letter_id))
    if found is None:
        raise NotFound
    return _shown(*found)


def _shown(letter: QueuedLetter, message: Message) -> DevelopmentLetter:
    return DevelopmentLetter(
        id=letter.id,
        created_at=timestamp(letter.created_at),
        to=message.to.value,
        template=letter.template.value,
        language=message.language,
        subject=message.subject,
        text=message.text,
        html=message.html,
        link=message.link,
        code=message.code,
    )


def _wants_json(request: Request[Any, Any, Any]) -> bool:
    accepted = request.headers.get("accept", "").lower()
    return "application/json" in accepted and "text/html" not in accepted


def _page(name: str, **values: object) -> Response[str]:
    content = _environment().get_template(name).render(values)
    return Response(content, media_type=MediaType.HTML, headers=_PAGE_HEADERS)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("app", "templates/dev_mail"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
