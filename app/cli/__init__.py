"""`fm-auth`: the command line. Nothing heavy is imported before a command needs it."""

from importlib import import_module

import click

_COMMANDS = {
    "serve": "app.cli.serve:serve",
    "worker": "app.cli.worker:worker",
    "migrate": "app.cli.migrate:migrate",
    "config": "app.cli.config:config",
    "doctor": "app.cli.doctor:doctor",
    "user": "app.cli.user:user",
    "organization": "app.cli.organization:organization",
    "key": "app.cli.key:key",
    "audit": "app.cli.audit:audit",
    "mail": "app.cli.mail:mail",
    "events": "app.cli.events:events",
    "webhook": "app.cli.webhook:webhook",
    "version": "app.cli.version:version",
}
_SUMMARIES = {
    "serve": "Serve the API, on embedded servers unless others are configured.",
    "worker": "Rotate keys, send mail and webhooks, remove what is over; part of serve by default.",
    "migrate": "Bring the database schema up to date.",
    "config": "Check or show the settings.",
    "doctor": "Look at settings, clocks, servers, keys and mail; say what to do.",
    "user": "Create, find, invite, change, import, export and erase accounts.",
    "organization": "List, show, make, delete and restore organizations.",
    "key": "List, rotate and revoke signing keys.",
    "audit": "Verify and export the audit trail.",
    "mail": "List, show and retry letters that wait; test the mail server.",
    "events": "See how far events have got; publish some of them again.",
    "webhook": "Make webhooks, see and repeat their deliveries.",
    "version": "Show the version.",
}


class _LazyGroup(click.Group):
    """Imports a command's module when the command is used, so that --help stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_SUMMARIES.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """FaultMaven Auth Service.

    Settings come from the environment; `fm-auth config show` lists them.
    """


def main() -> None:
    """Run the command line."""
    cli(prog_name="fm-auth")


__all__ = ["cli", "main"]
