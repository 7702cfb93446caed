"""The running service against every committed pact."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Servers
from tests.contract.consumers.agreeing import PACTS
from tests.contract.consumers.browser_extension import EXTENSION
from tests.contract.consumers.gateway import GATEWAY
from tests.contract.provider.deployments import Deployments, deployments
from tests.contract.provider.renaming import renaming
from tests.contract.provider.verifying import Broken, verify


@pytest.fixture(scope="module")
def running(servers: Servers) -> Iterator[Deployments]:
    with deployments(servers.database_url, servers.redis_url) as running:
        yield running


@pytest.mark.parametrize("path", sorted(PACTS.iterdir()), ids=lambda path: path.stem)
def test_the_service_keeps_to_what_a_consumer_relies_on(path: Path, running: Deployments) -> None:
    pact = json.loads(path.read_text())

    agreed = sorted(interaction["description"] for interaction in pact["interactions"])
    assert agreed == verify(pact, running)


def test_a_field_under_another_name_breaks_the_pacts_that_name_it(running: Deployments) -> None:
    sign_in = EXTENSION.committed, "a sign-in without a password"
    for (path, description), field, is_missed in (
        (sign_in, "expires_at", True),
        (sign_in, "roles", True),
        ((GATEWAY.committed, "the signing keys"), "kid", True),
        (sign_in, "is_dev_user", False),  # which no client reads
    ):
        pact = json.loads(path.read_text())
        pact["interactions"] = [
            each for each in pact["interactions"] if each["description"] == description
        ]
        with renaming(running.development.url, field) as port:
            if is_missed:
                with pytest.raises(Broken, match=f"missing.*{field}|{field}.*missing"):
                    verify(pact, running, port=port)
            else:
                assert [description] == verify(pact, running, port=port)
