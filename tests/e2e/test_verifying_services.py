"""Other services that verify our tokens themselves, against the real service."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from auth_core.kernel import InvalidToken, Secret, Unavailable
from auth_core.tokens.verify import HttpIssuer, SyncTokenVerifier
from tests.e2e.conftest import deployment
from tests.e2e.running import (
    ANSWER_SECONDS,
    END_SECONDS,
    ROOT,
    START_SECONDS,
    Service,
    Services,
    environment,
    eventually,
    free_port,
    services_in,
)

SECRET = "the secret of the orders service"
CLIENTS = [
    {
        "client_id": "orders",
        "client_secret": SECRET,
        "allow": ["revocations", "introspect"],
    }
]
EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture(scope="module")
def issuer(their_servers, new_database) -> Iterator[Service]:
    """The service, two workers, with a registered verifier."""
    settings = deployment(their_servers, new_database()) | {
        "WORKERS": "2",
        "AUTH_PERMISSIONS_CLAIM_BYTES": "2048",
        "AUTH_CLIENTS": json.dumps(CLIENTS),
    }
    with services_in(_folder()) as services:
        yield services(settings).start()


def _folder() -> Path:
    import tempfile

    return Path(tempfile.mkdtemp(prefix="fm-e2e-"))


def verifier_of(issuer: Service, **options) -> SyncTokenVerifier:
    source = HttpIssuer(issuer.url, client_id="orders", client_secret=Secret(SECRET))
    return SyncTokenVerifier(
        issuer="https://auth.faultmaven.ai",
        audience="faultmaven-api",
        keys=source,
        revocations=source,
        **options,
    )


def refused(verifier: SyncTokenVerifier, token: str) -> bool:
    try:
        verifier.verify(token)
    except InvalidToken:
        return True
    return False


@pytest.mark.sec("SEC-29")
def test_a_logout_reaches_a_verifier_by_itself(issuer: Service) -> None:
    name, token = issuer.register()
    other = issuer.log_in(name)
    with verifier_of(issuer) as verifier:
        eventually(lambda: verifier.ready)
        assert name == verifier.verify(token).username == verifier.verify(other).username
        began = time.monotonic()

        issuer.log_out(token)

        eventually(lambda: refused(verifier, token))
        # milliseconds, on a machine that is not busy; until the token is over, if not by itself
        assert time.monotonic() - began < 40
        assert name == verifier.verify(other).username


def test_a_verifier_that_starts_later_knows_what_was_revoked_before(issuer: Service) -> None:
    _, token = issuer.register()
    issuer.log_out(token)

    with verifier_of(issuer) as verifier:
        eventually(lambda: verifier.ready)
        assert refused(verifier, token)


@pytest.mark.sec("SEC-72")
def test_a_verifier_without_its_issuer_fails_closed_and_recovers(
    external, settings: dict[str, str], services: Services
) -> None:
    service = services(settings | {"AUTH_CLIENTS": json.dumps(CLIENTS)}).start()
    _, token = service.register()
    with verifier_of(service, staleness=4.0) as verifier:
        eventually(lambda: verifier.ready)
        assert verifier.verify(token)

        service.end()

        eventually(lambda: not verifier.ready)
        with pytest.raises(Unavailable):
            verifier.verify(token)
        service.start()
        eventually(lambda: verifier.ready)
        assert verifier.verify(token)


@contextmanager
def serving(issuer: Service, example: str) -> Iterator[httpx.Client]:
    """An example of the documentation beside the service, once it is ready."""
    port = free_port()
    settings = {
        "AUTH_URL": issuer.url,
        "AUTH_CLIENT_ID": "orders",
        "AUTH_CLIENT_SECRET": SECRET,
        "PYTHONPATH": os.pathsep.join([str(EXAMPLES), str(ROOT)]),
    }
    command = (
        f"from granian import Granian; Granian('{example}:app', port={port},"
        " interface='asgi', log_enabled=False).serve()"
    )
    url = f"http://127.0.0.1:{port}"
    served = subprocess.Popen([sys.executable, "-c", command], env=environment(settings))
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=ANSWER_SECONDS) as client:

            def ready() -> bool:
                try:
                    return bool(client.get("/health").json()["ready"])
                except httpx.TransportError:
                    return False

            eventually(ready, seconds=START_SECONDS)
            yield client
    finally:
        served.terminate()
        served.wait(END_SECONDS)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("example", ["litestar_service", "fastapi_service"])
def test_the_examples_of_the_documentation_work(issuer: Service, example: str) -> None:
    name, token = issuer.register()
    with serving(issuer, example) as client:
        answer = client.get("/orders", headers=bearer(token))
        assert (200, {"of": name}) == (answer.status_code, answer.json())
        anonymous = client.get("/orders")
        assert (401, "authentication_required") == (
            anonymous.status_code,
            anonymous.json()["code"],
        )
        issuer.log_out(token)
        eventually(lambda: client.get("/orders", headers=bearer(token)).status_code == 401)


@pytest.mark.sec("SEC-55")
def test_the_example_with_guards_lets_through_whom_the_token_permits(issuer: Service) -> None:
    name, on_platform = issuer.register()
    made = issuer.client.post(
        "/api/v1/organizations",
        json={"name": "Acme", "slug": f"acme-{uuid4().hex[:12]}"},
        headers=bearer(on_platform),
    )
    assert 201 == made.status_code, made.text
    acme = made.json()["organization"]["organization_id"]
    in_acme = issuer.log_in(name)  # the only organization there is becomes the active one

    with serving(issuer, "guarded_litestar_service") as client:

        def status(path: str, token: str) -> int:
            return client.get(path, headers=bearer(token)).status_code

        assert 401 == client.get("/people").status_code
        assert (200, 404) == (
            status("/people", on_platform),
            status(f"/organizations/{acme}/cases", on_platform),
        )
        assert (403, 200, 404) == (
            status("/people", in_acme),
            status(f"/organizations/{acme}/cases", in_acme),
            status(f"/organizations/{uuid4()}/cases", in_acme),
        )
