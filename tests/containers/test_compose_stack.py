"""`docker compose up` for real: the README's calls, restarts, and production without secrets."""

import base64
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.containers.engine import ROOT, compose_command, facts, run
from tests.e2e.running import free_port

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

PRODUCTION_SECRETS = {
    "POSTGRES_PASSWORD": secrets.token_hex(16),
    "POSTGRES_SERVICE_PASSWORD": secrets.token_hex(16),
    "AUTH_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
}


# Image names that compose.yaml asks for, and what the tests' own are called.
_IMAGES = {
    "POSTGRES": "POSTGRES",
    "VALKEY": "REDIS",
    "PROMETHEUS": "PROMETHEUS",
    "MAIL": "MAIL",
}


class Stack:
    """One project of compose.yaml, on a port of its own."""

    def __init__(self, image: str, env_file: Path, settings: Mapping[str, str]) -> None:
        self.project = f"fm-auth-test-{secrets.token_hex(4)}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        # only what compose itself needs: the developer's own settings and `.env` stay out
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"} or "DOCKER" in k}
        self.env = kept | {"FM_AUTH_IMAGE": image, "PORT": str(port)} | dict(settings)
        for name, source in _IMAGES.items():
            if value := os.environ.get(f"TEST_{source}_IMAGE"):
                self.env[f"{name}_IMAGE"] = value
        self.options = ("--env-file", str(env_file), "-p", self.project)

    def compose(self, *arguments: str, timeout: float = 400, check: bool = True) -> tuple[int, str]:
        command = (*compose_command(), *self.options, *arguments)
        result = run(*command, timeout=timeout, env=self.env, check=check)
        return result.returncode, result.stdout

    def up(self, *services: str) -> None:
        began = time.monotonic()
        self.compose("up", "-d", *services)
        self.wait_until_ready()
        facts.append(f"compose up until ready: {time.monotonic() - began:.1f} s")

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            try:
                answer = httpx.get(f"{self.url}/health/ready", timeout=10, trust_env=False)
            except httpx.TransportError:
                pass
            else:
                if answer.status_code == 200:
                    return
            time.sleep(0.2)
        raise AssertionError("the service did not become ready within 240 s")

    def down(self) -> None:
        """Remove everything; pytest shows the logs when the test has failed."""
        sys.stdout.write(self.compose("logs", "--no-color", "--tail=100", check=False)[1])
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20", check=False)

    def containers(self) -> list[str]:
        label = f"label=com.docker.compose.project={self.project}"
        return run("docker", "ps", "--all", "--quiet", "--filter", label).stdout.split()

    def exit_code(self, service: str) -> int:
        for found in json.loads(run("docker", "inspect", *self.containers()).stdout):
            if found["Config"]["Labels"]["com.docker.compose.service"] == service:
                return int(found["State"]["ExitCode"])
        raise AssertionError(f"{service} has no container")

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"{self.url}/api/v1/auth", timeout=60, trust_env=False)


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """Stand in for the developer's own `.env`."""
    path = tmp_path / "env"
    path.touch()
    return path


@pytest.fixture
def development(service_image: str, env_file: Path) -> Iterator[Stack]:
    stack = Stack(service_image, env_file, {})
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.fixture
def production(service_image: str, env_file: Path) -> Iterator[Stack]:
    stack = Stack(service_image, env_file, {"ENVIRONMENT": "production", **PRODUCTION_SECRETS})
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.fixture
def profiles(service_image: str, env_file: Path) -> Iterator[Stack]:
    """All that the profiles add; without a registry, what there is a stand-in for."""
    settings = {"COMPOSE_PROFILES": "observability,mail"}
    settings |= {"SMTP_HOST": "mail", "SMTP_PORT": "1025", "SMTP_SECURITY": "none"}
    settings["SMTP_FROM"] = "auth@example.com"
    settings |= {
        f"{name}_PORT": str(free_port()) for name in ("PROMETHEUS", "GRAFANA", "TRACES", "MAIL")
    }
    stack = Stack(service_image, env_file, settings)
    without = os.environ.get("TEST_PROMETHEUS_IMAGE", "").startswith("localhost/")
    if without:
        facts.append("NOT RUN: Grafana and Jaeger: no stand-ins for their images, and no registry")
    try:
        stack.up(*(("auth", "mail", "prometheus") if without else ()))
        yield stack
    finally:
        stack.down()


def _told(stack: Stack, service: str, path: str, said: Callable[[Any], Any]) -> Any:
    """What is said of an answer of a profile's service, once that is true."""
    deadline = time.monotonic() + 240
    answer: Any = None
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            url = f"http://127.0.0.1:{stack.env[f'{service}_PORT']}{path}"
            answer = httpx.get(url, timeout=10, trust_env=False).json()
            if found := said(answer):
                return found
        time.sleep(0.5)
    raise AssertionError(f"{service} does not say it: last was {answer!r}")


def test_the_profiles_bring_a_mailbox_and_watch_the_service(profiles: Stack) -> None:
    address = "jane.doe@example.com"
    with profiles.client() as client:
        jane = {"username": "jane.doe", "email": address, "password": "a sentence is a good one"}
        assert client.post("/register", json=jane).status_code in {201, 202}
        assert client.post("/forgot-password", json={"email": address}).status_code == 202
    _told(
        *(profiles, "MAIL", "/api/v1/messages"),
        lambda told: [each for each in told["messages"] if each["To"][0]["Address"] == address],
    )

    def seen(told: Any) -> bool:
        return [each["value"][1] for each in told["data"]["result"]] == ["1"]

    _told(profiles, "PROMETHEUS", "/api/v1/query?query=fm_auth_workers", seen)
    rules = _told(profiles, "PROMETHEUS", "/api/v1/rules", lambda told: told["data"]["groups"])
    written = yaml.safe_load((ROOT / "docs" / "operations" / "alerts.yaml").read_text())
    assert [each["alert"] for each in written["groups"][0]["rules"]] == [
        each["name"] for each in rules[0]["rules"]
    ]
    assert {each["health"] for each in rules[0]["rules"]} <= {"ok", "unknown"}
    assert rules[0]["rules"][0]["state"] != "firing"


def _log_in(client: httpx.Client) -> dict[str, str]:
    answer = client.post("/dev-login", json={"username": "john.doe"})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_the_readme_tour_and_what_survives_restarts(development: Stack) -> None:
    """One stack for all of it: starting one takes longer than everything asked of it."""
    john = {
        "username": "john.doe",
        "email": "john.doe@example.com",
        "display_name": "John Doe",
    }
    with development.client() as client:
        answer = client.post("/dev-register", json=john)
        assert answer.status_code == 201, answer.text
        user_id = answer.json()["user"]["user_id"]
        leaving, staying = _log_in(client), _log_in(client)

        answer = client.get("/me", headers=leaving)
        assert answer.status_code == 200, answer.text
        assert answer.json()["user_id"] == user_id
        assert answer.json()["email"] == "john.doe@example.com"

        assert client.post("/logout", headers=leaving).status_code == 200
        assert client.get("/me", headers=leaving).status_code == 401

    _check_that_only_the_service_is_reachable(development)

    development.compose("stop", "auth")
    assert development.exit_code("auth") == 0
    began = time.monotonic()
    development.compose("start", "auth")
    development.wait_until_ready()
    facts.append(f"the service's container until ready: {time.monotonic() - began:.1f} s")
    _check_what_survives(development, john, leaving, staying)

    # every container is made anew; only the volumes stay
    development.compose("down", "--timeout", "20")
    development.up()
    _check_what_survives(development, john, leaving, staying)


def _check_what_survives(
    stack: Stack,
    user: dict[str, str],
    leaving: dict[str, str],
    staying: dict[str, str],
) -> None:
    with stack.client() as client:
        assert client.get("/me", headers=leaving).status_code == 401
        answer = client.get("/me", headers=staying)
        assert answer.status_code == 200, answer.text
        assert answer.json()["username"] == user["username"]
        assert client.post("/dev-register", json=user).status_code == 409


def _check_that_only_the_service_is_reachable(stack: Stack) -> None:
    published = {}
    for found in json.loads(run("docker", "inspect", *stack.containers()).stdout):
        service = found["Config"]["Labels"]["com.docker.compose.service"]
        bindings = found["HostConfig"]["PortBindings"] or {}
        published[service] = [b["HostIp"] for port in bindings.values() for b in port]
    assert published == {"postgres": [], "valkey": [], "migrate": [], "auth": ["127.0.0.1"]}


def test_production_has_no_development_routes(production: Stack) -> None:
    with production.client() as client:
        assert client.get("/config").status_code == 200
        answer = client.post("/dev-register", json={"username": "john.doe"})
        assert answer.status_code == 404, answer.text


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize("missing", sorted(PRODUCTION_SECRETS))
def test_no_secret_has_a_default_outside_development(
    environment: str,
    missing: str,
    service_image: str,
    env_file: Path,
) -> None:
    given = {k: v for k, v in PRODUCTION_SECRETS.items() if k != missing}
    stack = Stack(service_image, env_file, {"ENVIRONMENT": environment, **given})
    try:
        code, output = stack.compose("up", "-d", check=False)
        assert code != 0
        assert f"outside development set {missing}" in output
        assert stack.containers() == []
    finally:
        stack.env |= PRODUCTION_SECRETS
        stack.down()
