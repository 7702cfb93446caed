"""`kill -9` of the worker of a whole service, with mailed secrets half-way to their use."""

import os
from concurrent.futures import ThreadPoolExecutor
from signal import SIGKILL

import asyncpg
import httpx
import pytest

from tests.e2e.running import Service, Services, eventually, new_name, sql

PASSWORD, NEW_PASSWORD = "nine lanterns over a harbour", "an altogether different sentence"
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
          AND wait_event_type = 'Lock'
"""


@pytest.mark.sec("SEC-16", "SEC-33")
async def test_a_worker_that_is_killed_amid_flows_leaves_every_link_working_once(
    settings: dict[str, str], services: Services
) -> None:
    service = services(settings).start()
    url = settings["DATABASE_OWNER_URL"]
    owner = await asyncpg.connect(url)
    names = [new_name() for _ in range(3)]
    flows = begun(service, names)

    held = owner.transaction()
    await held.start()
    await owner.execute("SELECT FROM users WHERE username = ANY($1) FOR UPDATE", names)
    threads = ThreadPoolExecutor(len(flows))
    asking = [threads.submit(post, service.url, *flow) for flow in flows.items()]
    eventually(lambda: sql(url, WAITING) == [(len(flows),)])
    (worker,) = service.workers.pids()
    os.kill(worker, SIGKILL)
    assert [None] * len(flows) == [each.result() for each in asking]
    threads.shutdown()
    await held.rollback()
    eventually(lambda: service.workers.pids() not in (set(), {worker}))
    service.ask_each("/health")

    assert (True, False) == (
        opens(service, names[0], PASSWORD),
        opens(service, names[0], NEW_PASSWORD),
    )
    for path, body in flows.items():
        assert [200, 400] == [post(service.url, path, body) for _ in range(2)], path
    assert (False, True) == (
        opens(service, names[0], PASSWORD),
        opens(service, names[0], NEW_PASSWORD),
    )
    rows = await owner.fetch(
        "SELECT username, email, email_verified FROM users WHERE username = ANY($1)", names
    )
    assert {
        (names[0], f"{names[0]}@example.com", False),
        (names[1], f"{names[1]}@example.com", True),
        (names[2], f"new-{names[2]}@example.com", True),
    } == {tuple(row) for row in rows}
    await owner.close()


def begun(service: Service, names: list[str]) -> dict[str, dict[str, str]]:
    """What takes the link of each flow: a reset, the proof of an address, another address."""
    tokens = []
    for name in names:
        body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        answer = service.post("register", body)
        assert 201 == answer.status_code, answer.text
        tokens.append(answer.json()["access_token"])
    reset, verify, change = (f"{name}@example.com" for name in names)
    new = f"new-{change}"
    for path, body, token in (
        ("forgot-password", {"email": reset}, ""),
        ("verify-email/resend", {"email": verify}, ""),
        ("me/email", {"new_email": new, "password": PASSWORD}, tokens[2]),
    ):
        assert 202 == service.post(path, body, token).status_code
    return {
        "reset-password": {
            "token": mailed(service, "reset_password", reset),
            "new_password": NEW_PASSWORD,
        },
        "verify-email": {"token": mailed(service, "verify_email", verify)},
        "me/email/confirm": {"token": mailed(service, "change_email", new)},
    }


def mailed(service: Service, template: str, address: str) -> str:
    """The token in the newest such letter to this address."""
    listed = service.client.get("/dev/mail", headers={"Accept": "application/json"}).json()
    link = next(
        item["link"]
        for item in listed["items"]
        if (item["to"], item["template"]) == (address, template)
    )
    return str(httpx.URL(link).params["token"])


def post(url: str, path: str, body: dict[str, str]) -> int | None:
    """The status of the answer, or None if none came."""
    try:
        answer = httpx.post(f"{url}/api/v1/auth/{path}", json=body, timeout=60, trust_env=False)
    except httpx.TransportError:
        return None
    return answer.status_code


def opens(service: Service, name: str, password: str) -> bool:
    status = service.post("login", {"username": name, "password": password}).status_code
    assert status in {200, 401}
    return status == 200
