"""`fm-auth user …`: accounts, for the operator."""

import click

from app.cli.user_access import ACCESS
from app.cli.user_changes import CHANGES
from app.cli.user_create import create
from app.cli.user_data import DATA
from app.cli.user_find import FINDS
from app.cli.user_hashes import HASHES
from app.cli.user_transfer import export, import_


@click.group()
def user() -> None:
    """Create, find, change, export and erase accounts.

    NAME is a user name, an e-mail address or the id of an account.
    """


for command in (create, *FINDS, *CHANGES, *ACCESS, *DATA, *HASHES, import_, export):
    user.add_command(command)
