"""The contract of `WebhookSender`, against a receiver on a real socket."""

from collections.abc import AsyncIterator

import pytest

from adapters.webhooks import HttpWebhookSender
from auth_core.testing.contracts import AnswerWith, Received, WebhookSenderContract
from tests.integration.webhooks.test_sender import NAME, Names, Receiver, listening


class TestHttp(WebhookSenderContract):
    @pytest.fixture
    def receiver(self) -> Receiver:
        return Receiver()

    @pytest.fixture
    async def receiver_url(self, receiver: Receiver) -> AsyncIterator[str]:
        async with listening(receiver) as port:
            yield f"http://{NAME}:{port}/hooks"

    @pytest.fixture
    def webhook_sender(self) -> HttpWebhookSender:
        return HttpWebhookSender(Names(["127.0.0.1"]), allow_private=True)

    @pytest.fixture
    def public_sender(self) -> HttpWebhookSender:
        return HttpWebhookSender(Names(["1.1.1.1"]))

    @pytest.fixture
    def received(self, receiver: Receiver) -> Received:
        return lambda: [(headers, body) for _, headers, body in receiver.requests]

    @pytest.fixture
    def answer_with(self, receiver: Receiver) -> AnswerWith:
        def answer_with(status):
            head = f"HTTP/1.1 {status} Whatever\r\n"
            place = "location: https://elsewhere.example/\r\n" if status in range(300, 400) else ""
            end = "content-length: 0\r\n\r\n" if status != 204 else "\r\n"
            receiver.answer = b"" if status is None else f"{head}{place}{end}".encode()

        return answer_with
