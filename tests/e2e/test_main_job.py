"""From one command to a working service: what it promises, and what is still there later."""

import json
import shutil
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

import migrations
from tests.e2e.conftest import Estate
from tests.e2e.running import (
    ANSWER_SECONDS,
    Service,
    Services,
    environment,
    eventually,
    fm_auth,
    new_name,
    processes_of,
)


def banner_commands(service: Service) -> list[str]:
    """The shell commands that the service prints when it is ready."""
    text = eventually(lambda: service.output.partition("Try it:\n")[2].partition("API ref")[0])
    commands = text.partition("Mail that")[0].strip().replace("\\\n", " ").splitlines()
    return [command.strip() for command in commands]


def shell(command: str) -> dict[str, object]:
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        env=environment(),
        timeout=ANSWER_SECONDS,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_three_curl_calls_that_are_printed_work_and_logging_out_ends_them(
    house: Service,
) -> None:
    register, log_in, me = banner_commands(house)

    registered = shell(register)
    token = shell(log_in)["access_token"]
    read = shell(me.replace("<access_token>", str(token)))

    assert "john.doe" == registered["user"]["username"]  # type: ignore[index]
    assert ("john.doe", "john.doe@example.com", "John Doe") == tuple(
        read[name] for name in ("username", "email", "display_name")
    )
    out = shell(
        f"curl -s -X POST {house.url}/api/v1/auth/logout -H 'Authorization: Bearer {token}'"
    )
    assert out["revoked"] is True
    refused = shell(me.replace("<access_token>", str(token)))
    assert (401, "invalid_token") == (refused["status"], refused["code"])


def test_the_banner_names_the_url_the_mode_the_data_and_the_docs(house: Service) -> None:
    banner_commands(house)

    assert f"is ready on {house.url} (development)" in house.output
    assert "PostgreSQL and Valkey in .data/" in house.output
    assert f"{house.url}/docs" in house.output
    assert "Stop with Ctrl-C" in house.output


def test_the_banner_comes_although_the_shell_names_a_proxy(services: Services) -> None:
    # nobody answers there, as for a proxy that does not know our loopback
    service = services({"http_proxy": "http://127.0.0.1:1"}).start()

    assert 3 == len(banner_commands(service))


def test_the_documentation_is_served_by_the_service_itself(house: Service) -> None:
    assert 200 == house.get("/openapi.json").status_code
    page = house.get("/docs")
    assert 200 == page.status_code
    assert "https://" not in page.text
    assert {"healthy"} == {
        house.get(path).json()["status"] for path in ("/health", "/api/v1/auth/health")
    }


def test_the_data_folder_and_the_master_key_are_for_their_owner_only(house: Service) -> None:
    data = house.folder / ".data"

    assert "0o700" == oct(stat.S_IMODE(data.stat().st_mode))
    assert "0o600" == oct(stat.S_IMODE((data / "master.key").stat().st_mode))
    open_to_others = [
        path for path in data.iterdir() if path.is_file() and path.stat().st_mode & 0o077
    ]
    assert [] == open_to_others


def test_no_server_of_the_embedded_run_listens_on_a_network(house: Service) -> None:
    inodes = set()
    for pid in processes_of(house.folder):
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):  # closed while we look
                name = str(link.readlink())
                if name.startswith("socket:["):
                    inodes.add(name[8:-1])
    listening = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    ports = {int(row[1].rpartition(":")[2], 16) for row in listening if row[9] in inodes}

    assert {house.port} == ports


@pytest.mark.sec("SEC-33", "SEC-29")
def test_users_sessions_and_keys_survive_a_restart_and_so_does_a_logout(
    estate: Estate, services: Services
) -> None:
    service = services().start()

    assert estate.kid == service.kid()
    assert 200 == service.check(estate.alive)
    assert 401 == service.check(estate.ended)
    assert 200 == service.check(service.log_in("john.doe"))
    assert 409 == service.post("dev-register", {"username": "john.doe"}).status_code


def test_it_runs_from_another_working_directory_on_a_named_data_folder(
    estate: Estate, services: Services, tmp_path: Path
) -> None:
    service = services({"AUTH_DATA_DIR": str(estate.data)}, cwd=tmp_path).start()

    assert 200 == service.check(estate.alive)
    assert [] == list(tmp_path.iterdir())


def test_a_second_run_on_the_same_data_is_told_who_uses_it_and_disturbs_nothing(
    house: Service, services: Services
) -> None:
    status, text = services({"AUTH_DATA_DIR": str(house.folder / ".data")}).refusal()

    assert 78 == status
    assert f"is in use by process {house.pid}" in text
    assert "Traceback" not in text
    assert 1 == len(text.splitlines())
    house.until("ready")


def test_accounts_are_made_and_listed_beside_a_running_service(house: Service) -> None:
    name = new_name()
    settings = {"AUTH_DATA_DIR": str(house.folder / ".data")}

    created = fm_auth("user", "create", name, settings=settings)
    again = fm_auth("user", "create", name, settings=settings)
    listed = fm_auth("user", "list", settings=settings)

    assert (0, "") == (created.returncode, created.stderr)
    assert (1, "Error: This user name is taken. Choose another one.\n") == (
        again.returncode,
        again.stderr,
    )
    assert 0 == listed.returncode, listed.stderr
    assert name in listed.stdout
    assert 200 == house.check(house.log_in(name))
    house.until("ready")


def test_migrating_beside_a_running_service_finds_nothing_to_do(house: Service) -> None:
    migrated = fm_auth("migrate", settings={"AUTH_DATA_DIR": str(house.folder / ".data")})

    assert (0, f"The schema is at revision {migrations.HEAD}.\n") == (
        migrated.returncode,
        migrated.stdout,
    )
    house.until("ready")


def test_it_serves_on_ipv6_and_prints_a_url_that_can_be_called(services: Services) -> None:
    service = services({"HOST": "::1"})
    service.url = f"http://[::1]:{service.port}"
    service.start()

    (register, *_) = banner_commands(service)

    assert f"{service.url}/api/v1/auth/dev-register" in register
