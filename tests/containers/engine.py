"""The container engine's command line: docker, and compose in its new or old form."""

import functools
import os
import shlex
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What the Containerfile builds on: the same default as its PYTHON_IMAGE.
BASE_IMAGE = os.environ.get("TEST_PYTHON_IMAGE") or "python:3.13-slim"

# What the closing lines of the run tell: sizes and times.
facts: list[str] = []


def run(
    *command: str,
    timeout: float = 240,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a command; its output is in the error when it fails."""
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=env,
        timeout=timeout,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    if check and result.returncode:
        raise AssertionError(f"{shlex.join(command)}: {result.returncode}\n{result.stdout[-8000:]}")
    return result


def works(*command: str) -> bool:
    try:
        return run(*command, timeout=90, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@functools.cache
def missing() -> str | None:
    """Why containers cannot be run here, or None."""
    if not works("docker", "info"):
        return "no container engine answers (docker info)"
    if not compose_command():
        return "neither `docker compose` nor `docker-compose` is there"
    return None


@functools.cache
def compose_command() -> tuple[str, ...]:
    """TEST_COMPOSE, `docker compose` or `docker-compose`: the first that works."""
    candidates = (
        shlex.split(os.environ.get("TEST_COMPOSE", "")),
        ["docker", "compose"],
        ["docker-compose"],
    )
    return next((tuple(c) for c in candidates if c and works(*c, "version")), ())


def build_service_image() -> str:
    """Build the Containerfile; TEST_SERVICE_IMAGE names a finished image to test instead."""
    if image := os.environ.get("TEST_SERVICE_IMAGE"):
        return image
    image = "localhost/fm-auth-test/service:test"
    arguments: list[str] = []
    for name in ("PYTHON_IMAGE", "BUILDER_IMAGE"):
        if value := os.environ.get(f"TEST_{name}"):
            arguments += ["--build-arg", f"{name}={value}"]
    began = time.monotonic()
    # the host's network: an index proxy may listen on the machine itself
    run(
        *("docker", "build", "--network=host", "--file=Containerfile", f"--tag={image}"),
        *(*arguments, "."),
        timeout=1200,
    )
    facts.append(f"Containerfile built in {time.monotonic() - began:.0f} s")
    return image
