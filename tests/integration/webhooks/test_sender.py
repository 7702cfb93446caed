"""Deliveries to real servers, and to none that nobody should reach (SEC-64)."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from ipaddress import ip_address

import h11
import pytest

from adapters.webhooks import HttpWebhookSender, SystemResolver
from auth_core.kernel import InvalidInput
from auth_core.webhooks import WebhookFailure

NAME = "receiver.example"
pytestmark = pytest.mark.sec("SEC-64")


class Names:
    """A resolver whose answers a test decides about, one after the other."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def resolve(self, host):
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ip_address(each) for each in answer]


class Receiver:
    """An HTTP server that notes what it gets and answers as it is told."""

    def __init__(self, answer=b"HTTP/1.1 204 No Content\r\n\r\n"):
        self.answer = answer
        self.connections = 0
        self.requests = []

    async def __call__(self, reader, writer):
        self.connections += 1
        try:
            await self._answer(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, reader, writer):
        http, body = h11.Connection(h11.SERVER), b""
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                http.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                break
        self.requests.append((request, {k.decode(): v.decode() for k, v in request.headers}, body))
        if self.answer is not None:
            writer.write(self.answer)
            await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        await reader.read()  # until the sender has left


@asynccontextmanager
async def listening(receiver, host="127.0.0.1", *, tls=None):
    server = await asyncio.start_server(receiver, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def local(names=None, **options):
    """A sender that may reach this machine."""
    return HttpWebhookSender(names or Names(["127.0.0.1"]), allow_private=True, **options)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_delivery_arrives_as_it_was_made(host):
    receiver, names = Receiver(), Names([host])
    async with listening(receiver, host) as port:
        url = f"http://{NAME}:{port}/hook?a=b"
        assert 204 == await local(names).send(url, {"webhook-id": "x"}, b'{"a": "\xc3\xbc"}')

    [(request, headers, body)] = receiver.requests
    assert (b"POST", b"/hook?a=b") == (request.method, request.target)
    assert (f"{NAME}:{port}", "x", "close") == (
        headers["host"],
        headers["webhook-id"],
        headers["connection"],
    )
    assert "application/cloudevents+json; charset=UTF-8" == headers["content-type"]
    assert b'{"a": "\xc3\xbc"}' == body
    assert [NAME] == names.asked


@pytest.mark.parametrize(
    "addresses",
    [
        *(["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["100.64.0.1"], ["224.0.0.1"]),
        *(["0.0.0.0"], ["::1"], ["::"], ["fd00:ec2::254"], ["fe80::1"], ["::ffff:127.0.0.1"]),
        *(["64:ff9b::7f00:1"], ["2002:7f00:1::1"], ["2001:0:4136:e378:8000::1"], ["fc00::1"]),
        *(["1.1.1.1", "127.0.0.1"], ["2606:4700::1111", "::1"]),
    ],
)
async def test_a_name_that_leads_inside_is_refused_when_it_is_made_and_at_each_delivery(addresses):
    sender = HttpWebhookSender(Names(addresses))

    with pytest.raises(InvalidInput, match="public"):
        await sender.check(f"https://{NAME}/")
    with pytest.raises(WebhookFailure, match="address_refused"):
        await sender.send(f"https://{NAME}/", {}, b"")


async def test_a_url_that_was_taken_once_is_judged_again_at_each_delivery():
    sender = HttpWebhookSender(Names(["1.1.1.1"]))

    for url in ("http://127.0.0.1:9/", "https://169.254.169.254/", "https://[::1]/"):
        with pytest.raises(WebhookFailure, match="address_refused"):
            await sender.send(url, {}, b"")


async def test_a_name_that_is_public_first_and_private_then_is_refused():
    names = Names(["1.1.1.1"], ["127.0.0.1"])
    sender = HttpWebhookSender(names)

    await sender.check(f"https://{NAME}/")
    with pytest.raises(WebhookFailure, match="address_refused"):
        await sender.send(f"https://{NAME}/", {}, b"")


async def test_the_address_that_was_checked_is_connected_to_and_no_name_is_asked_twice():
    """A second answer, such as a rebinding name gives, would lead to another server."""
    right, wrong = Receiver(), Receiver()
    async with listening(right) as port:
        other = await asyncio.start_server(wrong, "127.0.0.2", port)
        try:
            names = Names(["127.0.0.1"], ["127.0.0.2"])
            assert 204 == await local(names).send(f"http://{NAME}:{port}/", {}, b"")
        finally:
            other.close()

    assert [NAME] == names.asked
    assert (1, 0) == (right.connections, wrong.connections)


async def test_development_reaches_this_machine_and_never_metadata():
    for addresses in (["169.254.169.254"], ["fd00:ec2::254"], ["fe80::1"]):
        with pytest.raises(WebhookFailure, match="address_refused"):
            await local(Names(addresses)).send(f"http://{NAME}/", {}, b"")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status):
    inside = Receiver()
    async with listening(inside) as hidden:
        head = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{hidden}/\r\n\r\n"
        receiver = Receiver(head.encode())
        async with listening(receiver) as port:
            assert status == await local().send(f"http://{NAME}:{port}/", {}, b"")

    assert (1, 0) == (receiver.connections, inside.connections)


async def test_tls_is_for_the_name_and_verified(certificates):
    trusting = ssl.create_default_context(cafile=certificates.ca_path)
    distrusting = ssl.create_default_context(cafile=certificates.other_ca_path)
    receiver = Receiver()
    async with listening(receiver, tls=certificates.server) as port:
        assert 204 == await local(tls=trusting).send(f"https://127.0.0.1:{port}/", {}, b"{}")
        with pytest.raises(WebhookFailure, match="tls_failed"):
            await local(tls=distrusting).send(f"https://127.0.0.1:{port}/", {}, b"{}")
        # the right address under a name that the certificate does not have
        with pytest.raises(WebhookFailure, match="tls_failed"):
            await local(tls=trusting).send(f"https://{NAME}:{port}/", {}, b"{}")
    async with listening(receiver, tls=certificates.wrong_name) as port:
        names = Names(["127.0.0.1"])
        url = f"https://elsewhere.test:{port}/"
        assert 204 == await local(names, tls=trusting).send(url, {}, b"{}")

    assert 2 == len(receiver.requests)


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    proxy, receiver = Receiver(), Receiver()
    async with listening(proxy) as proxy_port, listening(receiver) as port:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy_port}")
        await local().send(f"http://{NAME}:{port}/", {}, b"")

    assert (0, 1) == (proxy.connections, receiver.connections)


@pytest.mark.sec("SEC-72")
async def test_who_does_not_answer_is_left_in_time():
    async with listening(Receiver(answer=None)) as port:
        with pytest.raises(WebhookFailure, match="timeout"):
            await local(whole_seconds=0.2).send(f"http://{NAME}:{port}/", {}, b"")


async def test_the_body_of_an_answer_is_not_waited_for():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    async with listening(Receiver(head)) as port:
        assert 200 == await local().send(f"http://{NAME}:{port}/", {}, b"")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + 100_000 * b"x",
        b"HTTP/1.1 200 OK\r\n" + 5_000 * b"A: b\r\n" + b"\r\n",
    ],
)
async def test_what_is_no_answer_is_told_in_a_word(answer):
    async with listening(Receiver(answer)) as port:
        with pytest.raises(WebhookFailure, match=r"not_http|connection_failed"):
            await local().send(f"http://{NAME}:{port}/", {}, b"")


@pytest.mark.sec("SEC-72")
async def test_nobody_there_is_told_in_a_word():
    async with listening(Receiver()) as port:
        pass
    with pytest.raises(WebhookFailure, match="connection_failed"):
        await local().send(f"http://{NAME}:{port}/", {}, b"")
    with pytest.raises(WebhookFailure, match="no_such_name"):
        await local(Names([])).send(f"http://{NAME}/", {}, b"")


async def test_when_one_address_does_not_answer_the_next_one_may():
    receiver = Receiver()
    async with listening(receiver) as port:
        names = Names(["127.0.0.3", "127.0.0.1"])
        assert 204 == await local(names).send(f"http://{NAME}:{port}/", {}, b"")


async def test_the_operating_systems_names():
    resolver = SystemResolver()
    try:
        assert ip_address("127.0.0.1") in await resolver.resolve("localhost")
        with pytest.raises(WebhookFailure, match="no_such_name"):
            await resolver.resolve("nothing.invalid")
        with pytest.raises(WebhookFailure, match="no_such_name"):
            await resolver.resolve("a" * 70 + ".example")
    finally:
        resolver.close()
