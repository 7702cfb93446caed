"""`fm-auth user …` on a service that runs: what the operator does holds at once."""

import json

import pytest

from tests.e2e.running import Service, Services, fm_auth, new_name, sql

PASSWORD = "correct-horse-battery"


def run(deployed: Service, *words: str, stdin: str = "") -> str:
    done = fm_auth("user", *words, settings=deployed._settings, stdin=stdin)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def refused(deployed: Service, *words: str) -> str:
    done = fm_auth("user", *words, settings=deployed._settings)
    assert (1, "") == (done.returncode, done.stdout)
    assert 1 == len(done.stderr.splitlines())
    return done.stderr


def is_signed_in(deployed: Service, token: str) -> bool:
    return {200} == deployed.checks(token, times=1)


def test_an_account_is_found_by_any_of_its_names(deployed: Service) -> None:
    name = new_name()
    made = json.loads(run(deployed, "create", name, "--admin", "--json"))

    for word in (name.upper(), made["email"], made["user_id"]):
        assert made == json.loads(run(deployed, "show", word, "--json"))
    assert made == json.loads(run(deployed, "search", name[:-1], "--role", "admin", "--json"))
    assert "" == run(deployed, "search", name, "--status", "disabled")
    assert ("admin", "active") == (made["roles"][0], made["status"])
    assert "There is no such user" in refused(deployed, "show", "nobody-has-this")


@pytest.mark.sec("SEC-29")
def test_a_disabled_account_is_out_at_once_and_comes_back(deployed: Service) -> None:
    run(deployed, "create", new_name(), "--admin")
    name = new_name()
    deployed.register(name)
    token = deployed.log_in(name)
    assert is_signed_in(deployed, token)

    assert run(deployed, "disable", name).endswith("disabled\n")
    assert not is_signed_in(deployed, token)
    assert "cannot become disabled" in refused(deployed, "disable", name)
    assert run(deployed, "enable", name).endswith("active\n")
    assert is_signed_in(deployed, deployed.log_in(name))


def test_promote_and_demote_change_roles_and_end_sessions(deployed: Service) -> None:
    run(deployed, "create", new_name(), "--admin")
    name = new_name()
    deployed.register(name)
    promoted = json.loads(run(deployed, "promote", name, "--role", "platform_admin", "--json"))
    token = deployed.log_in(name)

    demoted = json.loads(run(deployed, "demote", name, "--json"))

    assert "platform_admin" in promoted["roles"]
    assert ["user"] == demoted["roles"]
    assert not is_signed_in(deployed, token)


def test_sessions_end_and_a_reset_is_forced(deployed: Service) -> None:
    name = new_name()
    run(deployed, "create", name, "--password-stdin", stdin=f"{PASSWORD}\n")
    body = {"username": name, "password": PASSWORD}
    tokens = [deployed.post("login", body).json()["access_token"] for _ in range(2)]

    assert f"Ended 2 sessions of {name}.\n" == run(deployed, "end-sessions", name)
    assert [False, False] == [is_signed_in(deployed, token) for token in tokens]
    assert name in run(deployed, "force-reset", name)
    answer = deployed.post("login", body)
    assert (403, "password_change_required") == (answer.status_code, answer.json()["code"])


@pytest.mark.sec("SEC-29")
def test_everybody_is_signed_out(services: Services, settings: dict[str, str]) -> None:
    service = services(settings).start()
    names = [new_name() for _ in range(2)]
    tokens = [service.register(name)[1] for name in names] + [service.log_in(names[0])]
    assert [200] * 3 == [service.check(token) for token in tokens]

    for words, said in ((("--everyone", names[0]), "give a NAME, or --everyone"), ((), "a NAME")):
        assert said in fm_auth("user", "end-sessions", *words, settings=settings).stderr
    asked = fm_auth("user", "end-sessions", "--everyone", settings=settings, stdin="n\n")
    assert (1, 200) == (asked.returncode, service.check(tokens[0]))

    assert "Ended 3 sessions of 2 accounts.\n" == run(
        service, "end-sessions", "--everyone", "--yes"
    )
    assert [401] * 3 == [service.check(token) for token in tokens]
    assert 200 == service.check(service.log_in(names[1]))


def test_a_deletion_is_confirmed(deployed: Service) -> None:
    name = new_name()
    run(deployed, "create", name)
    asked = fm_auth("user", "delete", name, settings=deployed._settings, stdin="n\n")
    assert 1 == asked.returncode
    assert run(deployed, "show", name).endswith("active\n")

    assert run(deployed, "delete", name, "--yes").endswith("deleted\n")
    row = sql(
        deployed._settings["DATABASE_OWNER_URL"],
        f"SELECT action, actor_id FROM audit_records JOIN users ON users.id = user_id"
        f" WHERE username = '{name}' ORDER BY audit_records.id",
    )
    assert [("user:created", None), ("user:deleted", None)] == row


@pytest.mark.sec("SEC-58")
def test_the_last_administrator_stays(deployed: Service) -> None:
    url = deployed._settings["DATABASE_OWNER_URL"]
    sql(url, "UPDATE users SET roles = '{user}'")
    name = new_name()
    run(deployed, "create", name, "--admin")

    for words in (
        *(("demote", name), ("disable", name)),
        *(("delete", name, "--yes"), ("erase", name, "--yes")),
    ):
        assert "fm-auth user promote NAME" in refused(deployed, *words)
    other = new_name()
    run(deployed, "create", other)
    run(deployed, "promote", other)
    assert "is erased" in run(deployed, "erase", name, "--yes")


@pytest.mark.sec("SEC-29")
def test_a_deletion_by_its_owner_is_taken_back(deployed: Service) -> None:
    run(deployed, "create", new_name(), "--admin")
    name = new_name()
    run(deployed, "create", name, "--password-stdin", stdin=f"{PASSWORD}\n")
    body = {"username": name, "password": PASSWORD}
    token = deployed.post("login", body).json()["access_token"]
    assert "not on its way out" in refused(deployed, "restore", name)
    left = deployed.client.request(
        "DELETE",
        "/api/v1/auth/me",
        json={"password": PASSWORD},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert 200 == left.status_code, left.text
    shown = json.loads(run(deployed, "show", name, "--json"))
    assert ("active", True) == (shown["status"], shown["delete_after"] is not None)
    assert f"active, erased after {shown['delete_after']}" in run(deployed, "show", name)

    assert run(deployed, "restore", name).endswith("  active\n")

    assert not is_signed_in(deployed, token)
    assert 200 == deployed.post("login", body).status_code
    assert "not on its way out" in refused(deployed, "restore", name)
