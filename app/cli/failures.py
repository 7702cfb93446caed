"""Errors as an operator should meet them: one message, no traceback, a telling exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from app.start_report import EXIT_MISCONFIGURED
from auth_core.kernel import AuthCoreError, Misconfigured


class _Misconfigured(click.ClickException):
    exit_code = EXIT_MISCONFIGURED


class _Failed(click.ClickException):
    exit_code = 1


@contextmanager
def explained() -> Iterator[None]:
    """Turn the core's errors into a message on stderr and an exit code."""
    try:
        yield
    except Misconfigured as error:
        raise _Misconfigured(error.message) from error
    except AuthCoreError as error:
        raise _Failed(error.message) from error
