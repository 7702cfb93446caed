"""Real conversations with a mail server."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from adapters.mail import Sender, SmtpMailer, SmtpServer
from auth_core.kernel import Email, LetterId, Misconfigured, Secret
from auth_core.mail import MailDelayed, MailRejected, MailServerDown, Message
from auth_core.testing import ManualClock
from auth_core.testing.contracts.making import fresh_id
from tests.e2e.running import free_port
from tests.integration.mail.conftest import PASSWORD, USERNAME, MailServer

FROM = Sender("FaultMaven Zürich, Inc.", "no-reply@example.com")


def new_message(**changes: Any) -> Message:
    message = Message(
        id=LetterId(fresh_id()),
        to=Email.parse("somebody@example.org"),
        language="de",
        subject="Bestätigen Sie die Adresse",
        text="Grüße 🦊\n.\n..\nFrom here\n" + "x" * 2000 + "\n",
        html="<p>Grüße</p>\n",
    )
    return msgspec.structs.replace(message, **changes)


def mailer_of(server: MailServer | int, **options: Any) -> SmtpMailer:
    port = server if isinstance(server, int) else server.port
    settings = {"host": "127.0.0.1", "port": port, "security": "none", **options}
    return SmtpMailer(SmtpServer(**settings), FROM, ManualClock())


async def test_a_message_arrives_as_it_was_written(serve):
    message = new_message()
    async with serve() as server:
        await mailer_of(server).send(message)

    [taken] = server.taken
    assert [("no-reply@example.com", ["somebody@example.org"], False)] == server.envelopes
    assert {
        "From": '"FaultMaven Zürich, Inc." <no-reply@example.com>',
        "To": "somebody@example.org",
        "Subject": "Bestätigen Sie die Adresse",
        "Date": "Thu, 01 Jan 2026 00:00:00 +0000",
        "Message-ID": f"<{message.id}@example.com>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "de",
    } == {
        name: str(taken[name])
        for name in taken
        if name not in {"MIME-Version", "Content-Type", "X-Peer", "X-MailFrom", "X-RcptTo"}
    }
    assert "multipart/alternative" == taken.get_content_type()
    text, html = taken.iter_parts()
    assert ("text/plain", "text/html") == (text.get_content_type(), html.get_content_type())
    assert message.text == text.get_content().replace("\r\n", "\n")
    assert message.html == html.get_content().replace("\r\n", "\n")


async def test_a_repeat_has_the_same_message_id(serve):
    message = new_message()
    async with serve() as server:
        await mailer_of(server).send(message)
        await mailer_of(server).send(message)

    assert 1 == len({taken["Message-ID"] for taken in server.taken})


@pytest.mark.parametrize("field", ["subject", "language"])
@pytest.mark.parametrize("injected", ["x\r\nBcc: victim@example.net", "x\nBcc: victim@example.net"])
async def test_no_value_becomes_a_header(serve, field, injected):
    async with serve() as server:
        with pytest.raises(ValueError, match="linefeed"):
            await mailer_of(server).send(new_message(**{field: injected}))

    assert [] == server.taken


async def test_starttls_with_a_login(serve, certificates):
    async with serve(tls=certificates.server, login=True) as server:
        mailer = mailer_of(
            server,
            security="starttls",
            ca_path=certificates.ca_path,
            username=USERNAME,
            password=Secret(PASSWORD),
        )
        await mailer.send(new_message())

    assert [("no-reply@example.com", ["somebody@example.org"], True)] == server.envelopes


async def test_tls_from_the_first_byte(serve, certificates):
    async with serve(tls=certificates.server, implicit=True) as server:
        await mailer_of(server, security="tls", ca_path=certificates.ca_path).send(new_message())

    assert 1 == len(server.taken)


@pytest.mark.sec("SEC-72")
@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("trouble", ["unknown ca", "system ca", "wrong name"])
async def test_a_certificate_that_does_not_fit_ends_the_conversation(
    serve, certificates, security, trouble
):
    paths = {"unknown ca": certificates.other_ca_path, "wrong name": certificates.ca_path}
    shown = certificates.wrong_name if trouble == "wrong name" else certificates.server
    async with serve(tls=shown, implicit=security == "tls") as server:
        mailer = mailer_of(
            server,
            security=security,
            ca_path=paths.get(trouble),
            username=USERNAME,
            password=Secret(PASSWORD),
        )
        with pytest.raises(MailServerDown) as down:
            await mailer.send(new_message())

    assert "smtp_tls_refused" == down.value.reason
    assert [] == server.taken


@pytest.mark.sec("SEC-72")
async def test_a_server_without_starttls_gets_nothing(serve):
    """Somebody on the way may have removed the offer."""
    async with serve() as server:
        mailer = mailer_of(server, security="starttls", username="u", password=Secret("p"))
        with pytest.raises(MailServerDown) as down:
            await mailer.send(new_message())

    assert "smtp_not_supported" == down.value.reason
    assert [] == server.taken


@pytest.mark.sec("SEC-72")
async def test_a_refused_login_is_no_letters_fault(serve, certificates):
    async with serve(tls=certificates.server, login=True) as server:
        mailer = mailer_of(
            server,
            security="starttls",
            ca_path=certificates.ca_path,
            username=USERNAME,
            password=Secret("wrong"),
        )
        with pytest.raises(MailServerDown) as down:
            await mailer.send(new_message())

    assert "smtp_535" == down.value.reason


@pytest.mark.parametrize(
    ("command", "answer", "failure"),
    [
        ("MAIL", "451 later", MailServerDown),
        ("MAIL", "550 who are you", MailServerDown),
        ("RCPT", "421 closing", MailServerDown),
        ("RCPT", "450 greylisted", MailDelayed),
        ("RCPT", "452 mailbox full", MailDelayed),
        ("RCPT", "550 no such user", MailRejected),
        ("RCPT", "530 5.7.0 log in first", MailServerDown),
        ("DATA", "451 try again", MailDelayed),
        ("DATA", "554 no, thanks", MailRejected),
    ],
)
async def test_answers_have_their_meaning(serve, command, answer, failure):
    async with serve(MailServer(answers={command: answer})) as server:
        with pytest.raises(failure) as raised:
            await mailer_of(server).send(new_message())

    assert failure is type(raised.value)
    assert f"smtp_{answer[:3]}" == str(raised.value)
    assert [] == server.taken


@pytest.mark.sec("SEC-72")
@pytest.mark.parametrize(
    ("command", "failure", "reason"),
    [
        ("EHLO", MailServerDown, "smtp_connect_timeout"),
        ("RCPT", MailDelayed, "smtp_timeout"),
        ("DATA", MailDelayed, "smtp_timeout"),
    ],
)
async def test_a_server_that_does_not_answer_is_left_in_time(serve, command, failure, reason):
    async with serve(MailServer(hangs_at=command)) as server:
        with pytest.raises(failure) as raised:
            await mailer_of(server, timeout_seconds=3).send(new_message())

    assert failure is type(raised.value)
    assert reason == raised.value.reason


async def test_a_server_that_drips_is_left_in_time(serve):
    """Each command has an answer in time, all of them together have not."""

    class Slow(MailServer):
        async def _answer(self, command, otherwise="250 OK"):
            await asyncio.sleep(0.4)
            return otherwise

    async with serve(Slow()) as server:
        with pytest.raises((MailDelayed, MailServerDown)):
            await mailer_of(server, timeout_seconds=1).send(new_message())

    assert [] == server.taken


@pytest.mark.sec("SEC-72")
async def test_a_server_that_is_not_there_and_one_that_is_there_again(serve):
    port = free_port()
    with pytest.raises(MailServerDown) as down:
        await mailer_of(port).send(new_message())
    assert "smtp_no_connection" == down.value.reason

    async with serve(port=port) as server:
        await mailer_of(port).send(new_message())
    assert 1 == len(server.taken)


async def test_a_host_that_has_no_address(serve):
    mailer = mailer_of(25, host="mail.invalid", timeout_seconds=10)

    with pytest.raises(MailServerDown):
        await mailer.send(new_message())


async def test_a_connection_that_breaks_after_the_letter_is_no_failure(serve):
    """QUIT is a courtesy: the server has the letter already."""

    class Rude(MailServer):
        async def handle_QUIT(self, server, session, envelope):  # noqa: N802
            server.transport.abort()
            return "221 Bye"

    async with serve(Rude()) as server:
        await mailer_of(server).send(new_message())

    assert 1 == len(server.taken)


def test_a_file_that_holds_no_certificates_stops_the_start(tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        with pytest.raises(Misconfigured, match="SMTP_CA_PATH"):
            mailer_of(25, security="tls", ca_path=path)


@pytest.mark.sec("SEC-67")
async def test_nothing_of_a_conversation_is_logged_or_shown(serve, certificates, caplog):
    caplog.set_level(logging.DEBUG)
    async with serve(tls=certificates.server, login=True) as server:
        mailer = mailer_of(
            server,
            security="starttls",
            ca_path=certificates.ca_path,
            username=USERNAME,
            password=Secret(PASSWORD),
        )
        server.answers = {"DATA": "554 canary-token somebody@example.org"}
        with pytest.raises(MailRejected) as rejected:
            await mailer.send(new_message(text="canary-token\n"))

    ours = [record for record in caplog.records if not record.name.startswith("mail.")]
    told = repr([record.getMessage() for record in ours]) + repr(rejected.value)
    for secret in (PASSWORD, "canary-token", "somebody@example.org"):
        assert secret not in told
    assert None is rejected.value.__cause__
    assert PASSWORD not in repr(mailer._server)
