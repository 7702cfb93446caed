"""The command line: fast, plain messages, no secrets."""

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Estate
from tests.e2e.running import (
    ANSWER_SECONDS,
    FM_AUTH,
    Service,
    Services,
    environment,
    eventually,
    fm_auth,
    free_port,
    new_name,
    sql,
)
from tests.measuring import quickest

COMMANDS = [
    (),
    ("serve",),
    ("migrate",),
    ("config",),
    ("config", "check"),
    ("config", "show"),
    ("user",),
    *(("user", name) for name in ("create", "list", "search", "show", "disable", "enable")),
    *(("user", name) for name in ("delete", "promote", "demote", "force-reset", "end-sessions")),
    *(("user", name) for name in ("export-data", "erase", "unlock", "import", "export", "invite")),
    ("key",),
    *(("key", name) for name in ("list", "rotate", "revoke", "export-public", "rewrap")),
    ("audit",),
    *(("audit", name) for name in ("verify", "export")),
    ("mail",),
    *(("mail", name) for name in ("list", "show", "retry", "test")),
    ("webhook",),
    *(("webhook", name) for name in ("list", "create", "enable", "disable", "delete", "test")),
    *(("webhook", name) for name in ("rotate-secret", "deliveries", "redeliver")),
    ("version",),
]
HEAVY = {
    *("litestar", "advanced_alchemy", "asyncpg", "redis", "joserfc", "structlog", "sqlalchemy"),
    *("granian", "alembic", "cryptography", "argon2", "jinja2", "aiosmtplib"),
}
PASSWORD = "correct-horse-battery"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_fast_and_loads_nothing_heavy(command: tuple[str, ...]) -> None:
    code = (
        "import sys; from app.cli import cli\n"
        "try: cli(sys.argv[1:], prog_name='fm-auth')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print('modules:', *sys.modules)\n"
        "import resource\n"
        "spent = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print('used:', spent.ru_utime + spent.ru_stime)"
    )
    said = ""

    def processor_seconds() -> float:
        nonlocal said
        done = subprocess.run(
            [sys.executable, "-c", code, *command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env=environment(),
            cwd="/",
            timeout=ANSWER_SECONDS,
        )
        said, _, used = done.stdout.rpartition("used:")
        return float(used)

    assert 0.5 > quickest(processor_seconds, bound=0.5)
    text, _, modules = said.partition("modules:")
    assert text.startswith("Usage: fm-auth")
    assert set() == HEAVY & {name.partition(".")[0] for name in modules.split()}


def test_help_names_every_command() -> None:
    done = fm_auth("--help")

    assert (0, "") == (done.returncode, done.stderr)
    for command in COMMANDS[1:]:
        assert re.search(rf"^  {command[0]} ", done.stdout, re.MULTILINE)


def test_version_is_told() -> None:
    done = fm_auth("version")

    assert 0 == done.returncode
    assert re.fullmatch(r"fm-auth-service \d+\.\d+\.\d+\n", done.stdout)


def test_an_unknown_command_is_an_error_of_usage() -> None:
    done = fm_auth("server")

    assert 2 == done.returncode
    assert "No such command 'server'" in done.stderr


def test_config_check_passes_without_any_setting_and_starts_nothing(services: Services) -> None:
    done = fm_auth("config", "check", cwd=services.folder)

    assert (0, "The settings are valid.\n", "") == (done.returncode, done.stdout, done.stderr)
    assert [] == list(services.folder.iterdir())


def test_config_check_names_every_problem_in_a_line_of_its_own() -> None:
    done = fm_auth(
        "config",
        "check",
        settings={
            "PORT": "80000",
            "ENVIRONMENT": "prod",
            "AUTH_MASTERKEY": "sesame-open-yourself",
            "AUTH_MASTER_KEY": "sesame-open-yourself",
            "DATABASE_URL": "sqlite:///auth.db",
        },
    )

    assert (78, "") == (done.returncode, done.stdout)
    lines = done.stderr.removeprefix("Error: ").splitlines()
    assert any("PORT='80000' is out of range; allowed: " in line for line in lines)
    assert any("development | staging | production" in line for line in lines)
    assert "AUTH_MASTERKEY" in done.stderr
    assert "the nearest is AUTH_MASTER_KEY" in done.stderr
    assert any(line.startswith("DATABASE_URL") and "SQLite" in line for line in lines)
    assert "sesame" not in done.stderr
    assert "Traceback" not in done.stderr
    assert 6 == len(lines)


def test_every_command_refuses_bad_settings_alike() -> None:
    for command in (("serve",), ("migrate",), ("user", "list"), ("config", "show")):
        done = fm_auth(*command, settings={"AUTH_DATADIR": "x"})

        assert (78, "") == (done.returncode, done.stdout)
        assert (
            "Error: 'AUTH_DATADIR' is not a setting; the nearest is AUTH_DATA_DIR\n" == done.stderr
        )


def test_config_show_masks_secrets_and_says_where_values_come_from(services: Services) -> None:
    file = services.folder / "key"
    file.write_text("ab" * 16 + "cd" * 16)
    done = fm_auth(
        "config",
        "show",
        settings={
            "DATABASE_URL": "postgresql://me:pa55word@db.internal/auth",
            "REDIS_HOST": "cache.internal",
            "REDIS_PASSWORD": "pa55word",
            "AUTH_MASTER_KEY_FILE": str(file),
            "DASHBOARD_USERNAME": "boss",
            "DASHBOARD_PASSWORD": "pa55word-too",
        },
    )

    assert 0 == done.returncode
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
    assert "pa55word" not in done.stdout
    assert file.read_text() not in done.stdout
    assert "postgresql+asyncpg://***@db.internal/auth  (env)" == rows["DATABASE_URL"]
    assert "***  (file)" == rows["AUTH_MASTER_KEY"]
    assert "8000  (default)" == rows["PORT"]
    assert "boss  (env)" == rows["DASHBOARD_USERNAME"]


def test_a_name_of_opentelemetry_is_looked_at_where_traces_are_on() -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "xray"}

    assert 0 == fm_auth("config", "check", settings=sampler).returncode
    refused = fm_auth("config", "check", settings=sampler | {"ENABLE_TRACING": "true"})
    assert 0 != refused.returncode
    assert "OTEL_TRACES_SAMPLER is not one of always_on" in refused.stderr


def test_accounts_are_made_and_listed_on_data_that_nobody_serves(estate: Estate) -> None:
    settings = {"AUTH_DATA_DIR": str(estate.data)}

    created = fm_auth("user", "create", "Jane", "--admin", settings=settings)
    listed = fm_auth("user", "list", settings=settings)

    assert (0, "") == (created.returncode, created.stderr)
    rows = [line.split("  ") for line in listed.stdout.splitlines()]
    assert [
        ["john.doe", "john.doe@example.com", "admin", "active"],
        ["jane", "jane@dev.faultmaven.local", "admin", "active"],
    ] == [row[1:] for row in rows]


def test_an_account_made_with_a_password_opens_with_it_only(
    deployed: Service, settings: dict[str, str]
) -> None:
    name = new_name()
    made = fm_auth(
        *("user", "create", name, "--email", f"{name}@example.com", "--display-name", "Näme"),
        "--password-stdin",
        settings=deployed._settings,
        stdin=f"{PASSWORD}\n",
    )

    assert (0, "") == (made.returncode, made.stderr)
    assert [name, f"{name}@example.com", "user"] == made.stdout.split()[1:]
    body = {"username": name}
    assert 401 == deployed.post("dev-login", body).status_code
    assert 401 == deployed.post("login", body | {"password": "wrong" * 5}).status_code
    assert 200 == deployed.post("login", body | {"password": PASSWORD}).status_code
    me = deployed.post("dev-login", {"email": f"{name}@example.com", "password": PASSWORD}).json()
    assert "Näme" == me["user"]["display_name"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (("jo",), "", "username: at least 3 characters"),
        (("jo\u200bhn",), "", "username: "),
        (("j\u043ehn",), "", "username: "),
        (("johnny", "--email", "nowhere"), "", "email: "),
        (("johnny", "--display-name", "x" * 101), "", "display_name: "),
        (("johnny", "--password-stdin"), "short\n", "password: at least 8 characters"),
        (("johnny", "--password-stdin"), "", "password: "),
        (("johnny", "--password-stdin"), b"\xff" * 20 + b"\n", "password: "),
        ((b"j\xffhnny",), "", "username: "),
    ],
)
def test_a_bad_account_is_refused_with_the_field_that_is_wrong(
    arguments: tuple[str | bytes, ...], stdin: str | bytes, says: str, deployed: Service
) -> None:
    texts = [os.fsdecode(argument) for argument in arguments]

    done = fm_auth("user", "create", *texts, settings=deployed._settings, stdin=stdin)

    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"Error: {says}")
    assert 1 == len(done.stderr.splitlines())


def test_a_list_can_be_cut_short_and_piped_into_head(deployed: Service) -> None:
    for _ in range(3):
        deployed.register()

    listed = fm_auth("user", "list", "--limit", "2", settings=deployed._settings)
    piped = subprocess.run(
        f"{FM_AUTH} user list | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        env=environment(deployed._settings),
        check=True,
        timeout=ANSWER_SECONDS,
    )

    assert 2 == len(listed.stdout.splitlines())
    assert (1, "") == (len(piped.stdout.splitlines()), piped.stderr)
    assert 2 == fm_auth("user", "list", "--limit", "0", settings=deployed._settings).returncode


@pytest.mark.sec("SEC-71", "SEC-29")
def test_an_operator_exports_and_erases_a_person(deployed: Service) -> None:
    name, settings = new_name(), deployed._settings
    password = {"password": "correct horse battery staple"}
    deployed.post("register", {"username": new_name(), **password})  # the last one could not go
    registered = deployed.post("register", {"username": name, **password}).json()
    token, user_id = registered["access_token"], registered["user"]["user_id"]
    assert 200 == deployed.check(token)

    exports = [
        fm_auth("user", "export-data", who, settings=settings)
        for who in (name, registered["user"]["email"].upper(), user_id)
    ]
    asked = fm_auth("user", "erase", name, settings=settings)
    still = deployed.check(token)
    done = fm_auth("user", "erase", name, "--yes", settings=settings)

    for exported in exports:
        assert (0, "") == (exported.returncode, exported.stderr)
        assert name == json.loads(exported.stdout)["records"]["users"][0]["username"]
        assert "$argon2" not in exported.stdout
    assert (1, "", 200) == (asked.returncode, asked.stdout, still)
    assert f"Erase {name} ({user_id}) for good?" in asked.stderr
    assert (0, f"{user_id} is erased.\n", "") == (done.returncode, done.stdout, done.stderr)
    assert 401 == deployed.check(token)
    for command in (("export-data", name), ("erase", user_id, "--yes"), ("erase", "?", "--yes")):
        gone = fm_auth("user", *command, settings=settings)
        assert (1, "", "Error: There is no such user.\n") == (
            gone.returncode,
            gone.stdout,
            gone.stderr,
        )


@pytest.mark.sec("SEC-71")
def test_the_worker_erases_whose_grace_is_over_and_nobody_else(deployed: Service) -> None:
    settings = deployed._settings
    due, waiting = ({"username": new_name(), "password": PASSWORD} for _ in range(2))
    for body, when in ((due, "now()"), (waiting, "now() + interval '1 hour'")):
        assert 201 == deployed.post("register", body).status_code
        sql(
            settings["DATABASE_OWNER_URL"],
            f"UPDATE users SET status = 'deleted', delete_after = {when} WHERE username = $1",
            body["username"],
        )

    done = fm_auth("worker", "--once", settings=settings)

    assert 0 == done.returncode, done.stderr
    # of these two: the database is shared with tests that delete users of their own
    left = sql(
        settings["DATABASE_OWNER_URL"],
        "SELECT username FROM users WHERE username = ANY($1)",
        [due["username"], waiting["username"]],
    )
    assert [(waiting["username"],)] == left
    again = deployed.post("register", due)
    held = deployed.post("register", waiting)
    assert (201, 409) == (again.status_code, held.status_code)


def test_without_its_database_a_command_says_so(settings: dict[str, str]) -> None:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        settings[name] = "postgresql://fm_auth@127.0.0.1:1/auth"

    for command in (("user", "list"), ("migrate",)):
        done = fm_auth(*command, settings=settings)

        assert (1, "") == (done.returncode, done.stdout)
        assert "PostgreSQL at 127.0.0.1:1/auth does not answer" in done.stderr
        assert 1 == len(done.stderr.splitlines())


def test_the_seeded_administrator_is_made_once_and_never_opens_without_the_password(
    settings: dict[str, str], services: Services
) -> None:
    seed = {"DASHBOARD_USERNAME": "Boss", "DASHBOARD_PASSWORD": PASSWORD}
    service = services({**settings, **seed, "WORKERS": "2"}).start()
    body = {"username": "boss"}

    for _ in range(2):
        assert 401 == service.post("dev-login", body).status_code
        assert 401 == service.post("login", body).status_code
        assert 409 == service.post("dev-register", body).status_code
        opened = service.post("dev-login", body | {"password": PASSWORD})
        assert 200 == opened.status_code
        assert ["admin"] == opened.json()["user"]["roles"]
        service.restart()

    names = sql(settings["DATABASE_OWNER_URL"], "SELECT username FROM users")
    assert [("boss",)] == names
    assert PASSWORD not in service.output


@pytest.mark.sec("SEC-45", "SEC-46")
def test_keys_are_listed_rotated_revoked_and_sealed_anew(
    settings: dict[str, str], services: Services
) -> None:
    service = services(settings).start()
    _, token = service.register()
    kid = service.kid()

    listed = fm_auth("key", "list", settings=settings)
    published = fm_auth("key", "rotate", settings=settings)
    exported = fm_auth("key", "export-public", settings=settings)
    revoked = fm_auth("key", "revoke", kid, settings=settings)

    assert {"access", "refresh"} == {line.split()[1] for line in listed.stdout.splitlines()}
    assert "next" == published.stdout.split()[3]
    jwks = json.loads(exported.stdout)["keys"]
    assert [kid, published.stdout.split()[0]] == [key["kid"] for key in jwks]
    assert revoked.stdout.startswith(f"{kid} is revoked.\n")
    eventually(lambda: 401 == service.check(token))
    eventually(lambda: kid != service.kid())
    assert 1 == fm_auth("key", "revoke", kid, settings=settings).returncode

    url = ("https://1.1.1.1/", "--type", "no.such_event")  # nothing is ever sent there
    assert 0 == fm_auth("webhook", "create", *url, settings=settings).returncode
    new = {**settings, "AUTH_MASTER_KEY": secrets.token_hex(32)}
    assert 78 == fm_auth("key", "rewrap", settings=new).returncode
    both = {**new, "AUTH_MASTER_KEY_PREVIOUS": settings["AUTH_MASTER_KEY"]}
    anew = fm_auth("key", "rewrap", settings=both)
    assert anew.stdout.startswith("3 keys and 0 letters are sealed anew.\n")
    assert "\n1 secrets of webhooks are sealed anew.\n" in anew.stdout
    # a chain in which the worker was sealing just then is passed over, until the next time
    eventually(
        lambda: (
            0 == fm_auth("key", "rewrap", settings=both).returncode
            and 0 == fm_auth("audit", "verify", settings=new).returncode
        )
    )
    assert (
        "0 keys and 0 letters are sealed anew.\n" == fm_auth("key", "rewrap", settings=new).stdout
    )
    _, after = service.register()
    assert 200 == service.check(after)


@pytest.mark.sec("SEC-46")
def test_a_public_key_that_was_swapped_in_the_database_is_refused_with_a_way_out(
    settings: dict[str, str], services: Services
) -> None:
    [swapped] = json.loads(fm_auth("key", "export-public", settings=settings).stdout)["keys"]
    forged = {**swapped, "n": swapped["n"][::-1]}
    sql(
        settings["DATABASE_OWNER_URL"],
        "UPDATE signing_keys SET public_jwk = $1::jsonb WHERE kid = $2",
        json.dumps(forged),
        swapped["kid"],
    )

    refused = fm_auth("key", "export-public", settings=settings)
    status, text = services(settings).refusal()

    assert (78, "") == (refused.returncode, refused.stdout)
    assert f"fm-auth key revoke {swapped['kid']}" in refused.stderr
    assert 1 == len(refused.stderr.splitlines())
    assert 0 != status
    assert f"fm-auth key revoke {swapped['kid']}" in text
    assert 0 == fm_auth("key", "revoke", swapped["kid"], settings=settings).returncode
    service = services(settings).start()
    assert swapped["kid"] != service.kid()


def test_an_invitation_is_mailed_and_names_whom_it_is_for(deployed: Service) -> None:
    email = f"{new_name()}@example.com"
    invite = {**deployed._settings, "REGISTRATION_MODE": "invite"}

    done = fm_auth("user", "invite", email, settings=invite)
    warned = fm_auth("user", "invite", email, settings=deployed._settings)
    refused = fm_auth("user", "invite", "nobody", settings=invite)

    told = f"An invitation is on its way to {email}.\n"
    assert (0, told, "") == (done.returncode, done.stdout, done.stderr)
    assert (0, told) == (warned.returncode, warned.stdout)
    assert "REGISTRATION_MODE is not invite" in warned.stderr
    assert 0 != refused.returncode
    assert "e-mail address" in refused.stderr
    listed = fm_auth("mail", "list", settings=deployed._settings)
    assert 2 == sum(
        email in line and "registration_invitation" in line for line in listed.stdout.splitlines()
    )


def test_the_doctor_says_what_is_wrong_and_exits_with_it(settings: dict[str, str]) -> None:
    well = fm_auth("doctor", settings=settings)
    assert 0 == well.returncode, well.stdout + well.stderr
    assert "PostgreSQL 18" in well.stdout

    ill = fm_auth("doctor", settings={**settings, "REDIS_URL": f"redis://127.0.0.1:{free_port()}"})
    assert 1 == ill.returncode
    assert "error    redis" in ill.stdout
    assert "Traceback" not in ill.stdout + ill.stderr

    wrong = fm_auth("doctor", settings={**settings, "PORT": "none"})
    assert 78 == wrong.returncode
    assert "PORT" in wrong.stderr


def test_the_doctor_starts_nothing_where_nothing_has_run(tmp_path: Path) -> None:
    data = tmp_path / "data"

    done = fm_auth("doctor", settings={"AUTH_DATA_DIR": str(data)})

    assert 0 == done.returncode
    assert "Nothing has run here yet" in done.stdout
    assert not data.exists()
