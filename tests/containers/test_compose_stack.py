"""`docker compose up` for real: the README's calls, restarts, and production without secrets."""

import base64
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.containers.engine import compose_command, facts, run
from tests.e2e.running import free_port

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

PRODUCTION_SECRETS = {
    "POSTGRES_PASSWORD": secrets.token_hex(16),
    "POSTGRES_SERVICE_PASSWORD": secrets.token_hex(16),
    "AUTH_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
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
        for name, source in (("POSTGRES", "TEST_POSTGRES_IMAGE"), ("VALKEY", "TEST_REDIS_IMAGE")):
            if value := os.environ.get(source):
                self.env[f"{name}_IMAGE"] = value
        self.options = ("--env-file", str(env_file), "-p", self.project)

    def compose(self, *arguments: str, timeout: float = 400, check: bool = True) -> tuple[int, str]:
        command = (*compose_command(), *self.options, *arguments)
        result = run(*command, timeout=timeout, env=self.env, check=check)
        return result.returncode, result.stdout

    def up(self) -> None:
        began = time.monotonic()
        self.compose("up", "-d")
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
    development.compose("start", "auth")
    development.wait_until_ready()
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
