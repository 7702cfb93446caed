"""`fm-auth config check|show`."""

import os

import click

from app.cli.failures import explained
from app.settings import describe, load_settings


@click.group()
def config() -> None:
    """Check or show the settings."""


@config.command()
def check() -> None:
    """Exit 0 if the service could start with this environment; else say what is wrong."""
    with explained():
        settings = load_settings(os.environ)
    for name in settings.not_in_effect:
        click.echo(f"warning: {name} is set and has no effect in this version", err=True)
    click.echo("The settings are valid.")


@config.command()
def show() -> None:
    """List every setting with its value and where that came from; secrets are masked."""
    with explained():
        rows = describe(load_settings(os.environ))
    width = max(len(name) for name, _, _ in rows)
    for name, value, source in rows:
        click.echo(f"{name:<{width}}  {value}  ({source})")
