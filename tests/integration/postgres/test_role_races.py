"""Roles of organizations on PostgreSQL when people give, change and remove them at once (SEC-57).

Whoever does either holds the organization: one after the other, each judged by what is committed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from adapters.postgres import PostgresUnitOfWork
from adapters.system import SystemClock, SystemEntropy, SystemIds
from auth_core.core import Core, Options, Ports
from auth_core.kernel import AuthCoreError, InvalidInput, PermissionDenied, PreconditionFailed
from auth_core.organizations import Organization
from auth_core.roles import CustomRole, RoleHeld, RoleNameTaken, RoleNotFound
from auth_core.testing import in_memory_core
from auth_core.testing.contracts.making import fresh_name, stored_user
from auth_core.testing.contracts.organizing import (
    stored_member,
    stored_organization,
    stored_team,
)
from auth_core.users import User

ROUNDS = 8
READS = frozenset({"cases:read"})
MORE = frozenset({"cases:read", "cases:write"})

Outcome = object
UnitOfWork = Callable[[], PostgresUnitOfWork]


@pytest.fixture
def core(unit_of_work: UnitOfWork) -> Core:
    """A core whose truth is PostgreSQL, with the rest in memory."""
    memory = in_memory_core()
    ports = {name: getattr(memory.ports, name) for name in Ports.__struct_fields__}
    real = {
        "unit_of_work": unit_of_work,
        "clock": SystemClock(),
        "ids": SystemIds(),
        "entropy": SystemEntropy(),
    }
    return Core(Ports(**(ports | real)), Options())


@pytest.fixture
def anywhere(unit_of_work: UnitOfWork) -> UnitOfWork:
    """Stores what a test begins with, whichever tenant's it is."""
    return lambda: unit_of_work().for_platform()


@pytest.fixture
async def owner(anywhere: UnitOfWork) -> User:
    return await stored_user(anywhere)


@pytest.fixture
async def acme(anywhere: UnitOfWork, owner: User) -> Organization:
    return await stored_organization(anywhere, owner)


@pytest.fixture
def make_role(core: Core, owner: User, acme: Organization) -> Callable[[], Awaitable[CustomRole]]:
    async def make() -> CustomRole:
        name = f"role-{fresh_name()[-8:]}"
        return await core.roles.create(owner.id, acme.id, name=name, permissions=READS)

    return make


async def at_once(*work: Awaitable[Any]) -> list[Any]:
    """What each came to: its result, or its refusal. A fault of any other kind is one."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, AuthCoreError):
            raise outcome
    return outcomes


@pytest.mark.parametrize("way", ["member", "team", "invitation"])
async def test_a_role_is_given_or_goes_never_both(
    core: Core, anywhere: UnitOfWork, owner: User, acme: Organization, make_role, way: str
) -> None:
    user = await stored_member(anywhere, acme)
    team, organizations = await stored_team(anywhere, acme), core.organizations
    for _ in range(ROUNDS):
        role, guest = await make_role(), await stored_user(anywhere)
        match way:
            case "member":
                give = organizations.members.change_role(owner.id, acme.id, user.id, role.name)
            case "team":
                give = organizations.teams.put_member(
                    owner.id, acme.id, team.id, user.id, role.name
                )
            case _:
                give = organizations.invitations.invite(owner.id, acme.id, guest.email, role.name)

        given, gone = await at_once(give, core.roles.delete(owner.id, acme.id, role.id))

        left = role.id in {each.id for each in await core.roles.page(acme.id)}
        assert (isinstance(given, InvalidInput), isinstance(gone, RoleHeld)) == (not left, left)


async def test_of_roles_with_one_name_at_once_one_is_made(
    core: Core, owner: User, acme: Organization
) -> None:
    name = f"role-{fresh_name()[-8:]}"

    made = await at_once(
        *(core.roles.create(owner.id, acme.id, name=name, permissions=READS) for _ in range(8))
    )

    assert 7 == sum(isinstance(each, RoleNameTaken) for each in made)
    assert [name] == [role.name for role in await core.roles.page(acme.id)]


async def test_a_role_is_changed_before_it_goes_or_not_at_all(
    core: Core, owner: User, acme: Organization, make_role
) -> None:
    for _ in range(ROUNDS):
        role = await make_role()

        changed, gone = await at_once(
            core.roles.update(owner.id, acme.id, role.id, permissions=MORE),
            core.roles.delete(owner.id, acme.id, role.id),
        )

        assert gone is None
        assert isinstance(changed, RoleNotFound) or 2 == changed.version
        assert [] == await core.roles.page(acme.id)


async def test_of_changes_to_one_version_one_stands(
    core: Core, owner: User, acme: Organization, make_role
) -> None:
    role = await make_role()

    outcomes = await at_once(
        *(
            core.roles.update(
                owner.id, acme.id, role.id, description=f"{each}", if_version=role.version
            )
            for each in range(8)
        )
    )

    [stands] = [each for each in outcomes if isinstance(each, CustomRole)]
    assert 7 == sum(isinstance(each, PreconditionFailed) for each in outcomes)
    assert stands == await core.roles.get(acme.id, role.id)


@pytest.mark.sec("SEC-57")
async def test_who_loses_a_role_meanwhile_widens_and_gives_nothing_afterwards(
    core: Core, anywhere: UnitOfWork, observer, owner: User, acme: Organization, make_role
) -> None:
    """What an administrator did stands before their demotion, or was refused."""
    for _ in range(ROUNDS):
        role = await make_role()
        admin = await stored_member(anywhere, acme, "admin")
        friend = await stored_member(anywhere, acme, "viewer")

        widened, given, demoted = await at_once(
            core.roles.update(admin.id, acme.id, role.id, permissions=MORE),
            core.organizations.members.change_role(admin.id, acme.id, friend.id, role.name),
            core.organizations.members.change_role(owner.id, acme.id, admin.id, "viewer"),
        )

        assert "viewer" == demoted.role
        rows = await observer.fetch(
            "SELECT coalesce(user_id::text, payload ->> 'role_id') FROM outbox"
            " WHERE organization_id = $1 AND type IN ('role.updated', 'membership.role_changed')"
            " ORDER BY position",
            acme.id,
        )
        told = [row[0] for row in rows]
        end = told.index(str(admin.id))
        for outcome, event in ((widened, str(role.id)), (given, str(friend.id))):
            if isinstance(outcome, AuthCoreError):
                assert isinstance(outcome, PermissionDenied)
                assert event not in told[end:]
            else:
                assert event in told[:end]
