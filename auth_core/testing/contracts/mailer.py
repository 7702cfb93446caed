"""The contracts of `Mailer` and `LetterRenderer`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import pytest

from auth_core.kernel import Email, Letter, LetterId, MailTemplate
from auth_core.mail import (
    LINK_PATHS,
    LetterRenderer,
    MailDelayed,
    Mailer,
    MailFailure,
    MailRejected,
    MailServerDown,
    Message,
)
from auth_core.testing.contracts.making import fresh_id, fresh_name

_MANY = 20


class Arrived(msgspec.Struct, frozen=True):
    """What a mail server has of a message, lines ended by ``\\n``."""

    to: str
    subject: str
    text: str
    html: str


Delivered = Callable[[], Awaitable[list[Arrived]]]
"""Every message that the server has taken, oldest first."""
Refuse = Callable[[type[MailFailure] | None], Awaitable[None]]
"""Lets the server answer so from now on; None is to take everything again."""


def new_message() -> Message:
    """A message that nobody has had."""
    return Message(
        id=LetterId(fresh_id()),
        to=Email.parse(f"{fresh_name()}@example.com"),
        language="de",
        subject="Bestätigen Sie die Adresse 🦊",
        text="Grüße\n.\n..\nFrom here\n",
        html="<p>Grüße &amp; mehr</p>\n",
    )


class MailerContract:
    """Needs ``mailer``, a `Mailer`; ``delivered``, a `Delivered`; and ``refuse``, a `Refuse`."""

    async def test_a_message_arrives_whole_at_its_one_recipient(
        self, mailer: Mailer, delivered: Delivered
    ) -> None:
        message = new_message()

        await mailer.send(message)

        expected = Arrived(message.to.value, message.subject, message.text, message.html)
        assert [expected] == await delivered()

    async def test_of_many_at_once_each_arrives_once(
        self, mailer: Mailer, delivered: Delivered
    ) -> None:
        messages = [new_message() for _ in range(_MANY)]

        await asyncio.gather(*(mailer.send(message) for message in messages))

        arrived = sorted(each.to for each in await delivered())
        assert sorted(message.to.value for message in messages) == arrived

    @pytest.mark.sec("SEC-67")
    @pytest.mark.parametrize("failure", [MailRejected, MailDelayed, MailServerDown])
    async def test_a_refusal_is_told_as_what_it_is_and_names_nobody(
        self, mailer: Mailer, delivered: Delivered, refuse: Refuse, failure: type[MailFailure]
    ) -> None:
        message = new_message()
        await refuse(failure)

        with pytest.raises(failure) as refused:
            await mailer.send(message)

        for secret in (message.to.value, message.text, message.subject):
            assert secret not in f"{refused.value!r} {refused.value.reason}"
        assert [] == await delivered()

    async def test_after_a_refusal_the_next_message_goes(
        self, mailer: Mailer, delivered: Delivered, refuse: Refuse
    ) -> None:
        message = new_message()
        await refuse(MailDelayed)
        with pytest.raises(MailDelayed):
            await mailer.send(message)

        await refuse(None)
        await mailer.send(message)

        assert [message.to.value] == [each.to for each in await delivered()]

    async def test_a_message_that_was_given_up_stops_no_other(
        self, mailer: Mailer, delivered: Delivered
    ) -> None:
        given_up, message = new_message(), new_message()
        sending = asyncio.create_task(mailer.send(given_up))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

        await mailer.send(message)

        assert message.to.value in [each.to for each in await delivered()]


VALUES: Mapping[MailTemplate, Mapping[str, str]] = {
    **{template: {"token": "to/ken+&", "minutes": "10"} for template in LINK_PATHS},
    MailTemplate.REGISTRATION_EXISTS: {},
    MailTemplate.USERNAME_TAKEN: {"username": "<b>zoë</b>"},
    MailTemplate.ORGANIZATION_INVITATION: {
        "organization": "<script>Söhne</script>",
        "code": "to/ken+&",
        "days": "7",
    },
    MailTemplate.PASSWORD_CHANGED: {},
    MailTemplate.EMAIL_CHANGED: {"new_email": "z***@example.com"},
    MailTemplate.SIGN_IN_CODE: {"code": "012345", "minutes": "10"},
    MailTemplate.DELETION_SCHEDULED: {"date": "2026-01-31"},
    MailTemplate.DELETION_CANCELLED: {},
}
"""What each letter of the core holds."""


def _letter(template: MailTemplate, *, locale: str | None = None, **values: str) -> Letter:
    return Letter(
        id=LetterId(fresh_id()),
        to=Email.parse("somebody@example.com"),
        template=template,
        values={**VALUES[template], **values},
        locale=locale,
    )


class LetterRendererContract:
    """Needs ``renderer``: a `LetterRenderer`."""

    @pytest.mark.parametrize("template", list(MailTemplate))
    @pytest.mark.parametrize("locale", [None, "en", "de-AT", "tlh", "../../etc"])
    def test_every_letter_can_be_written_for_everybody(
        self, renderer: LetterRenderer, template: MailTemplate, locale: str | None
    ) -> None:
        letter = _letter(template, locale=locale)

        message = renderer.render(letter)

        assert (letter.id, letter.to) == (message.id, message.to)
        assert message.subject.isprintable()
        assert "" not in (message.subject, message.text, message.html)
        assert message == renderer.render(letter)
        if locale in {None, "en", "tlh", "../../etc"}:
            assert "en" == message.language

    @pytest.mark.parametrize("template", list(LINK_PATHS))
    def test_a_link_is_in_both_texts(
        self, renderer: LetterRenderer, template: MailTemplate
    ) -> None:
        message = renderer.render(_letter(template))

        assert message.link
        assert message.link in message.text
        assert message.link in message.html.replace("&amp;", "&")

    def test_a_code_is_in_both_texts(self, renderer: LetterRenderer) -> None:
        message = renderer.render(_letter(MailTemplate.SIGN_IN_CODE))

        assert "012345" == message.code
        assert "012345" in message.text
        assert "012345" in message.html

    @pytest.mark.parametrize(
        ("template", "name"),
        [
            (MailTemplate.ORGANIZATION_INVITATION, "organization"),
            (MailTemplate.USERNAME_TAKEN, "username"),
        ],
    )
    def test_what_people_chose_is_text_and_no_markup(
        self, renderer: LetterRenderer, template: MailTemplate, name: str
    ) -> None:
        message = renderer.render(_letter(template, **{name: "<script>x</script>"}))

        assert "<script" not in message.html

    @pytest.mark.parametrize("template", [*LINK_PATHS, MailTemplate.SIGN_IN_CODE])
    def test_a_letter_without_its_secret_is_not_written(
        self, renderer: LetterRenderer, template: MailTemplate
    ) -> None:
        letter = msgspec.structs.replace(_letter(template), values={"minutes": "10", "days": "7"})

        with pytest.raises(KeyError):
            renderer.render(letter)
