"""The settings of mail."""

import re
from email.headerregistry import Address
from urllib.parse import urlsplit

from app.settings import parse
from app.settings.field import Field
from app.settings.parse import BadValue, Kind
from app.settings.tree import MailSender

_PUBLIC_URL = re.compile(
    r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?:/[!-~]*)?"
)
_MAILBOX = re.compile(
    r"(?:(?P<name>[^<>]{0,200}?)\s{0,4}<(?P<in_brackets>[^<>\s]{3,254})>|(?P<bare>[^<>\s]{3,254}))"
)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_MAX_PORT = 65535


def mail_sender() -> Kind:
    """An address, alone or behind a name: ``FaultMaven <no-reply@example.com>``."""
    line = parse.text(3, 512)

    def read(text: str) -> MailSender:
        found = _MAILBOX.fullmatch(str(line.parse(text)))
        address = found and (found["in_brackets"] or found["bare"])
        if found is None or not address or not _ADDRESS.fullmatch(address):
            raise BadValue("is not a mail address")
        try:
            sender = MailSender(name=(found["name"] or "").strip().strip('"'), address=address)
            Address(sender.name, addr_spec=sender.address)
        except (ValueError, IndexError):
            raise BadValue("is not a mail address") from None
        return sender

    return Kind(parse=read, allowed="an address, or `Name <address>`")


def public_url() -> Kind:
    """Where people reach this service, without a slash at the end."""

    def read(text: str) -> str:
        if len(text) > 1024 or not _PUBLIC_URL.fullmatch(text):  # noqa: PLR2004 - as other texts
            raise BadValue("is not an http or https URL")
        parts = urlsplit(text)
        try:
            fits = parts.port is None or 1 <= parts.port <= _MAX_PORT
        except ValueError:
            fits = False
        if not fits or parts.query or parts.fragment or parts.username is not None or "?" in text:
            raise BadValue("has a user, a query, a fragment or an impossible port")
        return text.rstrip("/")

    return Kind(parse=read, allowed="an http or https URL without query")


MAIL = (
    Field(
        name="AUTH_PUBLIC_URL",
        attribute="mail.public_url",
        kind=public_url(),
        default_note="in development http://127.0.0.1:PORT; required elsewhere with SMTP_HOST",
        example="https://auth.example.com",
        description="Where people reach this service; the links in letters begin with it",
    ),
    Field(
        name="SMTP_HOST",
        attribute="mail.host",
        kind=parse.host(),
        default_note="not set: letters wait; in development they are read at /dev/mail",
        example="smtp.example.com",
        description="Mail server that takes our letters",
    ),
    Field(
        name="SMTP_PORT",
        attribute="mail.port",
        kind=parse.port(),
        default_note="587; 465 with SMTP_SECURITY=tls, 25 with none",
        example="587",
        description="Port of SMTP_HOST",
    ),
    Field(
        name="SMTP_SECURITY",
        attribute="mail.security",
        kind=parse.choice("starttls", "tls", "none"),
        default="starttls",
        description="How the connection is encrypted; with starttls and tls the certificate is"
        " verified, always",
    ),
    Field(
        name="SMTP_CA_PATH",
        attribute="mail.ca_path",
        kind=parse.path(),
        default_note="not set: the CAs of the system",
        example="/run/secrets/mail-ca.pem",
        description="CA certificates in PEM form that verify the mail server's certificate",
    ),
    Field(
        name="SMTP_USERNAME",
        attribute="mail.username",
        kind=parse.text(1, 254),
        example="fm-auth",
        description="User name at the mail server; goes with SMTP_PASSWORD",
    ),
    Field(
        name="SMTP_PASSWORD",
        attribute="mail.password",
        kind=parse.secret_text(1, 1024),
        secret=True,
        description="Password at the mail server",
    ),
    Field(
        name="SMTP_FROM",
        attribute="mail.sender",
        kind=mail_sender(),
        default_note="required with SMTP_HOST",
        example="FaultMaven <no-reply@example.com>",
        description="Who letters are from; the name also names the service in them",
    ),
    Field(
        name="SMTP_TIMEOUT_SECONDS",
        attribute="mail.timeout_seconds",
        kind=parse.integer(1, 300),
        default="30",
        description="How long handing over one letter may take before it is tried again later",
    ),
    Field(
        name="AUTH_MAIL_RETENTION_DAYS",
        attribute="mail.retention_days",
        kind=parse.integer(3, 365),
        default="7",
        description="How long a letter that could not be sent is kept, without what it said; one"
        " that was sent is gone at once",
    ),
)
