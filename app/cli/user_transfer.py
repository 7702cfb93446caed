"""`fm-auth user import|export`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import click

from app.cli.work import on_servers
from app.settings import Settings

if TYPE_CHECKING:
    from app.container import Container
    from app.transfer.progress import Progress
    from auth_core.credentials import AccountTransfer, Entry, Refusal

BATCH = 1000
_FORMAT = click.Choice(["jsonl", "csv"])
_Format = Literal["jsonl", "csv"]


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=_FORMAT, help="Default: by the name of FILE.")
@click.option("--dry-run", is_flag=True, help="Report, and store nothing.")
@click.option(
    "--resume",
    "state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Remember in this file how far it got, and go on from there.",
)
def import_(
    file: Path,
    form: _Format | None,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
    state: Path | None,
) -> None:
    """Take in accounts from FILE, one per line, password hashes included.

    Each line that is not taken is named on standard output: its number, a code, the reason. The
    others are stored all the same. The exit code is 1 when a line was refused.
    """
    from app.transfer import files, progress  # noqa: PLC0415 - slow to import

    chosen = form or files.format_of(file)
    if chosen is None:
        raise click.UsageError("FILE is neither .jsonl nor .csv: say --format.")
    refused = 0

    async def run(settings: Settings) -> None:
        nonlocal refused
        from app.container import Container  # noqa: PLC0415 - slow to import

        begun = progress.begin(file, state)
        container = Container(settings)
        try:
            await container.database.check()
            kept = None if dry_run else state
            progress.keep(begun, kept)
            refused = await _take_in(_transfer(container), file, chosen, begun, kept, dry=dry_run)
        finally:
            await container.close()

    with _files_explained():
        on_servers(run)
    if refused:
        sys.exit(1)


@click.command("export")
@click.option("--format", "form", type=_FORMAT, default="jsonl", show_default=True)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file that only you can read. Default: standard output.",
)
def export(form: _Format, output: Path | None) -> None:
    """Give out all accounts, password hashes included, in the form that import takes."""

    async def run(settings: Settings) -> None:
        from app.container import Container  # noqa: PLC0415 - slow to import
        from app.transfer.files import Writer  # noqa: PLC0415
        from auth_core.credentials import TransferRecord  # noqa: PLC0415

        container = Container(settings)
        try:
            await container.database.check()
            transfer, after = _transfer(container), None
            with _opened(output) as out:
                writer = Writer(out, form)
                while page := await transfer.page(after=after, limit=BATCH):
                    for account in page:
                        writer.write(TransferRecord.of(account))
                    after = page[-1].user.id
        finally:
            await container.close()

    with _files_explained():
        on_servers(run)


async def _take_in(
    transfer: "AccountTransfer",
    file: Path,
    form: _Format,
    begun: "Progress",
    state: Path | None,
    *,
    dry: bool,
) -> int:
    """Returns how many lines were refused."""
    from app.transfer import progress  # noqa: PLC0415 - slow to import

    seen = again = refused = 0
    for batch in _batches(file, form, begun):
        refusals = await transfer.take_in(batch, dry_run=dry)
        progress.keep(begun.after(batch[-1].line), state)
        already = _report(refusals)
        seen, again, refused = seen + len(batch), again + already, refused + len(refusals) - already
    skipped = f", {again} were there already" if again else ""
    verb = "would be imported" if dry else "imported"
    click.echo(f"{seen - refused - again} {verb}, {refused} refused{skipped}", err=True)
    return refused


def _report(refusals: "list[Refusal]") -> int:
    """Names the refused lines; returns how many were none, but the same account as is there."""
    again = 0
    for each in refusals:
        if each.code == "already_there":
            again += 1
        else:
            click.echo(f"{each.line}\t{each.code}\t{each.reason}")
    return again


def _batches(file: Path, form: _Format, begun: "Progress") -> "Iterator[list[Entry]]":
    from app.transfer import files  # noqa: PLC0415 - slow to import
    from auth_core.credentials import Entry  # noqa: PLC0415

    batch: list[Entry] = []
    for line, fields in files.read(file, form):
        if line <= begun.lines_done:
            continue
        batch.append(Entry(line, fields, begun.new_id(line), text_values=form == "csv"))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _transfer(container: "Container") -> "AccountTransfer":
    from adapters.crypto import StoredHashes  # noqa: PLC0415 - slow to import
    from auth_core.credentials import AccountTransfer  # noqa: PLC0415

    return AccountTransfer(container.unit_of_work, StoredHashes(), container.clock, container.ids)


@contextmanager
def _files_explained() -> Iterator[None]:
    """A file that cannot be read or made is told in one line."""
    try:
        yield
    except OSError as error:
        if error.filename is None:  # not about a file
            raise
        raise click.FileError(str(error.filename), error.strerror) from error


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    import os  # noqa: PLC0415 - only here

    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        yield file
