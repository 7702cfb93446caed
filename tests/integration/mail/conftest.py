"""A real mail server in this process, and the certificates that it needs."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USERNAME, PASSWORD = "fm-auth", "a canary password"


@dataclass
class MailServer:
    """What a mail server has taken, and what it answers."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str], bool]] = field(default_factory=list)
    """Sender, recipients, and whether the connection was encrypted."""
    answers: dict[str, str] = field(default_factory=dict)
    """Answers other than 250, by command (MAIL, RCPT, DATA)."""
    hangs_at: str = ""
    """A command that is not answered before ``goes_on``."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it hangs."""
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    conversations: int = 0

    async def _answer(self, command: str, otherwise: str = "250 OK") -> str:
        if self.hangs_at == command:
            self.reached.set()
            await self.goes_on.wait()
        return self.answers.get(command, otherwise)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        self.conversations += 1
        session.host_name = hostname
        await self._answer("EHLO")
        return lines

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._answer("MAIL")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._answer("RCPT")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        answer = await self._answer("DATA")
        if answer.startswith("2"):
            content = envelope.original_content or b""
            self.taken.append(message_from_bytes(content, policy=default))
            self.envelopes.append(
                (envelope.mail_from or "", list(envelope.rcpt_tos), session.ssl is not None)
            )
            self.arrived.set()
            await self._answer("TAKEN")
        return answer


Serve = Callable[..., AbstractAsyncContextManager[MailServer]]


@pytest.fixture
def serve() -> Serve:
    """Runs a mail server; ``port=`` brings one back where another one was."""

    @asynccontextmanager
    async def serving(
        server: MailServer | None = None,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        login: bool = False,
    ) -> AsyncIterator[MailServer]:
        server = server or MailServer()
        options: dict[str, Any] = {"hostname": "mail.test", "loop": asyncio.get_running_loop()}
        if tls is not None and not implicit:
            options |= {"tls_context": tls, "require_starttls": True}
        if login:
            options |= {"auth_required": True, "authenticator": _authenticate}
        protocols: list[SMTP] = []

        def protocol() -> SMTP:
            protocols.append(SMTP(server, **options))
            return protocols[-1]

        listening = await asyncio.get_running_loop().create_server(
            protocol, "127.0.0.1", port, ssl=tls if implicit else None
        )
        server.port = listening.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            listening.close()
            for each in protocols:
                if each.transport is not None:
                    each.transport.abort()
                if each._handler_coroutine is not None:
                    each._handler_coroutine.cancel()
            await asyncio.sleep(0)

    return serving


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    right = (data.login, data.password) == (USERNAME.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@dataclass
class Certificates:
    """A CA of our own and what it vouches for."""

    ca_path: Path
    server: ssl.SSLContext
    """For 127.0.0.1."""
    wrong_name: ssl.SSLContext
    """For another host, by the same CA."""
    other_ca_path: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    ca, other = _authority("ca"), _authority("other")
    for name, (certificate, _) in (("ca", ca), ("other", other)):
        (folder / f"{name}.pem").write_bytes(_pem(certificate))
    here = x509.IPAddress(ip_address("127.0.0.1"))
    return Certificates(
        ca_path=folder / "ca.pem",
        server=_context(folder / "server.pem", ca, here),
        wrong_name=_context(folder / "wrong.pem", ca, x509.DNSName("elsewhere.test")),
        other_ca_path=folder / "other.pem",
    )


Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _authority(name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    builder = _builder(subject, subject, key.public_key())
    # what Python 3.13 asks of certificates by default (RFC 5280 §4.2.1)
    for extension, critical in (
        (constraints, True),
        (_SIGNS_CERTIFICATES, True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()), key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)  # noqa: TID251 - OpenSSL has no other clock either
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _context(file: Path, ca: Authority, name: x509.GeneralName) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    builder = _builder(subject, ca[0].subject, key.public_key())
    names = x509.SubjectAlternativeName([name])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca[1].public_key())
    for extension in (names, issuer):
        builder = builder.add_extension(extension, critical=False)
    certificate = builder.sign(ca[1], hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + _pem(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
