"""Messages handed to an SMTP server (RFC 5321), each in a conversation of its own."""

import asyncio
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import aiosmtplib
import msgspec

from auth_core.kernel import Clock, Misconfigured, Secret
from auth_core.mail import (
    MailDelayed,
    Mailer,
    MailFailure,
    MailRejected,
    MailServerDown,
    Message,
)

Security = Literal["starttls", "tls", "none"]

_PERMANENT = 500
_ABOUT_US = frozenset({421, 530, 534, 535, 538})
"""Answers that mean the server or our admission to it, not the letter (RFC 5321, RFC 4954)."""
_QUIT_SECONDS = 1.0


class Sender(msgspec.Struct, frozen=True):
    """Who letters are from: an address, and the name that is shown beside it."""

    name: str
    address: str

    def __str__(self) -> str:
        return str(Address(self.name, addr_spec=self.address))


class SmtpServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where the mail server is and how it admits us. ``ca_path`` replaces the system's CAs."""

    host: str
    port: int
    security: Security = "starttls"
    username: str | None = None
    password: Secret[str] | None = None
    ca_path: Path | None = None
    timeout_seconds: float = 30.0
    """For the whole conversation."""


class SmtpMailer:
    """Opens a connection for each message: nothing is shared, so no message can hold up another.

    With STARTTLS or TLS nothing is said before the certificate is verified, for ``host``.
    """

    def __init__(self, server: SmtpServer, sender: Sender, clock: Clock) -> None:
        """Raises Misconfigured when the CAs cannot be read."""
        self._server = server
        self._sender = sender
        self._clock = clock
        self._tls = _tls_context(server)

    async def send(self, message: Message) -> None:
        """Send to the one recipient. Raises MailServerDown, MailDelayed or MailRejected."""
        mail = self._mail(message)
        client, admitted = self._client(), False
        try:
            async with asyncio.timeout(self._server.timeout_seconds):
                await client.connect()
                if client.last_ehlo_response is None:
                    await client.ehlo()
                admitted = True
                await client.sendmail(
                    self._sender.address, [message.to.value], mail.as_bytes(policy=SMTP)
                )
            await _take_leave(client)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _of_letter(refused.recipients[0]) from None
        except (aiosmtplib.SMTPDataError, aiosmtplib.SMTPRecipientRefused) as refused:
            raise _of_letter(refused) from None
        except aiosmtplib.SMTPResponseException as refused:  # greeting, EHLO, AUTH, our own address
            raise MailServerDown(f"smtp_{refused.code}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _failure(error, admitted=admitted) from None
        finally:
            client.close()

    async def greet(self) -> None:
        """Let the server admit us, and leave. Raises MailServerDown."""
        client = self._client()
        try:
            async with asyncio.timeout(self._server.timeout_seconds):
                await client.connect()
                if client.last_ehlo_response is None:
                    await client.ehlo()
            await _take_leave(client)
        except aiosmtplib.SMTPResponseException as refused:
            raise MailServerDown(f"smtp_{refused.code}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _failure(error, admitted=False) from None
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=None if server.password is None else server.password.reveal(),
            local_hostname=self._sender.address.rpartition("@")[2],
            timeout=server.timeout_seconds,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=self._tls,
        )

    def _mail(self, message: Message) -> EmailMessage:
        """The message with its headers. Raises ValueError for a line break in one of them."""
        mail = EmailMessage(policy=SMTP)
        domain = self._sender.address.rpartition("@")[2]
        mail["From"] = Address(self._sender.name, addr_spec=self._sender.address)
        mail["To"] = Address(addr_spec=message.to.value)
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(self._clock.now())
        mail["Message-ID"] = f"<{message.id}@{domain}>"  # the same for a repeat
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: no vacation replies, please
        mail.set_content(message.text, cte="quoted-printable")
        mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
        # last: those above would move it into the first part
        mail["Content-Language"] = message.language
        return mail


async def _take_leave(client: aiosmtplib.SMTP) -> None:
    """Say QUIT. The server has the message: whatever happens now is no failure."""
    try:
        await client.quit(timeout=_QUIT_SECONDS)
    except (aiosmtplib.SMTPException, OSError):
        return


def _tls_context(server: SmtpServer) -> ssl.SSLContext | None:
    if server.security == "none":
        return None
    try:
        context = ssl.create_default_context(cafile=server.ca_path)
    except OSError as error:  # an SSLError is one
        raise Misconfigured(f"SMTP_CA_PATH: {server.ca_path} holds no certificates") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _of_letter(refused: aiosmtplib.SMTPResponseException) -> MailFailure:
    """What an answer to RCPT or DATA means for this letter (RFC 5321 §4.2.1)."""
    if refused.code in _ABOUT_US:
        return MailServerDown(f"smtp_{refused.code}")
    kind = MailRejected if refused.code >= _PERMANENT else MailDelayed
    return kind(f"smtp_{refused.code}")


def _failure(error: Exception, *, admitted: bool) -> MailFailure:
    """What no answer means. Before we were admitted it is nothing that one letter could do."""
    if _is_about_tls(error):
        return MailServerDown("smtp_tls_refused")
    timed_out = isinstance(error, TimeoutError)
    if admitted:
        return MailDelayed("smtp_timeout" if timed_out else "smtp_connection_lost")
    if timed_out:
        return MailServerDown("smtp_connect_timeout")
    # no ConnectionError: it offers no STARTTLS, or no AUTH
    return MailServerDown(
        "smtp_no_connection" if isinstance(error, OSError) else "smtp_not_supported"
    )


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


if TYPE_CHECKING:
    _: type[Mailer] = SmtpMailer
