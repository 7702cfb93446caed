"""Roles that an organization made, given to people over HTTP (SEC-29, SEC-56, SEC-57)."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.api.asking import expect_invalid, expect_problem
from tests.api.organizing import join, new_organization, new_team
from tests.api.people import People, Person
from tests.serving import Client

CHECK = "/api/v1/permissions/check"


class Acme:
    """An organization with an owner, and what the owner does in it."""

    def __init__(self, client: Client, people: People, database: asyncpg.Connection) -> None:
        self._client, self._people, self._database = client, people, database
        self.id: str
        self.owner: Person

    async def begin(self) -> "Acme":
        self.id = await new_organization(self._database)
        self.owner = await self.member("owner")
        return self

    @property
    def path(self) -> str:
        return f"/api/v1/organizations/{self.id}"

    async def member(self, role: str = "member") -> Person:
        person = await self._people.user()
        await join(self._database, person, self.id, role)
        return person

    async def role(self, *permissions: str) -> Any:
        body = {"name": f"role-{uuid4().hex[:8]}", "permissions": permissions}
        answer = await self._client.post(f"{self.path}/roles", json=body, headers=self.owner.token)
        assert 201 == answer.status_code, answer.text
        return answer.json()

    async def give(self, person: Person, role: str, *, by: Person | None = None) -> Any:
        return await self._client.patch(
            f"{self.path}/members/{person.id}",
            json={"role": role},
            headers=(by or self.owner).token,
        )

    async def invite(self, role: str, *, by: Person | None = None) -> Any:
        body = {"email": f"{uuid4().hex}@example.com", "role": role}
        return await self._client.post(
            f"{self.path}/invitations", json=body, headers=(by or self.owner).token
        )

    async def put(self, team: str, person: Person, role: str, *, by: Person | None = None) -> Any:
        return await self._client.put(
            f"/api/v1/teams/{team}/members/{person.id}",
            json={"role": role},
            headers=(by or self.owner).token,
        )


@pytest.fixture
async def acme(client: Client, people: People, database: asyncpg.Connection) -> Acme:
    return await Acme(client, people, database).begin()


async def may(worker: Client, person: Person, permission: str, **where: str) -> bool:
    body = {"permission": permission, "resource": where}
    return bool((await worker.post(CHECK, json=body, headers=person.token)).json()["allowed"])


@pytest.mark.sec("SEC-29")
async def test_a_role_that_is_given_changed_and_taken_holds_on_every_worker_at_once(
    client: Client, second_worker: Client, acme: Acme, database: asyncpg.Connection
) -> None:
    role, team = await acme.role("cases:read"), await new_team(database, acme.id)
    holder, in_team = await acme.member("viewer"), await acme.member("viewer")
    path = f"{acme.path}/roles/{role['role_id']}"
    here, there = {"organization_id": acme.id}, {"organization_id": acme.id, "team_id": team}

    async def deletes() -> list[bool]:
        return [
            await may(worker, person, "cases:delete", **where)
            for worker in (client, second_worker)
            for person, where in ((holder, here), (in_team, there), (in_team, here))
        ]

    assert [False] * 6 == await deletes()
    assert role["name"] == (await acme.give(holder, role["name"])).json()["role"]
    assert role["name"] == (await acme.put(team, in_team, role["name"])).json()["role"]
    assert [False] * 6 == await deletes()
    more = {"permissions": ["cases:read", "cases:delete"]}
    changed = await client.patch(path, json=more, headers=acme.owner.token)
    assert 200 == changed.status_code, changed.text
    assert [True, True, False] * 2 == await deletes()

    expect_problem(await client.delete(path, headers=acme.owner.token), 409, "role_held")
    assert 200 == (await acme.give(holder, "viewer")).status_code
    assert [False, True, False] * 2 == await deletes()
    expect_problem(await client.delete(path, headers=acme.owner.token), 409, "role_held")
    assert 200 == (await acme.put(team, in_team, "member")).status_code
    assert [False] * 6 == await deletes()
    assert 204 == (await client.delete(path, headers=acme.owner.token)).status_code


@pytest.mark.sec("SEC-57")
async def test_nobody_gives_takes_or_invites_to_a_role_beyond_what_he_holds(
    client: Client, acme: Acme, database: asyncpg.Connection
) -> None:
    mighty, team = await acme.role("organization:delete"), await new_team(database, acme.id)
    admin, holder, user = await acme.member("admin"), await acme.member(), await acme.member()
    assert 200 == (await acme.give(holder, mighty["name"])).status_code

    for answer in (
        await acme.give(user, mighty["name"], by=admin),
        await acme.give(admin, mighty["name"], by=admin),
        await acme.give(holder, "viewer", by=admin),
        await acme.put(team, user, mighty["name"], by=admin),
        await acme.invite(mighty["name"], by=admin),
        await client.delete(f"{acme.path}/members/{holder.id}", headers=admin.token),
    ):
        expect_problem(answer, 403, "permission_denied")


@pytest.mark.sec("SEC-56")
async def test_a_role_of_elsewhere_and_one_that_is_none_are_refused_alike(
    client: Client, people: People, acme: Acme, database: asyncpg.Connection
) -> None:
    globex = await Acme(client, people, database).begin()
    role, team = await globex.role("cases:read"), await new_team(database, acme.id)
    user = await acme.member()

    for name in (role["name"], "nobody", "lead"):
        for answer in (await acme.give(user, name), await acme.invite(name)):
            assert {("body.role", "unknown")} == expect_invalid(answer)
    for name in (role["name"], "nobody", "owner"):
        assert {("body.role", "unknown")} == expect_invalid(await acme.put(team, user, name))


@pytest.mark.sec("SEC-59")
async def test_whoever_is_invited_with_a_role_keeps_it_from_going(
    client: Client, acme: Acme
) -> None:
    role = await acme.role("cases:read")
    invited = (await acme.invite(role["name"])).json()
    path, owner = f"{acme.path}/roles/{role['role_id']}", acme.owner.token

    expect_problem(await client.delete(path, headers=owner), 409, "role_held")
    void = await client.delete(f"{acme.path}/invitations/{invited['invitation_id']}", headers=owner)
    assert (204, role["name"]) == (void.status_code, invited["role"])
    assert 204 == (await client.delete(path, headers=owner)).status_code
