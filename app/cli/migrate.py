"""`fm-auth migrate`."""

import os

import click

from app.cli.failures import explained
from app.cli.servers import settled_environment


@click.command()
@click.option("--revision", default="head", show_default=True, help="The revision to migrate to.")
def migrate(revision: str) -> None:
    """Bring the database schema up to date.

    As the role of DATABASE_OWNER_URL, if it is set. The role of DATABASE_URL is then made, if
    there is none and the owner may, and given what the service needs.

    Safe to run on several nodes at once and again: one migrates, the others find nothing to do.
    """
    with explained(), settled_environment(os.environ) as (settings, *_):
        from adapters.postgres.schema import current, migrate  # noqa: PLC0415 - slow to import

        url = settings.database.url
        if url is not None:
            owner = settings.database.owner_url or url
            migrate(owner, revision, service=url)
            click.echo(f"The schema is at revision {current(owner)}.")
