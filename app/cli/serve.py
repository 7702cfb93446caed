"""`fm-auth serve`."""

import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import NoReturn

import click

from app.cli.failures import explained
from app.cli.servers import settled_environment
from app.cli.supervision import NO_FORK, Supervision
from app.settings import Settings
from auth_core.kernel import Misconfigured

READY_TIMEOUT = 60.0
_HELLO = """
fm-auth {version} is ready on {url} ({environment}){servers}

Try it:
  curl -s {url}/api/v1/auth/dev-register -H 'Content-Type: application/json' \\
    -d '{{"username": "john.doe", "email": "john.doe@example.com", "display_name": "John Doe"}}'
  curl -s {url}/api/v1/auth/dev-login -H 'Content-Type: application/json' \\
    -d '{{"username": "john.doe"}}'
  curl -s {url}/api/v1/auth/me -H 'Authorization: Bearer <access_token>'

API reference: {url}/docs, mail that waits: {url}/dev/mail. Stop with Ctrl-C.
"""


@click.command()
def serve() -> None:
    """Serve the API.

    Without DATABASE_URL and REDIS_HOST (or REDIS_URL) this starts a PostgreSQL and a Valkey of its
    own, keeps their data in AUTH_DATA_DIR (.data), and stops them when it stops.
    """
    signal.signal(signal.SIGTERM, _stop)
    with (
        explained(),
        settled_environment(os.environ, join=False) as (
            settings,
            environ,
            servers,
        ),
    ):
        _check_port(settings)
        os.environ.update(environ)  # the workers read their settings from it
        greeter = threading.Thread(target=_say_when_ready, args=(settings, environ), daemon=True)
        supervision = None if servers is None else Supervision(servers)
        try:
            from app.cli import supervisor  # noqa: PLC0415 - slow to import

            supervisor.run(settings, [greeter] if supervision is None else [greeter, supervision])
        finally:
            if supervision is not None:
                supervision.stop()


def _stop(*_: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


def _check_port(settings: Settings) -> None:
    """Find a taken port before anything else is done; granian's own message is a traceback."""
    host, port = settings.service.host, settings.service.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Misconfigured(
                f"cannot listen on {host}:{port}: {error.strerror}. "
                "Stop what uses the port, or set HOST and PORT to a free one."
            ) from error


def _say_when_ready(settings: Settings, environ: dict[str, str]) -> None:
    host = settings.service.host
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.service.port}"
    # straight to us: a proxy of the shell's does not know our loopback
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline:
        try:
            with NO_FORK, ask(f"{url}/", timeout=1) as answer:
                version = json.load(answer)["version"]
            break
        except (OSError, ValueError, urllib.error.URLError):
            time.sleep(0.05)
    else:
        return
    embedded = "AUTH_MIGRATE_ON_START" in environ
    click.echo(
        _HELLO.format(
            version=version,
            url=url,
            environment=settings.service.environment,
            servers=f",\nPostgreSQL and Valkey in {settings.service.data_dir}/" if embedded else "",
        )
        if settings.service.is_development
        else f"fm-auth {version} is ready on {url} ({settings.service.environment})",
        err=True,
    )
