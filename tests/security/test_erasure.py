"""An erased person is nowhere any more, and what was exported before was all of them (SEC-71)."""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest
import redis.asyncio
from sqlalchemy import ARRAY, JSON, Text

from adapters.postgres.inventory import Kind, columns_of, goes_with_the_person
from adapters.postgres.tables import metadata
from app.container import Container
from app.main import create_app
from app.observability import configure_logging
from app.settings import load_settings
from auth_core.kernel import Email, Letter, LetterId, MailTemplate, UserId
from auth_core.organizations import Membership, TeamMembership
from auth_core.testing.contracts.organizing import (
    new_invitation,
    new_organization,
    new_team,
)
from auth_core.users import Registration
from tests.api.asking import AUTH
from tests.security.test_canaries import lines
from tests.serving import bearer

__all__ = ["lines"]

_HASHES = ("md5", "sha1", "sha256", "sha512", "blake2s", "blake2b")
# Words that the service chooses: no person can put a canary there.
_OUR_WORDS = {
    *("users.status", "users.roles", "users.time_zone", "one_time_secrets.purpose"),
    *("sessions.scopes", "sessions.end_reason", "sessions.amr", "mail_outbox.template"),
    *("memberships.role", "team_memberships.role", "invitations.role"),
}


class Person:
    """Somebody whose every personal field can be recognised wherever it turns up."""

    def __init__(self) -> None:
        tag = secrets.token_hex(6)
        self.username = f"canary-name-{tag}"
        self.email = f"canary-mail-{tag}@example.com"
        self.first_display_name = f"Canary First {tag}"
        self.display_name = f"Canary Last {tag}"
        self.user_agent = f"CanaryAgent-{tag}"
        # in its one spelling (RFC 5952), which drops zeros
        self.ip_address = str(ip_address(f"2001:db8:{tag[:4]}:{tag[4:8]}:{tag[8:]}::7"))
        self.client_id = f"canary-client-{tag}"
        self.locale = f"de-x-{tag[:4]}-{tag[4:]}"
        self.picture_url = f"https://canary-picture-{tag}.example.com/me.png"
        self.claim = f"Canary claim {tag}"
        self.impersonation_reason = f"Canary reason {tag}"
        self.password = f"Vermilion harbour lantern {tag}"

    @property
    def exported(self) -> set[str]:
        """What an export must tell."""
        return {
            *(self.username, self.email, self.display_name, self.user_agent, self.ip_address),
            *(self.client_id, self.locale, self.picture_url, self.claim),
            self.impersonation_reason,
        }

    @property
    def all(self) -> set[str]:
        """What an erasure must leave nowhere."""
        return self.exported | {self.first_display_name, self.password}

    def found_in(self, text: str) -> set[str]:
        """What of the person is there: in plain, in bytes, in base64, or hashed without a key."""
        text = text.casefold()
        return {
            value for value in self.all if any(form.casefold() in text for form in _forms(value))
        }


def _forms(value: str) -> Iterator[str]:
    raw = value.encode()
    yield value
    yield raw.hex()
    yield base64.b64encode(raw).decode().rstrip("=")
    for name in _HASHES:
        digest = hashlib.new(name, raw).digest()
        yield digest.hex()
        yield base64.b64encode(digest).decode().rstrip("=")
        yield base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Life(msgspec.Struct, frozen=True):
    """What was found of a person at the end of their account, and after it."""

    person: Person
    user_id: UserId
    exported: dict[str, Any]
    tables_before: dict[str, str]
    redis_before: str
    refused: list[httpx.Response]
    alarms: list[str]


@pytest.fixture(scope="module")
async def life(
    environ: dict[str, str],
    lines: list[bytes],
    database: asyncpg.Connection,
    redis_url: str,
) -> Life:
    """Somebody registers, does all that a person can do, and is erased; then the worker stops."""
    person = Person()
    own = {
        "AUTH_SESSION_IP": "full",
        "AUTH_EMBEDDED_WORKER": "false",
        "AUTH_PROFILE_CLAIMS_SCHEMA": '{"department": "string"}',
    }
    access_line = configure_logging("debug", "json", write=lines.append)
    container = Container(load_settings(environ | own), access_line)
    app = create_app(container)
    transport = httpx.ASGITransport(app=app, client=(person.ip_address, 4711))
    async with (
        app.lifespan(),
        httpx.AsyncClient(
            transport=transport,
            base_url="http://testserver",
            headers={"User-Agent": f"{person.user_agent}/1.0"},
        ) as client,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://testserver"
        ) as admins,
    ):
        user_id, tokens = await _live(client, admins, container, database, person)
        exported = await client.get(f"{AUTH}/me/export", headers=bearer(tokens["access_token"]))
        tables_before = await _tables(database)
        redis_before = await _redis_with(person, redis_url, client, tokens["access_token"])

        await container.core.personal_data.erase(user_id)

        alarms = "SELECT type FROM outbox WHERE user_id = $1 AND type LIKE '%reuse%'"
        refused = await _come_back(client, person, tokens)
        return Life(
            person,
            user_id,
            exported.json(),
            tables_before,
            redis_before,
            refused,
            [row["type"] for row in await database.fetch(alarms, user_id)],
        )


async def _redis_with(
    person: Person, redis_url: str, client: httpx.AsyncClient, access_token: str
) -> str:
    """Redis with the person's state in it: what changed in it last may make it forget it once."""
    for _ in range(50):
        await client.get(f"{AUTH}/me", headers=bearer(access_token))
        found = await _redis(redis_url)
        if person.username in found:
            break
        await asyncio.sleep(0.1)
    return found


async def _live(
    client: httpx.AsyncClient,
    admins: httpx.AsyncClient,
    container: Container,
    database: asyncpg.Connection,
    person: Person,
) -> tuple[UserId, dict[str, Any]]:
    body = {
        "username": person.username,
        "email": person.email,
        "display_name": person.first_display_name,
        "password": person.password,
    }
    registered = await client.post(f"{AUTH}/register", json=body)
    assert 201 == registered.status_code, registered.text
    user_id = UserId(UUID(registered.json()["user"]["user_id"]))
    token = bearer(registered.json()["access_token"])
    for refused in (
        await client.post(f"{AUTH}/register", json=body),
        await client.post(f"{AUTH}/login", json={**body, "password": person.password[:-1]}),
        await client.get(f"{AUTH}/{person.username}", headers=token),
        await client.post(f"{AUTH}/login", json={"email": person.display_name, "password": "x"}),
    ):
        assert 400 <= refused.status_code < 500, refused.text
    profile = {
        "display_name": person.display_name,
        "locale": person.locale,
        "time_zone": "Europe/Berlin",
        "picture_url": person.picture_url,
        "claims": {"department": person.claim},
    }
    changed = await client.patch(f"{AUTH}/me", json=profile, headers=token)
    assert 200 == changed.status_code, changed.text
    await client.get(f"{AUTH}/me/available-scopes", headers=token)
    await client.get(f"{AUTH}/sessions", headers=token)
    await client.post(f"{AUTH}/logout", headers=token)
    await _act_for(admins, container, person, user_id)
    await _write_to(container, person)
    await _join(container, person, user_id)
    await container.core.lifecycle.set_roles(user_id, ("user",))
    by_email = {"email": person.email, "password": person.password}
    logged_in = await client.post(f"{AUTH}/login", json=by_email)
    refresh = {"refresh_token": logged_in.json()["refresh_token"]}
    refreshed = await client.post(f"{AUTH}/refresh", json=refresh)
    tokens: dict[str, Any] = refreshed.json()
    # as a sign-in of a registered client will have it
    await database.execute(
        "UPDATE sessions SET client_id = $1 WHERE user_id = $2", person.client_id, user_id
    )
    forgotten = await client.post(f"{AUTH}/forgot-password", json={"email": person.email})
    assert 202 == forgotten.status_code
    await container.core.self_service.registration.invite(Email.parse(person.email))
    for path in ("me", "sessions"):  # warms the cache
        answer = await client.get(f"{AUTH}/{path}", headers=bearer(tokens["access_token"]))
        assert 200 == answer.status_code
    return user_id, {**tokens, "old_refresh_token": refresh["refresh_token"]}


async def _act_for(
    admins: httpx.AsyncClient, container: Container, person: Person, user_id: UserId
) -> None:
    """An administrator looks after the person for a minute, and says why."""
    name = f"admin-{secrets.token_hex(6)}"
    await container.core.accounts.create(
        Registration.parse(username=name), roles=("platform_admin",)
    )
    admin = await admins.post(f"{AUTH}/login", json={"username": name})
    begun = await admins.post(
        f"/api/v1/users/{user_id}/impersonate",
        json={"reason": person.impersonation_reason, "minutes": 1},
        headers=bearer(admin.json()["access_token"]),
    )
    assert 201 == begun.status_code, begun.text


async def _write_to(container: Container, person: Person) -> None:
    """A letter that waits."""
    letter = Letter(
        id=LetterId(container.ids.uuid()),
        to=Email.parse(person.email),
        template=MailTemplate.PASSWORD_CHANGED,
        values={},
        locale=person.locale,
    )
    async with container.unit_of_work() as uow:
        await uow.mail.enqueue(letter)
        await uow.commit()


async def _join(container: Container, person: Person, user_id: UserId) -> None:
    """The person belongs to an organization and a team, and another organization invites them."""
    organization, other = new_organization(), new_organization()
    team, at = new_team(organization), organization.created_at
    async with container.unit_of_work().for_platform() as uow:
        await uow.organizations.add(organization)
        await uow.organizations.add(other)
        await uow.memberships.add(
            Membership(
                organization_id=organization.id,
                user_id=user_id,
                role="member",
                created_at=at,
                updated_at=at,
            )
        )
        await uow.teams.add(team)
        await uow.teams.put_member(
            TeamMembership(
                organization_id=organization.id,
                team_id=team.id,
                user_id=user_id,
                role="lead",
                created_at=at,
            )
        )
        await uow.invitations.issue(new_invitation(other, email=Email.parse(person.email)))
        await uow.commit()


async def _come_back(
    client: httpx.AsyncClient, person: Person, tokens: dict[str, Any]
) -> list[httpx.Response]:
    return [
        await client.get(f"{AUTH}/me", headers=bearer(tokens["access_token"])),
        await client.get(f"{AUTH}/me/export", headers=bearer(tokens["access_token"])),
        *[
            await client.post(f"{AUTH}/refresh", json={"refresh_token": tokens[name]})
            for name in ("refresh_token", "old_refresh_token", "old_refresh_token")
        ],
        *[
            await client.post(f"{AUTH}/login", json={**name, "password": person.password})
            for name in ({"username": person.username}, {"email": person.email})
        ],
    ]


async def _tables(database: asyncpg.Connection) -> dict[str, str]:
    """Every row of every table, as text."""
    tables = await database.fetch(
        "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name"
        " FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
        " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    found = {}
    for (name,) in tables:
        rows = await database.fetch(f"SELECT to_jsonb(t)::text FROM {name} t")
        found[name] = "\n".join(row[0] for row in rows)
    return found


async def _redis(url: str) -> str:
    """Every key and value, streams included, as text."""
    server = redis.asyncio.Redis.from_url(url)
    read: dict[bytes, Any] = {
        b"string": server.get,
        b"hash": server.hgetall,
        b"set": server.smembers,
        b"zset": lambda key: server.zrange(key, 0, -1),
        b"list": lambda key: server.lrange(key, 0, -1),
        b"stream": server.xrange,
        b"none": server.get,
    }
    try:
        return "\n".join(
            [
                f"{key!r} {await read[await server.type(key)](key)!r}"
                async for key in server.scan_iter(count=1000)
            ]
        )
    finally:
        await server.aclose()


@pytest.mark.sec("SEC-71")
async def test_after_an_erasure_nothing_of_the_person_is_in_any_table(
    life: Life, database: asyncpg.Connection
) -> None:
    found = {name: life.person.found_in(text) for name, text in (await _tables(database)).items()}

    assert {f"public.{table.name}" for table in metadata.sorted_tables} <= set(found)
    assert {} == {name: canaries for name, canaries in found.items() if canaries}


@pytest.mark.sec("SEC-71")
async def test_after_an_erasure_nothing_of_the_person_is_in_redis(
    life: Life, redis_url: str
) -> None:
    assert set() == life.person.found_in(await _redis(redis_url))


@pytest.mark.sec("SEC-71")
async def test_nothing_of_the_person_is_in_any_log_line(life: Life, lines: list[bytes]) -> None:
    text = b"\n".join(lines).decode()

    assert str(life.user_id) in text
    assert set() == life.person.found_in(text)


@pytest.mark.sec("SEC-71")
def test_before_the_erasure_this_search_finds_the_person(life: Life) -> None:
    """Or else it would prove nothing."""
    in_tables = life.person.found_in("\n".join(life.tables_before.values()))
    in_redis = life.person.found_in(life.redis_before)

    assert life.person.exported == in_tables
    assert {life.person.username, life.person.email, life.person.ip_address} <= in_redis


@pytest.mark.sec("SEC-71")
def test_the_export_before_has_all_that_was_stored_and_no_secret(life: Life) -> None:
    assert life.person.exported == life.person.found_in(json.dumps(life.exported))
    assert "present" == life.exported["records"]["password_credentials"][0]["password_hash"]


@pytest.mark.sec("SEC-71")
def test_every_personal_column_that_can_hold_text_held_a_canary(life: Life) -> None:
    """A new column needs a canary in `_live`, or an entry among our own words."""
    without = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        if goes_with_the_person(table)
        for column in columns_of(table, Kind.PERSONAL)
        if isinstance(column.type, Text | JSON)
        or (isinstance(column.type, ARRAY) and isinstance(column.type.item_type, Text))
        if not any(
            life.person.found_in(json.dumps(row.get(column.name)))
            for row in life.exported["records"][table.name]
        )
    }

    assert _OUR_WORDS == without


@pytest.mark.sec("SEC-71", "SEC-66")
async def test_the_trail_keeps_a_pseudonym(life: Life, database: asyncpg.Connection) -> None:
    audited = "SELECT action, reason, detail FROM audit_records WHERE user_id = $1 ORDER BY id"
    published = "SELECT payload FROM outbox WHERE user_id = $1 AND type = 'user.erased'"

    trail = [tuple(row) for row in await database.fetch(audited, life.user_id)]
    assert ("session:impersonated", "requested", None) in trail
    assert ("user:erased", "operator", None) == trail[-1]
    assert {None} == {detail for _, _, detail in trail}
    (row,) = await database.fetch(published, life.user_id)
    assert {"id", "type", "occurred_at", "user_id", "organization_id", "actor_id"} == set(
        json.loads(row["payload"])
    )


@pytest.mark.sec("SEC-29", "SEC-71")
def test_what_the_erased_held_opens_nothing_and_raises_no_alarm(life: Life) -> None:
    codes = [(answer.status_code, answer.json()["code"]) for answer in life.refused]

    assert [
        *[(401, "invalid_token")] * 2,
        *[(401, "invalid_refresh_token")] * 3,
        *[(401, "authentication_failed")] * 2,
    ] == codes
    assert [] == life.alarms
    assert set() == life.person.found_in("".join(answer.text for answer in life.refused))
