"""`fm-auth audit …` on a service that runs."""

import hashlib
import json
import time

import pytest

from tests.e2e.running import Service, fm_auth, new_name, sql

_PATIENCE_SECONDS = 60
_LATE = ("hash", "detail", "detail_salt")


def _sealed(deployed: Service, user_id: str) -> list[dict[str, object]]:
    """What an export tells of a person, once the worker has sealed it."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        done = fm_auth("audit", "export", "--user", user_id, settings=deployed._settings)
        assert (0, "") == (done.returncode, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if lines and all(line["position"] for line in lines):
            return lines
        assert time.monotonic() < deadline


def _change(url: str, line: dict[str, object], reason: str) -> None:
    """As whoever owns the tables can, whom no trigger stops."""
    sql(url, "ALTER TABLE audit_records DISABLE TRIGGER audit_records_guard")
    sql(url, f"UPDATE audit_records SET reason = '{reason}' WHERE id = '{line['id']}'")
    sql(url, "ALTER TABLE audit_records ENABLE TRIGGER audit_records_guard")


@pytest.mark.sec("SEC-66")
def test_an_export_can_be_checked_without_the_service_and_tampering_is_named(
    deployed: Service,
) -> None:
    url = deployed._settings["DATABASE_OWNER_URL"]
    made = fm_auth("user", "create", new_name(), "--json", settings=deployed._settings)
    user_id = json.loads(made.stdout)["user_id"]

    line = _sealed(deployed, user_id)[-1]

    assert ("user:created", "success") == (line["action"], line["result"])
    covered = {name: value for name, value in line.items() if name not in _LATE}
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert line["hash"] == hashlib.sha256(text.encode()).hexdigest()
    salted = f"{line['detail_salt']}{line['detail']}"
    assert line["detail_digest"] == hashlib.sha256(salted.encode()).hexdigest()

    whole = fm_auth("audit", "verify", settings=deployed._settings)
    assert (0, "") == (whole.returncode, whole.stderr)
    assert whole.stdout.startswith("platform")
    assert "TAMPERED" not in whole.stdout

    _change(url, line, "forged")
    try:
        found = fm_auth("audit", "verify", settings=deployed._settings)
    finally:
        _change(url, line, str(line["reason"]))
    assert (1, "") == (found.returncode, found.stderr)
    assert f"  changed  position {line['position']}  record {line['id']}\n" in found.stdout
