"""The commands of the other runbooks, in the order in which somebody in need runs them."""

from collections.abc import Iterator

import asyncpg
import pytest

import migrations
from tests.e2e.running import eventually, fm_auth, sql
from tests.operations.restoring import House, commands, new_house, refresh, refused, tokens
from tests.programs import program

COMPROMISE = "key-compromise.md"
ROTATION = "master-key-rotation.md"


@pytest.fixture(scope="module")
def site() -> Iterator[House]:
    with new_house() as made:
        yield made


@pytest.fixture
def house(site: House) -> House:
    return site.anew()


@pytest.mark.sec("SEC-29", "SEC-45")
def test_a_compromised_key_is_dead_and_honest_people_go_on(house: House) -> None:
    service = house.services(house.settings).start()
    name, _ = service.register()
    before, other = tokens(service, name), tokens(service, name)

    commands(house, "An access key", page=COMPROMISE)
    eventually(lambda: 401 == service.check(before["access_token"]))
    status, after = refresh(service, before["refresh_token"])
    assert (200, 200) == (status, service.check(after["access_token"]))

    commands(house, "The refresh key", page=COMPROMISE)
    eventually(lambda: refused(service, other) == (401, "invalid_refresh_token"))
    assert 401 == service.check(after["access_token"])
    again = tokens(service, name)

    commands(house, "A client's secret", "The master key leaked", page=COMPROMISE)
    eventually(lambda: 401 == service.check(again["access_token"]))
    again = tokens(service, name)
    commands(house, "A dump of the database", page=COMPROMISE)
    assert 401 == service.check(again["access_token"])
    service.close()


@pytest.mark.sec("SEC-45")
def test_a_shared_secret_that_was_replaced_is_revoked(house: House) -> None:
    secret = {"JWT_ALGORITHM": "HS256", "JWT_SECRET_KEY": "first" * 9}
    service = house.services(house.settings | secret).start()
    name, token = service.register()
    service.close()
    secret["JWT_SECRET_KEY"] = "second" * 9
    service = house.services(house.settings | secret).start()
    assert 200 == service.check(token)  # the danger

    commands(house, "With HS256", page=COMPROMISE, settings=secret)

    eventually(lambda: 401 == service.check(token))
    assert 200 == service.check(service.log_in(name))
    service.close()


@pytest.mark.sec("SEC-46")
def test_the_master_key_is_replaced_while_two_services_run(house: House) -> None:
    def serve(environ: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in environ.items() if name in wanted}

    house.services(house.settings).start().close()  # it has keys
    wanted = {*house.settings, "AUTH_MASTER_KEY_PREVIOUS"}
    learnt = commands(house, "1. Make a key", "2. Every process learns it", page=ROTATION).environ
    behind = house.services(serve(learnt)).start()
    name, token = behind.register()
    swapped = commands(house, "3. Every process seals under it", page=ROTATION, settings=learnt)
    ahead = house.services(serve(swapped.environ)).start()
    # a key that is sealed under the new master key, while others still seal under the old one
    rotated = fm_auth("key", "rotate", "--now", settings=serve(swapped.environ))
    assert 0 == rotated.returncode, rotated.stderr
    kid = rotated.stdout.splitlines()[1].split()[0]
    eventually(lambda: kid == ahead.kid() == behind.kid())
    assert {401} == {each.check(token) for each in (ahead, behind)}
    fresh = [each.log_in(name) for each in (ahead, behind)]
    assert {200} == {each.check(token) for each in (ahead, behind) for token in fresh}
    behind.close()

    headings = ("4. Seal anew what is old", "5. Take the old one out")
    done = commands(house, *headings, page=ROTATION, settings=swapped.environ).environ

    assert learnt["OLD_KEY"] != done["AUTH_MASTER_KEY"]
    assert "AUTH_MASTER_KEY_PREVIOUS" not in done
    alone = house.services(serve(done)).start()
    assert {200} == {alone.check(token) for token in fresh}
    old = fm_auth("doctor", settings=house.settings)
    assert "under master key" in old.stdout
    assert house.services(house.settings).refusal()[0] == 78
    alone.close()
    ahead.close()


@pytest.mark.sec("SEC-46")
def test_a_lost_master_key_costs_the_sessions_and_no_account(house: House) -> None:
    service = house.services(house.settings).start()
    name, token = service.register()
    trail = "SELECT count(*) FROM audit_chains WHERE position > 0"
    eventually(lambda: sql(house.admin_url, trail) != [(0,)])
    service.close()
    lost = {**house.settings, "AUTH_MASTER_KEY": "ab" * 31 + "cd"}

    commands(house, "The master key is lost", page=COMPROMISE, settings=lost)

    service = house.services(lost).start()
    assert 401 == service.check(token)
    assert 200 == service.check(service.log_in(name))
    eventually(lambda: sql(house.admin_url, trail) != [(0,)])
    assert 0 == fm_auth("audit", "verify", settings=lost).returncode
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        sql(house.admin_url, "TRUNCATE audit_records, audit_chains")
    assert 0 == fm_auth("doctor", settings=lost).returncode
    assert name not in (house.folder / "audit-until-loss.jsonl").read_text()
    service.close()


def test_redis_is_brought_back_and_the_schema_stays(house: House) -> None:
    program("redis-cli", "redis-tools")
    commands(house, "Bring it back", "Tell the consumers again", page="redis-loss.md")
    commands(house, "Upgrade", page="upgrade-and-rollback.md")

    # what a version after this one leaves behind
    sql(house.admin_url, "UPDATE alembic_version SET version_num = '9999'")
    commands(house, "Roll back the code", page="upgrade-and-rollback.md")
    migrated = fm_auth("migrate", settings=house.settings)
    assert (78, "") == (migrated.returncode, migrated.stdout)
    assert f"knows schema {migrations.HEAD}" in migrated.stderr
    service = house.services(house.settings | {"AUTH_ALLOW_NEWER_SCHEMA": "true"}).start()
    assert 200 == service.check(service.register()[1])
    service.close()
