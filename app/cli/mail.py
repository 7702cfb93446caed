"""`fm-auth mail list|show|retry|test`."""

from typing import TYPE_CHECKING
from uuid import UUID

import click

from app.cli.work import with_core

if TYPE_CHECKING:
    from app.in_process import ConnectedCore
    from auth_core.kernel import Email
    from auth_core.mail import QueuedLetter

_PAGE = 500


@click.group()
def mail() -> None:
    """List, show and retry letters that wait in the outbox.

    A letter that a mail server has taken is in it no more.
    """


@mail.command("list")
def list_() -> None:
    """List the letters, oldest first: id, status, template, recipient, attempts, next attempt, why.

    Recipients are masked outside development.
    """

    async def run(core: "ConnectedCore") -> None:
        after = None
        while page := await core.mail.page(after=after, limit=_PAGE):
            for letter in page:
                click.echo(_line(core, letter))
            after = page[-1].id

    with_core(run)


@mail.command()
@click.argument("letter_id", metavar="ID", type=click.UUID)
def show(letter_id: UUID) -> None:
    """Show the letter ID: all of it in development, elsewhere only where it stands."""

    async def run(core: "ConnectedCore") -> None:
        letter = await _found(core, letter_id)
        click.echo(_line(core, letter))
        renderer = core.ports.letter_renderer
        if not core.options.sign_in.development or renderer is None or letter.dead_at is not None:
            return
        message = renderer.render(core.mail.opened(letter))
        click.echo(f"\nTo: {message.to}\nSubject: {message.subject}\n\n{message.text}")

    with_core(run)


@mail.command()
@click.argument("letter_id", metavar="[ID]", type=click.UUID, required=False)
@click.option("--all", "every", is_flag=True, help="All letters that wait.")
def retry(letter_id: UUID | None, every: bool) -> None:  # noqa: FBT001 - click passes by name
    """Send the letter ID now instead of later. A dead one stays dead: what it said is erased."""
    if (letter_id is None) is not every:
        raise click.UsageError("say which letter, or --all")

    async def run(core: "ConnectedCore") -> None:
        from auth_core.kernel import LetterId  # noqa: PLC0415 - slow to import

        if letter_id is not None:
            await _found(core, letter_id)
        ids = None if letter_id is None else [LetterId(letter_id)]
        click.echo(f"{await core.mail.retry(ids)} letters are due now.")

    with_core(run)


@mail.command()
@click.argument("address")
def test(address: str) -> None:
    """Send a message to ADDRESS now, past the outbox, and say what the mail server answers."""

    async def run(core: "ConnectedCore") -> None:
        from auth_core.kernel import Email, LetterId, Misconfigured, Unavailable  # noqa: PLC0415
        from auth_core.mail import MailFailure, Message  # noqa: PLC0415 - slow to import

        if core.ports.mailer is None:
            raise Misconfigured("SMTP_HOST is not set: there is no mail server to test")
        message = Message(
            id=LetterId(core.ids.uuid()),
            to=Email.parse(address, field="ADDRESS"),
            language="en",
            subject="A test of the mail server",
            text="Your authentication service can send mail.\n",
            html="<p>Your authentication service can send mail.</p>\n",
        )
        try:
            await core.ports.mailer.send(message)
        except MailFailure as failure:
            raise Unavailable(f"The mail server did not take it: {failure.reason}.") from failure
        click.echo(f"The mail server has taken a message to {message.to}.")

    with_core(run)


async def _found(core: "ConnectedCore", letter_id: UUID) -> "QueuedLetter":
    from auth_core.kernel import LetterId, NotFound  # noqa: PLC0415 - slow to import

    letter = await core.mail.find(LetterId(letter_id))
    if letter is None:
        raise NotFound("There is no such letter. It may have been sent.")
    return letter


def _line(core: "ConnectedCore", letter: "QueuedLetter") -> str:
    status = letter.status(core.mail.now())
    to = letter.to.value if core.options.sign_in.development else _masked(letter.to)
    when = letter.next_attempt_at.isoformat(timespec="seconds")
    return (
        f"{letter.id}  {status}  {letter.template}  {to}  {letter.attempts}  {when}"
        f"  {letter.last_error or '-'}"
    )


def _masked(address: "Email") -> str:
    """Enough to recognise an address that one knows: ``j***@example.com``."""
    local, _, domain = address.value.rpartition("@")
    return f"{local[:1]}***@{domain}"
