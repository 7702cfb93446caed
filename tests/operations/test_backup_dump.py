"""A dump, restored into a database beside, by the commands of the runbook."""

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.running import Service, eventually, fm_auth, sql
from tests.operations.postgres_process import OWNER, SERVICE
from tests.operations.restoring import House, commands, dump, new_house, refresh, refused, tokens
from tests.programs import program

ERASE = "user erase {} --yes"
ROTATE = "key rotate --now"
MOMENT = "2026-11-25T10:00:00Z"


@pytest.fixture(scope="module")
def site() -> Iterator[House]:
    with new_house() as made:
        yield made


@pytest.fixture
def house(site: House) -> House:
    return site.anew()


@pytest.mark.sec("SEC-29", "SEC-33")
def test_a_restore_with_any_redis_logs_nobody_out_and_revives_nothing(house: House) -> None:
    service = house.services(house.settings).start()
    name, alive = service.register()
    ended = service.log_in(name)
    assert {200} == service.checks(alive, times=1) | service.checks(ended, times=1)
    house.valkey.ask("SAVE")
    shutil.copy(house.valkey.folder / "dump.rdb", house.folder / "older.rdb")
    service.log_out(ended)
    kept = tokens(service, name)
    dump(house)
    service.close()

    # as on a server that never had it
    other = {"DATABASE_URL": house.postgres.url(house.database, role="fm_auth_new")}
    restored = commands(house, "Restore a dump", settings=other).environ

    assert "fm_auth_new" in restored["DATABASE_URL"]
    assert_its_walls_stand(house, restored["ADMIN_URL"])
    for redis in ("as it was", "older", "empty", "away"):
        if redis in {"older", "empty"}:
            house.valkey.kill()
            (house.valkey.folder / "dump.rdb").unlink(missing_ok=True)
            if redis == "older":
                shutil.copy(house.folder / "older.rdb", house.valkey.folder / "dump.rdb")
            house.start_redis()
            assert (redis == "older") == bool(house.valkey.ask("DBSIZE"))
        elif redis == "away":
            house.valkey.kill()
        service = house.serve(restored)
        assert (200, 401) == (service.check(alive), service.check(ended)), redis
        status, kept = refresh(service, kept["refresh_token"])
        assert 200 == status, (redis, kept)
        assert 401 == service.check(ended)
        assert ("degraded" if redis == "away" else "ready") == service.readiness()
        service.close()


def assert_its_walls_stand(house: House, url: str) -> None:
    """Owner, row-level security, policies, and the privileges of a role that was made."""
    before = facts(house.admin_url, SERVICE)
    assert before == facts(url, "fm_auth_new")
    assert any(row[1] for row in before[0])
    assert {OWNER} == {row[3] for row in before[0]}
    role = "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = $1"
    assert [(False, False, False)] == sql(url, role, "fm_auth_new")


def facts(url: str, role: str) -> list[Any]:
    walls = (
        "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole::text,"
        " (SELECT array_agg(polname::text ORDER BY polname) FROM pg_policy"
        " WHERE polrelid = c.oid)"
        " FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " ORDER BY 1"
    )
    granted = (
        "SELECT table_name::text, column_name::text, privilege_type::text"
        " FROM information_schema.column_privileges WHERE grantee = $1 ORDER BY 1, 2, 3"
    )
    return [sql(url, walls), sql(url, granted, role)]


@pytest.mark.sec("SEC-29", "SEC-33", "SEC-45", "SEC-46")
def test_what_an_older_database_forgot_is_dead_after_the_steps(house: House) -> None:
    program("redis-cli", "redis-tools")
    service = house.services(house.settings).start()
    name, _ = service.register()
    shut_out, erased = (id_of(service, service.register()[1]) for _ in range(2))
    before = tokens(service, name)
    revoked = tokens(service, name)
    dump(house)
    since = sql(house.admin_url, "SELECT to_char(now() AT TIME ZONE 'UTC', $1)", _ISO)[0][0]
    # what only the newer database knows
    service.log_out(revoked["access_token"])
    status, after = refresh(service, before["refresh_token"])
    assert 200 == status
    unknown = tokens(service, name)
    compromised = service.kid()
    for words in (("user", "disable", shut_out), ERASE.format(erased).split(), ROTATE.split()):
        assert 0 == fm_auth(*words, settings=house.settings).returncode
    eventually(lambda: compromised != service.kid())
    rotated = tokens(service, name)
    highest = eventually(lambda: sequence_of(house, "key.rotated"))
    unsealed = "SELECT count(*) FROM audit_records WHERE chain IS NULL"
    eventually(lambda: sql(house.admin_url, unsealed) == [(0,)])
    service.close()
    house.valkey.ask("SAVE")
    newest = heads(fm_auth("audit", "verify", settings=house.settings).stdout)

    went = commands(house, "Restore a dump")
    restored = went.environ
    assert 0 < heads(went.answers[-1]) < newest  # a valid end, and an older one
    house.restart_redis()  # or its tombstones would hide the danger for two minutes
    service = house.serve(restored)
    assert compromised == service.kid()
    assert 200 == service.check(revoked["access_token"])  # the danger
    assert 401 == service.check(unknown["access_token"])
    for newer in (after, unknown, rotated):
        assert (401, "invalid_refresh_token") == refused(service, newer)
    assert 200 == service.check(before["access_token"])  # a newer token is no theft
    assert 200 == refresh(service, before["refresh_token"])[0]
    service.close()

    heading, moment = "After a restore to an earlier moment", {MOMENT: since}
    followed = commands(house, heading, settings=restored, instead=moment)

    for kind, subject in (("user.disabled", shut_out), ("user.erased", erased)):
        assert f"\t{kind}\t{subject}\n" in followed.answers[-1]  # what is to be done again
    again = {name: restored[name] for name in house.settings}
    assert 0 == fm_auth(*ERASE.format(erased).split(), settings=again).returncode
    service = house.serve(restored)
    for dead in (before, revoked, after, unknown, rotated):
        assert 401 == service.check(dead["access_token"])
        assert (401, "invalid_refresh_token") == refused(service, dead)
    assert compromised not in service.get("/.well-known/jwks.json").text
    assert 200 == service.check(service.log_in(name))
    eventually(lambda: sequence_of(house, "user.logged_in") > highest)


def id_of(service: Service, token: str) -> str:
    return str(service.get("/api/v1/auth/me", token).json()["user_id"])


def heads(verified: str) -> int:
    """Where the platform's chain ends, and that all is well with it."""
    found = re.search(r"^platform .* head (\d+) \w+  ok$", verified, re.MULTILINE)
    assert found, verified
    return int(found[1])


def sequence_of(house: House, kind: str) -> int:
    """The greatest number of an event of this kind in the stream; 0 without one."""
    entries: Any = house.valkey.ask("XRANGE", "auth:events", "-", "+")
    events = [json.loads(fields[b"event"]) for _, fields in entries]
    return max((int(one["sequence"]) for one in events if one["type"] == kind), default=0)


_ISO = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
