"""The commands that the guides show, run as they stand there, and what they say they answer."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.running import ANSWER_SECONDS, BIN, ROOT, Service, Services, environment, free_port
from tests.e2e.test_documented_tours import END_OF_ANSWER, joined, pattern, steps
from tests.name_server import name_server

GUIDES = Path(ROOT) / "docs" / "guides"
SECRET = "a-secret-of-at-least-32-characters"
CALLER = f'[{{"client_id": "gateway", "client_secret": "{SECRET}", "allow": ["check"]}}]'


def walk(
    service: Service,
    page: str,
    known: dict[str, str],
    *,
    only: str = "",
    instead: Mapping[str, str] | None = None,
) -> None:
    """Run the commands of a guide in one shell that knows these variables.

    ``only`` those that have this text; ``instead`` of what stands there, what it is here.
    """
    text = (GUIDES / page).read_text()
    tour = [step for step in steps(text) if only in step[0]]
    assert tour
    script = "".join(f"{command}\nprintf '{END_OF_ANSWER}'\n" for command, _ in tour)
    for shown, here in {"http://127.0.0.1:8000": service.url, **(instead or {})}.items():
        script = script.replace(shown, here)
    environ = environment(service._settings)
    done = subprocess.run(
        ["bash", "-c", script],
        env=environ | known | {"PATH": f"{BIN}:{environ['PATH']}"},
        cwd=service.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=4 * ANSWER_SECONDS,
        check=False,
    )
    answers = done.stdout.decode().split(END_OF_ANSWER)
    assert [""] == answers[len(tour) :], done.stdout.decode()
    for (command, shown), said in zip(tour, answers, strict=False):
        assert like(shown).fullmatch(joined(said)), f"$ {command}\nshown: {shown}\nsaid: {said}"


def like(shown: str) -> re.Pattern[str]:
    """What answers like this one look like: hashes and numbers differ as well as ids and times."""
    text = re.sub(r"\b[0-9a-f]{64}\b|whsec_[\w+/=]+|fm-auth-domain=[\w-]+", "…", joined(shown))
    found = pattern(text).pattern
    return re.compile(re.sub(r"(?<![\\\w{\[(-])\d+(?:\\\.\d+)?(?![\w\]}-])", r"[\\d.]+", found))


def organization_of(service: Service, token: str, slug: str = "acme") -> str:
    answer = service.client.post(
        "/api/v1/organizations",
        json={"name": "Acme", "slug": slug},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert 201 == answer.status_code, answer.text
    return str(answer.json()["organization"]["organization_id"])


def test_organizations(services: Services, settings: dict[str, str]) -> None:
    with name_server() as names:
        where = {"AUTH_ORGANIZATION_DNS_SERVERS": f"{names.host}:{names.port}"}
        service = services(settings | where).start()
        service.register("alice")
        walk(service, "organizations.md", {}, only="fm-auth")
        token = service.register("bob")[1]
        organization = organization_of(service, token, "bobs")
        own = f"/api/v1/organizations/{organization}"
        mine = {"headers": {"Authorization": f"Bearer {token}"}}
        known = {"URL": service.url, "AUTH": f"Authorization: Bearer {token}", "ID": organization}
        walk(service, "organizations.md", known, only='"domain"')
        [claimed] = service.client.get(f"{own}/domains", **mine).json()["items"]
        names.publish(claimed)
        known["DOMAIN_ID"] = claimed["domain_id"]
        walk(service, "organizations.md", known, only="/verify")


def test_the_active_organization(services: Services, settings: dict[str, str]) -> None:
    service = services(settings).start()
    token = service.register("jane")[1]
    shown = "01a213fc-df00-74f6-a5c9-0b412e257776"
    organization = organization_of(service, token)
    text = (GUIDES / "active-organization.md").read_text()
    [(command, _)] = steps(text)
    said = subprocess.run(
        ["bash", "-c", command.replace(shown, organization)],
        env=environment({"AUTH": f"{service.url}/api/v1/auth", "TOKEN": token}),
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert '"access_token"' in said


def test_the_audit_trail(services: Services, settings: dict[str, str]) -> None:
    service = services(settings).start()
    organization_of(service, service.register("jane")[1])
    walk(service, "audit.md", {})


def test_access(services: Services, settings: dict[str, str]) -> None:
    service = services(settings | {"AUTH_CLIENTS": CALLER}).start()
    token = service.register("jane")[1]
    known = {
        "API": f"{service.url}/api/v1",
        "ORG": organization_of(service, token),
        "TOKEN": token,
        "JOHN_ID": service.get("/api/v1/auth/me", token).json()["user_id"],
        "SECRET": SECRET,
    }
    walk(service, "access.md", known, only="/roles -H")
    walk(service, "access.md", known, only="/access/v1/evaluation")


def test_metrics(services: Services, settings: dict[str, str]) -> None:
    # beside the service that the guide starts
    port = free_port()
    here = {"ENABLE_METRICS": "true", "WORKERS": "2", "AUTH_METRICS_PORT": str(port)}
    service = services(settings | here).start()
    password = {"password": "correct horse battery staple"}
    assert 201 == service.post("register", {"username": "jane", **password}).status_code
    answer = service.post("login", {"username": "jane", **password})
    assert 401 == service.post("login", {"username": "jane", "password": "no"}).status_code
    service.checks(answer.json()["access_token"])
    service.get("/")
    walk(service, "metrics.md", {}, only="curl", instead={"127.0.0.1:9464": f"127.0.0.1:{port}"})
