"""The contracts of what leads out of the core, on the adapters in memory."""

import time
from uuid import uuid4

import pytest

from auth_core.testing import (
    InMemoryDomainNames,
    InMemoryMailer,
    InMemoryReceivers,
    PlainRenderer,
)
from auth_core.testing.contracts import (
    AnswerWith,
    Arrived,
    CutOff,
    Delivered,
    DomainNamesContract,
    EndSession,
    IntrospectorContract,
    KeySourceContract,
    LetterRendererContract,
    MailerContract,
    Publish,
    Received,
    Refuse,
    RevocationSourceContract,
    Silence,
    WebhookSenderContract,
)
from auth_core.testing.issuer import InMemoryIssuer
from auth_core.testing.kit import Kit
from auth_core.testing.verifiers import CoreIssuer
from auth_core.tokens.verify import Revocation
from auth_core.webhooks import WebhookFailure


class TestMailer(MailerContract):
    @pytest.fixture
    def mailer(self) -> InMemoryMailer:
        return InMemoryMailer()

    @pytest.fixture
    def delivered(self, mailer: InMemoryMailer) -> Delivered:
        async def delivered() -> list[Arrived]:
            return [Arrived(m.to.value, m.subject, m.text, m.html) for m in mailer.sent]

        return delivered

    @pytest.fixture
    def refuse(self, mailer: InMemoryMailer) -> Refuse:
        async def refuse(failure):
            mailer.failing = lambda _: None if failure is None else failure("refused")

        return refuse


class TestLetterRenderer(LetterRendererContract):
    @pytest.fixture
    def renderer(self) -> PlainRenderer:
        return PlainRenderer()


class TestDomainNames(DomainNamesContract):
    @pytest.fixture
    def domain_names(self) -> InMemoryDomainNames:
        return InMemoryDomainNames()

    @pytest.fixture
    def publish(self, domain_names: InMemoryDomainNames) -> Publish:
        def publish(name, texts):
            domain_names.records[name] = list(texts)

        return publish

    @pytest.fixture
    def silence(self, domain_names: InMemoryDomainNames) -> Silence:
        def silence():
            domain_names.fails = True

        return silence


class TestWebhookSender(WebhookSenderContract):
    @pytest.fixture
    def webhook_sender(self) -> InMemoryReceivers:
        return InMemoryReceivers()

    @pytest.fixture
    def public_sender(self, webhook_sender: InMemoryReceivers) -> InMemoryReceivers:
        return webhook_sender

    @pytest.fixture
    def receiver_url(self) -> str:
        return "https://receiver.example/hooks"

    @pytest.fixture
    def received(self, webhook_sender: InMemoryReceivers) -> Received:
        return lambda: [(headers, body) for _, headers, body in webhook_sender.received]

    @pytest.fixture
    def answer_with(self, webhook_sender: InMemoryReceivers) -> AnswerWith:
        def answer_with(status):
            def answer(url, body):
                if status is None:
                    raise WebhookFailure("connection_lost")
                return status

            webhook_sender.answering = answer

        return answer_with


class _InMemoryIssuer:
    """What a test decides about."""

    @pytest.fixture
    def issuer(self) -> InMemoryIssuer:
        key = {"kty": "EC", "kid": "k1", "alg": "ES256", "crv": "P-256", "x": "AA", "y": "AA"}
        return InMemoryIssuer([key], monotonic=time.monotonic)

    @pytest.fixture
    def cut_off(self, issuer: InMemoryIssuer) -> CutOff:
        def cut_off():
            issuer.up = False

        return cut_off

    @pytest.fixture
    def end_session(self, issuer: InMemoryIssuer) -> EndSession:
        def end_session():
            ended = Revocation(session_id=uuid4(), expires_at=4_000_000_000)
            issuer.revoke(ended.session_id, ended.expires_at)
            return ended

        return end_session


class _CoreIssuer:
    """A core in the same process."""

    @pytest.fixture
    def issuer(self, fm_auth: Kit) -> CoreIssuer:
        return fm_auth.issuer

    @pytest.fixture
    def cut_off(self, issuer: CoreIssuer) -> CutOff:
        def cut_off():
            issuer.up = False

        return cut_off

    @pytest.fixture
    def end_session(self, fm_auth: Kit) -> EndSession:
        def end_session():
            jane = fm_auth.as_user("jane")
            jane.log_out()
            return Revocation(session_id=jane.session_id, expires_at=jane.claims.exp)

        return end_session


class TestKeysInMemory(_InMemoryIssuer, KeySourceContract):
    @pytest.fixture
    def key_source(self, issuer):
        return issuer


class TestKeysOfTheCore(_CoreIssuer, KeySourceContract):
    @pytest.fixture
    def key_source(self, issuer):
        return issuer


class TestRevocationsInMemory(_InMemoryIssuer, RevocationSourceContract):
    @pytest.fixture
    def revocation_source(self, issuer):
        return issuer


class TestRevocationsOfTheCore(_CoreIssuer, RevocationSourceContract):
    @pytest.fixture
    def revocation_source(self, issuer):
        return issuer


class TestIntrospectionByTheCore(_CoreIssuer, IntrospectorContract):
    @pytest.fixture
    def introspector(self, issuer):
        return issuer

    @pytest.fixture
    def good_token(self, fm_auth: Kit) -> str:
        return fm_auth.as_user("jane").access_token
