"""Accounts in and out by the command line: whole, line by line, and on after a crash."""

import json
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.e2e.running import FM_AUTH, Service, environment, eventually, fm_auth, new_name, sql
from tests.service_role import as_service

BCRYPT = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"
DJANGO = "pbkdf2_sha256$10000$kjVJaVz6qsnJ$5yPHw3rwJGECpUf70daLGhOrQ5+AMxIJdz1c3bqK1Rs="
Settings = dict[str, str]


def lines_of(*records: dict[str, object]) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


def accounts(settings: Settings) -> list[tuple[str, str | None]]:
    rows = sql(
        settings["DATABASE_OWNER_URL"],
        "SELECT username, password_hash FROM users u LEFT JOIN password_credentials c"
        " ON c.user_id = u.id ORDER BY username",
    )
    return [tuple(row) for row in rows]


def exported(settings: Settings, *options: str) -> str:
    done = fm_auth("user", "export", *options, settings=settings)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


@pytest.mark.sec("SEC-09", "SEC-67")
def test_what_can_be_stored_is_and_every_other_line_is_named_with_its_reason(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "users.jsonl"
    costly = BCRYPT.replace("$04$", "$31$")
    file.write_text(
        lines_of({"username": "alice", "password_hash": BCRYPT}, {"username": "Bob"})
        + "rubbish\n\n"
        + lines_of(
            {"username": "carol", "password_hash": costly},
            {"username": "dave", "password_hash": "canary"},
            {"username": "ALICE"},
            {"username": "erin", "email": "bob@dev.faultmaven.local"},
            {"username": "frank", "is_admin": True},
            {"username": "grace", "created_at": "canary"},
            {"username": "x"},
            {"username": "heidi", "password_hash": DJANGO, "roles": ["admin"]},
        )
    )

    done = fm_auth("user", "import", str(file), settings=settings)

    reported = [line.split("\t")[:2] for line in done.stdout.splitlines()]
    assert [
        ["3", "malformed"],
        ["5", "too_costly"],
        ["6", "unknown_format"],
        ["7", "username_taken"],
        ["8", "reserved"],
        ["9", "malformed"],
        ["10", "malformed"],
        ["11", "too_short"],
    ] == reported
    assert (1, "3 imported, 8 refused\n") == (done.returncode, done.stderr)
    assert "canary" not in done.stdout
    assert "$2b$" not in done.stdout
    assert [("alice", BCRYPT), ("bob", None), ("heidi", DJANGO)] == accounts(settings)
    events = sql(settings["DATABASE_OWNER_URL"], "SELECT type FROM outbox")
    assert 3 == len(events)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_gives_everything_back(
    settings: Settings, new_database: object, tmp_path: Path, form: str
) -> None:
    source = tmp_path / "users.jsonl"
    source.write_text(
        lines_of(
            {
                "username": "alice",
                "user_id": "01a20a9c-27fe-73d1-8481-47f172a4ac7a",
                "email": "alice@example.com",
                "email_verified": True,
                "display_name": 'Alice "Ally", née Ó',
                "status": "disabled",
                "roles": ["admin", "user"],
                "is_dev_user": True,
                "organization_id": "01a20a9c-27fe-73d1-8481-47f172a4ac7b",
                "created_at": "2020-01-02T03:04:05.000006Z",
                "updated_at": "2021-01-02T03:04:05Z",
                "last_login_at": "2022-01-02T03:04:05Z",
                "password_hash": BCRYPT,
                "password_failures": 100,
                "password_last_failed_at": "2023-01-02T03:04:05Z",
                "password_disabled_at": "2023-01-02T03:04:05Z",
                "password_must_change": True,
            },
            {"username": "bob"},
        )
    )
    assert 0 == fm_auth("user", "import", str(source), settings=settings).returncode
    first = exported(settings)
    file = tmp_path / f"out.{form}"
    assert "" == exported(settings, "--format", form, "--output", str(file))
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    other = {**settings, "DATABASE_URL": as_service(new_database())}  # type: ignore[operator]

    done = fm_auth("user", "import", str(file), settings=other)

    assert (0, "2 imported, 0 refused\n") == (done.returncode, done.stderr)
    assert first == exported(other)
    alice = next(json.loads(line) for line in first.splitlines() if '"alice"' in line)
    assert json.loads(source.read_text().splitlines()[0]) == alice
    again = fm_auth("user", "import", str(file), settings=other)
    assert "0 imported, 0 refused, 2 were there already\n" == again.stderr


def test_a_dry_run_reports_and_stores_nothing(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text(
        f"username,password_hash,email_verified\nalice,{BCRYPT},true\nalice,,\nbob,x,\n"
    )

    done = fm_auth("user", "import", str(file), "--dry-run", settings=settings)

    assert (1, "1 would be imported, 2 refused\n") == (done.returncode, done.stderr)
    assert ["3", "4"] == [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert [] == accounts(settings)


def test_an_import_that_was_killed_goes_on_where_it_was(settings: Settings, tmp_path: Path) -> None:
    """Also when the batch before the crash was stored and not yet noted."""
    total = 6000
    file, state = tmp_path / "users.jsonl", tmp_path / "state.json"
    file.write_text(
        "".join(lines_of({"username": f"user-{n}", "password_hash": BCRYPT}) for n in range(total))
    )
    command = (FM_AUTH, "user", "import", str(file), "--resume", str(state))
    process = subprocess.Popen(command, env=environment(settings), stderr=subprocess.DEVNULL)
    eventually(lambda: state.exists() and json.loads(state.read_bytes())["lines_done"])
    process.send_signal(signal.SIGKILL)
    process.wait()
    noted = json.loads(state.read_bytes())
    state.write_text(json.dumps({**noted, "lines_done": max(0, noted["lines_done"] - 1000)}))

    done = fm_auth(*command[1:], settings=settings)

    assert (0, "") == (done.returncode, done.stdout)
    assert "1000 were there already" in done.stderr or "2000 were there already" in done.stderr
    assert total == len(accounts(settings))
    assert total == sql(settings["DATABASE_OWNER_URL"], "SELECT count(*) FROM outbox")[0][0]
    finished = fm_auth(*command[1:], settings=settings)
    assert (0, "0 imported, 0 refused\n") == (finished.returncode, finished.stderr)


def test_a_state_of_another_file_is_refused(settings: Settings, tmp_path: Path) -> None:
    first, second, state = (tmp_path / name for name in ("a.jsonl", "b.jsonl", "state"))
    first.write_text(lines_of({"username": "alice"}))
    second.write_text(lines_of({"username": "bob"}))
    arguments = ("--resume", str(state))
    assert 0 == fm_auth("user", "import", str(first), *arguments, settings=settings).returncode

    done = fm_auth("user", "import", str(second), *arguments, settings=settings)

    assert 78 == done.returncode
    assert "another file" in done.stderr
    assert [("alice", None)] == accounts(settings)


def test_an_export_overwrites_nothing(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text("precious")

    done = fm_auth("user", "export", "--output", str(file), settings=settings)

    assert (1, "precious") == (done.returncode, file.read_text())
    assert f"Error: Could not open file '{file}': File exists\n" == done.stderr


def test_a_line_beyond_all_measure_is_refused_and_the_next_one_is_taken(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "users.jsonl"
    file.write_text(
        lines_of({"username": "alice", "display_name": "x" * 1_000_000}, {"username": "bob"})
    )

    done = fm_auth("user", "import", str(file), settings=settings)

    assert "1\tmalformed\tthe line cannot be read\n" == done.stdout
    assert [("bob", None)] == accounts(settings)


@pytest.mark.sec("SEC-11")
def test_an_operator_unlocks_a_disabled_password(deployed: Service) -> None:
    name, password = new_name(), "correct-horse-battery"
    assert 201 == deployed.post("register", {"username": name, "password": password}).status_code
    user = "(SELECT id FROM users WHERE username = $1)"
    sql(
        deployed._settings["DATABASE_OWNER_URL"],
        "UPDATE password_credentials SET consecutive_failures = 100, disabled_at = now(),"
        f" last_failed_at = now() WHERE user_id = {user}",
        name,
    )
    login = {"username": name, "password": password}
    assert 401 == deployed.post("login", login).status_code

    unlocked = fm_auth("user", "unlock", name, settings=deployed._settings)
    again = fm_auth("user", "unlock", f"{name}@dev.faultmaven.local", settings=deployed._settings)
    unknown = fm_auth("user", "unlock", new_name(), settings=deployed._settings)

    assert f"{name} is unlocked.\n" == unlocked.stdout
    assert f"{name} was not locked.\n" == again.stdout
    assert (1, "Error: There is no such user.\n") == (unknown.returncode, unknown.stderr)
    assert 200 == deployed.post("login", login).status_code


@pytest.mark.sec("SEC-01")
def test_an_operator_puts_an_end_to_imported_hashes(settings: Settings, tmp_path: Path) -> None:
    name, other = new_name(), new_name()
    file = tmp_path / "users.jsonl"
    file.write_text(lines_of({"username": name, "password_hash": BCRYPT}, {"username": other}))
    assert 0 == fm_auth("user", "import", str(file), settings=settings).returncode

    listed = fm_auth("user", "outdated-hashes", settings=settings)
    refused = fm_auth("user", "outdated-hashes", "--retire", settings=settings, stdin="n\n")
    retired = fm_auth("user", "outdated-hashes", "--retire", "--yes", settings=settings)
    left = fm_auth("user", "outdated-hashes", settings=settings)

    assert [name] == [line.split("  ")[1] for line in listed.stdout.splitlines()]
    assert "1 outdated\n" == listed.stderr
    assert (1, listed.stdout) == (refused.returncode, refused.stdout)
    assert (0, "1 outdated\nThey are retired.\n") == (retired.returncode, retired.stderr)
    assert ("", "0 outdated\n") == (left.stdout, left.stderr)
