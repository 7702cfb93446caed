"""The API does what its own description says: schemathesis calls every operation, with all checks.

Its examples, and the edges of every parameter and body, allowed and forbidden values, with and
without credentials: the same calls in every run. `make fuzz` adds random bodies and chains of calls
that the answers make possible. What is explained stands in `tests/contract/openapi`;
anything else that it finds fails this test.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.running import BIN, ROOT, environment, services_in

FOLDER = Path(ROOT) / "tests" / "contract" / "openapi"
CLIENT = {
    "client_id": "schemathesis",
    "client_secret": "a-secret-of-at-least-32-characters",
    "allow": ["introspect", "revoke", "revocations"],
}
NEVER_ENDS = "/api/v1/auth/revocations/stream"
SETTINGS = {
    "LOG_LEVEL": "warning",
    # the webhook that the calls are about leads to a closed port of this machine
    "AUTH_WEBHOOK_ALLOW_PRIVATE": "true",
    "AUTH_CLIENTS": json.dumps([CLIENT]),
}
EVERY_RUN = ("--phases", "examples,coverage", "--generation-deterministic", "--max-examples", "2")
EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
# no schema says what is printable, so some random text that fits it is refused
FUZZ = ("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", EXAMPLES or "50")
FUZZ += ("--exclude-checks", "positive_data_acceptance")


@pytest.mark.timeout(3600)
@pytest.mark.sec("SEC-54", "SEC-69")
def test_every_operation_does_what_its_description_says(tmp_path: Path) -> None:
    with services_in(tmp_path / "service") as services:
        services.folder.mkdir()
        service = services(SETTINGS).start()
        said = subprocess.run(
            [
                *(str(BIN / "st"), "--config-file", str(FOLDER / "schemathesis.toml"), "run"),
                *(f"{service.url}/openapi.json", *(FUZZ if EXAMPLES else EVERY_RUN)),
                *("--workers", "2", "--no-color", "--exclude-path", NEVER_ENDS),
            ],
            cwd=tmp_path,
            env=environment(
                {
                    "FM_AUTH_URL": service.url,
                    "FM_AUTH_CALLER": f"{CLIENT['client_id']}:{CLIENT['client_secret']}",
                    "PYTHONPATH": str(ROOT),
                    "SCHEMATHESIS_HOOKS": "tests.contract.openapi.hooks",
                    # of its own dependencies
                    "PYTHONWARNINGS": "ignore",
                }
            ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    assert 0 == said.returncode, said.stdout[-20_000:] + said.stderr[-2_000:]
    described = json.loads((Path(ROOT) / "docs/reference/openapi.json").read_text())["paths"]
    count = sum(len(operations) for path, operations in described.items() if path != NEVER_ENDS)
    assert f"Tested: {count}" in said.stdout
