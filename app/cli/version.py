"""`fm-auth version`."""

from importlib.metadata import version as distribution_version

import click


@click.command()
def version() -> None:
    """Show the version."""
    click.echo(f"fm-auth-service {distribution_version('fm-auth-service')}")
