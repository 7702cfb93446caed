"""`fm-auth mail`: what waits, and what an operator may see of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest

from app.container import Container
from app.settings import load_settings
from auth_core.kernel import Email, Letter
from auth_core.mail import MailOffice, QueuedLetter
from auth_core.testing.contracts.mail_outbox import new_letter
from tests.e2e.running import Services, eventually, fm_auth

CANARY = "canary-token-of-a-letter"


@pytest.fixture
async def container(settings: dict[str, str]) -> AsyncIterator[Container]:
    container = Container(load_settings(settings))
    yield container
    await container.close()


@pytest.fixture
def office(container: Container) -> MailOffice:
    """The outbox of the deployment."""
    return container.core.mail


@pytest.fixture
async def letter(office: MailOffice) -> Letter:
    letter = new_letter(
        to=Email.parse("john.doe@example.com"), values={"token": CANARY, "minutes": "10"}
    )
    await office.send(letter)
    return letter


async def run(settings: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(fm_auth, "mail", *arguments, settings=settings)
    return done.returncode, done.stdout, done.stderr


async def failed(container: Container, reason: str) -> QueuedLetter:
    """Try the only letter once, in vain."""
    now = container.clock.now()
    async with container.unit_of_work() as uow:
        [claimed] = await uow.mail.claim(now, now, 1)
        later = now + timedelta(days=365)
        await uow.mail.postpone(claimed, later, reason)
        await uow.commit()
    return claimed


async def test_in_development_letters_are_read_at_the_command_line(
    settings: dict[str, str], letter: Letter
) -> None:
    code, listed, _ = await run(settings, "list")
    _, shown, _ = await run(settings, "show", str(letter.id))

    assert 0 == code
    [line] = listed.splitlines()
    assert [str(letter.id), "waiting", "reset_password", "john.doe@example.com", "0"] == (
        line.split()[:5]
    )
    assert f"http://127.0.0.1:8000/account/reset-password?token={CANARY}" in shown
    assert "Subject: Wählen Sie ein neues Passwort" in shown


@pytest.mark.sec("SEC-67")
async def test_elsewhere_nobody_reads_them_and_recipients_are_masked(
    settings: dict[str, str], container: Container, letter: Letter
) -> None:
    await failed(container, "smtp_451")
    production = {**settings, "ENVIRONMENT": "production", "AUTH_PUBLIC_URL": "https://a.example"}

    _, listed, _ = await run(production, "list")
    _, shown, _ = await run(production, "show", str(letter.id))

    assert listed == shown
    fields = listed.split()
    assert [str(letter.id), "waiting", "reset_password", "j***@example.com", "1"] == fields[:5]
    assert "smtp_451" == fields[-1]
    assert CANARY not in listed
    assert "john.doe" not in listed


async def test_a_letter_is_made_due(
    settings: dict[str, str], container: Container, letter: Letter
) -> None:
    await failed(container, "smtp_451")

    for arguments in ((str(letter.id),), ("--all",)):
        assert (0, "1 letters are due now.\n", "") == await run(settings, "retry", *arguments)
    stored = await container.core.mail.find(letter.id)
    assert stored is not None
    assert stored.next_attempt_at <= container.clock.now()


async def test_mistakes_are_explained(settings: dict[str, str]) -> None:
    for command in ("show", "retry"):
        code, _, told = await run(settings, command, str(uuid4()))
        assert (1, "Error: There is no such letter. It may have been sent.\n") == (code, told)
    for arguments in ((), ("--all", str(uuid4())), ("not-an-id",)):
        assert 2 == (await run(settings, "retry", *arguments))[0]
    assert (0, "", "") == await run(settings, "list")


def test_a_service_that_cannot_send_says_so_when_it_starts(
    settings: dict[str, str], services: Services
) -> None:
    development = services(settings).start()
    production = services({**settings, "ENVIRONMENT": "production"}).start()

    eventually(lambda: "mail_not_configured" in production.output)
    assert "SMTP_HOST" in production.output
    assert "mail_not_configured" not in development.output
