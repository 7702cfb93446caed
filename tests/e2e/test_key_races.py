"""Real processes that rotate the keys of one deployment at once."""

import subprocess

import pytest

from tests.e2e.running import (
    FM_AUTH,
    START_SECONDS,
    Services,
    environment,
    eventually,
    fm_auth,
    sql,
)

COMMANDS = (("key", "rotate"), ("worker", "--once")) * 3
COUNT = (
    "SELECT count(*) FILTER (WHERE status = 'active'), count(*) FILTER (WHERE status = 'next'),"
    " count(*) FILTER (WHERE status = 'retired') FROM signing_keys WHERE use = 'access'"
)


def at_once(settings: dict[str, str]) -> None:
    """Start all commands before waiting for any."""
    running = [
        subprocess.Popen(
            [FM_AUTH, *command],
            env=environment(settings),
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for command in COMMANDS
    ]
    for process in running:
        _, errors = process.communicate(timeout=START_SECONDS)
        assert 0 == process.returncode, errors.decode()


@pytest.mark.sec("SEC-45")
def test_processes_that_rotate_at_once_rotate_once(
    settings: dict[str, str], services: Services
) -> None:
    url = settings["DATABASE_OWNER_URL"]
    service = services({**settings, "WORKERS": "2"}).start()
    before = service.kid()

    at_once(settings)
    assert [(1, 1, 0)] == [tuple(row) for row in sql(url, COUNT)]
    # as if it had been published an hour ago: now it is due, for everybody at the same time
    sql(
        url,
        "UPDATE signing_keys SET activates_at = now() - interval '1 hour' WHERE status = 'next'",
    )
    at_once(settings)

    [(active, upcoming, retired)] = sql(url, COUNT)
    assert (1, 1) == (active, retired)
    assert upcoming <= 1  # a command that came after the rotation has begun the next one
    rotated = "SELECT payload->>'previous_kid' FROM outbox WHERE type = 'key.rotated'"
    assert [(before,)] == [tuple(row) for row in sql(url, rotated)]
    assert 0 == fm_auth("key", "list", settings=settings).returncode
    # each worker reads the keys anew within seconds
    assert eventually(lambda: before != service.kid())
