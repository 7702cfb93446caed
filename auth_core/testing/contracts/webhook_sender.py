"""The contract of `WebhookSender`."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from auth_core.kernel import InvalidInput
from auth_core.webhooks import WebhookFailure, WebhookSender

Received = Callable[[], list[tuple[Mapping[str, str], bytes]]]
"""Headers, their names in lower case, and body of each delivery that came, oldest first."""
AnswerWith = Callable[[int | None], None]
"""Lets the receiver answer with this status; None is to break the connection off."""

_HEADERS = {"webhook-id": "msg_1", "webhook-signature": "v1,c2lnbmF0dXJl"}
_BODY = '{"a": "ü 🦊"}'.encode()


class WebhookSenderContract:
    """Needs ``webhook_sender``, a `WebhookSender` that may reach the receiver; ``receiver_url``,
    where it listens; ``received``, a `Received`; ``answer_with``, an `AnswerWith`; and
    ``public_sender``, one that reaches public addresses only (may be the same in memory).
    """

    async def test_a_delivery_arrives_as_it_was_made(
        self, webhook_sender: WebhookSender, receiver_url: str, received: Received
    ) -> None:
        status = await webhook_sender.send(receiver_url, _HEADERS, _BODY)

        [(headers, body)] = received()
        assert 200 <= status < 300
        assert _BODY == body
        assert _HEADERS == {name: headers[name] for name in _HEADERS}

    @pytest.mark.sec("SEC-64")
    @pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 410, 429, 500, 503])
    async def test_what_the_receiver_says_is_told_and_no_redirect_is_followed(
        self,
        webhook_sender: WebhookSender,
        receiver_url: str,
        received: Received,
        answer_with: AnswerWith,
        status: int,
    ) -> None:
        answer_with(status)

        assert status == await webhook_sender.send(receiver_url, _HEADERS, _BODY)
        assert 1 == len(received())

    async def test_a_broken_connection_is_a_failure_that_names_nobody(
        self, webhook_sender: WebhookSender, receiver_url: str, answer_with: AnswerWith
    ) -> None:
        answer_with(None)

        with pytest.raises(WebhookFailure) as failure:
            await webhook_sender.send(receiver_url, _HEADERS, _BODY)

        for secret in (receiver_url, _HEADERS["webhook-signature"]):
            assert secret not in f"{failure.value!r} {failure.value.reason}"

    async def test_after_a_failure_the_next_delivery_goes(
        self, webhook_sender: WebhookSender, receiver_url: str, answer_with: AnswerWith
    ) -> None:
        answer_with(None)
        with pytest.raises(WebhookFailure):
            await webhook_sender.send(receiver_url, _HEADERS, _BODY)
        answer_with(204)

        assert 204 == await webhook_sender.send(receiver_url, _HEADERS, _BODY)

    async def test_of_many_at_once_each_arrives_once(
        self, webhook_sender: WebhookSender, receiver_url: str, received: Received
    ) -> None:
        bodies = [str(number).encode() for number in range(20)]

        await asyncio.gather(
            *(webhook_sender.send(receiver_url, _HEADERS, body) for body in bodies)
        )

        assert sorted(bodies) == sorted(body for _, body in received())

    @pytest.mark.sec("SEC-64")
    @pytest.mark.parametrize(
        "url",
        [
            *("", "no url", "ftp://receiver.example/", "file:///etc/passwd", "https://"),
            *("https://user:secret@receiver.example/", "https://receiver.example/#fragment"),
            *("https://receiver.example\\@evil.example/", "https://receiver.example:22/"),
        ],
    )
    async def test_a_url_that_nothing_would_be_sent_to_is_refused(
        self, public_sender: WebhookSender, url: str
    ) -> None:
        with pytest.raises(InvalidInput):
            await public_sender.check(url)
