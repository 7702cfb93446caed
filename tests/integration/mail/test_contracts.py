"""The contracts of `Mailer` and `LetterRenderer`, on SMTP and on our letters."""

from collections.abc import AsyncIterator

import pytest

from adapters.mail import CatalogueRenderer, Sender, SmtpMailer, SmtpServer
from auth_core.mail import MailDelayed, MailRejected, MailServerDown
from auth_core.testing import ManualClock
from auth_core.testing.contracts import (
    Arrived,
    Delivered,
    LetterRendererContract,
    MailerContract,
    Refuse,
)
from tests.integration.mail.conftest import MailServer, Serve

ANSWERS = {
    None: {},
    MailRejected: {"RCPT": "550 no such mailbox"},
    MailDelayed: {"RCPT": "451 later"},
    MailServerDown: {"MAIL": "421 closing"},
}


class TestSmtp(MailerContract):
    @pytest.fixture
    async def server(self, serve: Serve) -> AsyncIterator[MailServer]:
        async with serve() as server:
            yield server

    @pytest.fixture
    def mailer(self, server: MailServer) -> SmtpMailer:
        address = SmtpServer(host="127.0.0.1", port=server.port, security="none")
        return SmtpMailer(address, Sender("FaultMaven", "no-reply@example.com"), ManualClock())

    @pytest.fixture
    def delivered(self, server: MailServer) -> Delivered:
        async def delivered() -> list[Arrived]:
            arrived = []
            for (_, [recipient], _), taken in zip(server.envelopes, server.taken, strict=True):
                text, html = (part.get_content() for part in taken.iter_parts())
                lines = (body.replace("\r\n", "\n") for body in (text, html))
                arrived.append(Arrived(recipient, str(taken["Subject"]), *lines))
            return arrived

        return delivered

    @pytest.fixture
    def refuse(self, server: MailServer) -> Refuse:
        async def refuse(failure):
            server.answers = ANSWERS[failure]

        return refuse


class TestLetters(LetterRendererContract):
    @pytest.fixture
    def renderer(self) -> CatalogueRenderer:
        return CatalogueRenderer("https://auth.example.com")
