"""Which servers a command works on: those configured, or the embedded ones."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from adapters.embedded import EmbeddedServers, EmbeddedServersError
from app.settings import Settings, load_settings
from auth_core.kernel import Misconfigured

_MASTER_KEY_FILE = "master.key"


class Settled(NamedTuple):
    """What a command works with. ``servers`` are embedded ones, if it uses such."""

    settings: Settings
    environ: dict[str, str]
    servers: EmbeddedServers | None


@contextmanager
def settled_environment(environ: Mapping[str, str], *, join: bool = True) -> Iterator[Settled]:
    """The settings and environment of a command, with embedded servers running if need be.

    Servers that this started are stopped at the end. With ``join``, those of a running
    `fm-auth serve` are used and left alone. Raises Misconfigured.
    """
    settings = load_settings(environ)
    if not settings.embedded:
        yield Settled(settings, dict(environ), None)
        return
    data_dir = settings.service.data_dir
    servers = EmbeddedServers(data_dir)
    key_file = (data_dir / _MASTER_KEY_FILE).absolute()
    try:
        endpoints = servers.running() if join else None
        if endpoints is None:
            _make_master_key(data_dir, key_file)
            endpoints = servers.start()
        embedded = {
            **environ,
            "ENVIRONMENT": settings.service.environment,
            "LOG_FORMAT": settings.service.log_format,
            "DATABASE_URL": endpoints.service_url,
            "DATABASE_OWNER_URL": endpoints.database_url,
            "REDIS_URL": endpoints.redis_url,
            "AUTH_MIGRATE_ON_START": "true",
        }
        if settings.security.master_key is None:
            _require_master_key(key_file)
            embedded["AUTH_MASTER_KEY_FILE"] = str(key_file)
        yield Settled(load_settings(embedded), embedded, servers)
    except EmbeddedServersError as error:
        raise Misconfigured(str(error)) from error
    finally:
        servers.stop()


def _make_master_key(data_dir: Path, key_file: Path) -> None:
    """Make the key of a data folder that is about to be made; an older folder has its key."""
    if (data_dir / "postgres").exists() or key_file.exists():
        return
    with suppress(OSError):  # a folder that cannot be written is explained by the servers
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = key_file.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # of two first starts at once, the first one's key stands
            os.link(fresh, key_file)
        fresh.unlink()


def _require_master_key(key_file: Path) -> None:
    if not key_file.exists():
        raise Misconfigured(
            f"{key_file} is missing, and the signing keys in {key_file.parent} are sealed under "
            "it. Restore the file, or set AUTH_MASTER_KEY; to start over with an empty database, "
            f"remove {key_file.parent}."
        )
