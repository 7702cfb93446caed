"""Webhooks of a service that runs, managed from the command line."""

import re
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.running import (
    ROOT,
    Services,
    environment,
    eventually,
    fm_auth,
    free_port,
    new_name,
    takes_connections,
)
from tests.receiving import Receiver, receiving

UNKNOWN = "0198f3c1-5a6b-7c8d-9e0f-102132435465"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def local(settings: dict[str, str]) -> dict[str, str]:
    """Whose webhooks may go to this machine."""
    return settings | {"AUTH_WEBHOOK_ALLOW_PRIVATE": "true"}


def said(local: dict[str, str], *arguments: str) -> str:
    """What a command says that does what it is told."""
    done = fm_auth("webhook", *arguments, settings=local)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def made(local: dict[str, str], url: str, *types: str) -> tuple[str, str]:
    """The id and the secret of a new webhook."""
    output = said(local, "create", url, *(part for kind in types for part in ("--type", kind)))
    found = re.fullmatch(r"(\S+)  enabled  \S+  \S+\nsecret: (whsec_\S+)\n", output)
    assert found, output
    return found[1], found[2]


@pytest.mark.sec("SEC-65", "SEC-67")
def test_what_happens_arrives_signed_and_the_log_of_the_service_shows_none_of_it(
    local: dict[str, str], services: Services, receiver: Receiver
) -> None:
    webhook_id, secret = made(local, f"{receiver.url}/a-token-of-theirs", "user.*", "session.*")
    service = services(local).start()
    name, token = service.register()
    user_id = service.get("/api/v1/auth/me", token).json()["user_id"]
    service.log_out(token)

    eventually(lambda: receiver.events("session.revoked"))
    theirs = [each for each in receiver.received if each.event["subject"] == user_id]
    told = {each.id: each.verified(secret) for each in theirs}
    events = list(told.values())  # in the order in which they first came
    assert "user.created" == events[0]["type"]
    assert "session.revoked" == events[-1]["type"]
    assert sorted(event["sequence"] for event in events) == [event["sequence"] for event in events]

    eventually(lambda: "  waiting  " not in said(local, "deliveries", webhook_id))
    newest = said(local, "deliveries", webhook_id, "--limit", "1").split()
    assert ["session.revoked", events[-1]["id"], "delivered"] == newest[1:4]
    assert "" == said(local, "deliveries", webhook_id, "--dead")
    sent = len(receiver.received)
    said(local, "redeliver", webhook_id, newest[0])
    eventually(lambda: events[-1]["id"] in [each.id for each in receiver.received[sent:]])
    rotated = said(local, "rotate-secret", webhook_id, "--overlap-hours", "0")
    new_secret = rotated.split()[-1]
    said(local, "test", webhook_id)
    test, *_ = eventually(
        lambda: [each for each in receiver.received if each.event["type"] == "webhook.test"]
    )
    test.verified(new_secret)

    assert 0 == service.end()
    assert name not in str(receiver.events())
    assert '"event":"worker_ran"' in service.output.replace(" ", "")
    for canary in (secret, new_secret, secret.removeprefix("whsec_"), "a-token-of-theirs", name):
        assert canary not in service.output


@pytest.mark.sec("SEC-65", "SEC-72")
def test_a_dead_receiver_delays_nobody_nor_the_end_of_the_service(
    local: dict[str, str], services: Services, receiver: Receiver
) -> None:
    with receiving() as dead:
        dead.open.clear()  # it takes requests and never answers
        dead_id, _ = made(local, dead.url, "user.created")
        made(local, receiver.url, "user.created")
        service = services(local).start()
        users = []
        for _ in range(12):
            _, token = service.register(new_name())
            users.append(service.get("/api/v1/auth/me", token).json()["user_id"])

        def taken(by: Receiver) -> list[str]:
            return list(dict.fromkeys(event["subject"] for event in by.events()))

        eventually(lambda: set(taken(receiver)) == set(users))
        assert set(eventually(lambda: taken(dead))) < set(users)
        assert 0 == service.end()
        dead.open.set()
        for change in ("disable", "enable"):  # whatever it has failed is forgotten
            said(local, change, dead_id)
        service.start()
        eventually(lambda: set(taken(dead)) == set(users), seconds=180.0)
        assert 0 == service.end()


@pytest.mark.sec("SEC-65")
def test_the_receiver_of_the_guide_takes_what_is_genuine_in_fifteen_lines(
    local: dict[str, str],
) -> None:
    guide = (ROOT / "docs/guides/webhooks.md").read_text()
    [program] = re.findall(r"^```python\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE)
    assert 15 >= sum(bool(line.strip()) for line in program.splitlines())
    port = free_port()
    webhook_id, secret = made(local, f"http://127.0.0.1:{port}/")
    said(local, "test", webhook_id)

    receiver = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment({"SECRET": secret, "PORT": str(port)}),
        text=True,
    )
    try:
        eventually(lambda: takes_connections(port))
        httpx.post(f"http://127.0.0.1:{port}/", content=b"{}", trust_env=False)  # a forgery
        worked = fm_auth("worker", "--once", settings=local)
        assert 0 == worked.returncode, worked.stderr
        event_id = said(local, "deliveries", webhook_id).split()[2]
        assert receiver.stdout is not None
        line = receiver.stdout.readline()
        assert f"{event_id} webhook.test {webhook_id}\n" == line
    finally:
        receiver.kill()
        receiver.communicate()


def test_commands_refuse_what_there_is_not_and_what_leads_inside(
    settings: dict[str, str],
) -> None:
    refused = fm_auth("webhook", "create", "https://127.0.0.1/", settings=settings)
    assert (1, True) == (refused.returncode, "public address" in refused.stderr), refused.stderr
    unknown = fm_auth("webhook", "delete", UNKNOWN, settings=settings)
    assert (1, "Error: There is no such webhook.\n") == (unknown.returncode, unknown.stderr)
    assert "" == said(settings, "list", "--organization", UNKNOWN)
