"""What every repository owes whoever dies in the middle: nothing is left, and nobody waits."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import msgspec
import pytest

from auth_core.core import CoreUnitOfWork
from auth_core.kernel import EventId, SessionId
from auth_core.keys import KeyStatus, KeyUse
from auth_core.organizations import MEMBER, Organization, Team, TeamMembership
from auth_core.sessions import EndReason
from auth_core.testing.contracts.mail_outbox import new_letter
from auth_core.testing.contracts.making import (
    UnitOfWorkFactory,
    fresh_id,
    new_hash,
    new_sealed_key,
    new_session,
    new_user,
    now,
    stored_session,
    stored_user,
)
from auth_core.testing.contracts.one_time_secrets import new_secret
from auth_core.testing.contracts.organizing import (
    new_domain,
    new_invitation,
    new_membership,
    new_organization,
    new_team,
    stored_member,
    stored_organization,
    stored_team,
)
from auth_core.testing.contracts.roles import new_role
from auth_core.testing.contracts.webhook_making import (
    MANY,
    new_endpoint,
    new_message,
    stored_endpoint,
)
from auth_core.users import User
from auth_core.webhooks import DeliveryId, EndpointId, NewDelivery

Write = Callable[[CoreUnitOfWork], Awaitable[object]]
Holds = Callable[[CoreUnitOfWork], Awaitable[bool]]
"""Whether the write is to be seen."""
Work = tuple[Write, Holds]


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What was committed before."""

    user: User
    session_id: SessionId
    member: User
    organization: Organization
    team: Team
    endpoint_id: EndpointId


async def _world(unit_of_work: UnitOfWorkFactory) -> World:
    user = await stored_user(unit_of_work)
    organization = await stored_organization(unit_of_work)
    return World(
        user=user,
        session_id=(await stored_session(unit_of_work, user)).id,
        member=await stored_member(unit_of_work, organization),
        organization=organization,
        team=await stored_team(unit_of_work, organization),
        endpoint_id=(await stored_endpoint(unit_of_work)).id,
    )


def _new_user(_: World) -> Work:
    user = new_user()

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.users.get(user.id) is not None

    return lambda uow: uow.users.add(user), holds


def _changed_user(world: World) -> Work:
    changed = world.user.renamed("Somebody else", at=now())

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.users.get(changed.id) == changed

    return lambda uow: uow.users.update(changed), holds


def _password(world: World) -> Work:
    password_hash = new_hash()

    async def holds(uow: CoreUnitOfWork) -> bool:
        account = await uow.credentials.account(world.user.username)
        return account is not None and account.password_hash == password_hash

    return lambda uow: uow.credentials.set_password(world.user.id, password_hash), holds


def _new_session(world: World) -> Work:
    session = new_session(world.user)

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.sessions.state(session.id, now()) is not None

    return lambda uow: uow.sessions.add(session), holds


def _ended_session(world: World) -> Work:
    user_id, session_id = world.user.id, world.session_id

    async def holds(uow: CoreUnitOfWork) -> bool:
        state = await uow.sessions.state(session_id, now())
        return state is None or state.session.ended_at is not None

    return lambda uow: uow.sessions.end(user_id, session_id, EndReason.LOGOUT, now()), holds


def _one_time_secret(_: World) -> Work:
    secret = new_secret()

    async def holds(uow: CoreUnitOfWork) -> bool:
        found = await uow.one_time_secrets.find(secret.purpose, secret.digest, now())
        return found is not None

    return lambda uow: uow.one_time_secrets.issue(secret), holds


def _key(_: World) -> Work:
    key = new_sealed_key(KeyUse.ACCESS, status=KeyStatus.RETIRED, retired_at=now())

    async def holds(uow: CoreUnitOfWork) -> bool:
        return key.kid in {each.kid for each in await uow.keys.all()}

    return lambda uow: uow.keys.add(key), holds


def _letter(_: World) -> Work:
    letter = new_letter()

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.mail.get(letter.id) is not None

    return lambda uow: uow.mail.enqueue(letter), holds


def _organization(_: World) -> Work:
    organization = new_organization()

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.organizations.get(organization.id) is not None

    return lambda uow: uow.organizations.add(organization), holds


def _membership(world: World) -> Work:
    membership = new_membership(world.organization, world.user)

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.memberships.get(world.organization.id, world.user.id) is not None

    return lambda uow: uow.memberships.add(membership), holds


def _ended_membership(world: World) -> Work:
    place, member = world.organization.id, world.member.id

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.memberships.get(place, member) is None

    return lambda uow: uow.memberships.remove(place, member), holds


def _team(world: World) -> Work:
    team = new_team(world.organization)

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.teams.get(world.organization.id, team.id) is not None

    return lambda uow: uow.teams.add(team), holds


def _team_membership(world: World) -> Work:
    membership = TeamMembership(
        organization_id=world.organization.id,
        team_id=world.team.id,
        user_id=world.member.id,
        role=MEMBER,
        created_at=now(),
    )

    async def holds(uow: CoreUnitOfWork) -> bool:
        theirs = await uow.teams.memberships_of(world.organization.id, world.member.id)
        return membership in theirs

    return lambda uow: uow.teams.put_member(membership), holds


def _invitation(world: World) -> Work:
    invitation = new_invitation(world.organization)

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.invitations.get(world.organization.id, invitation.id) is not None

    return lambda uow: uow.invitations.issue(invitation), holds


def _domain(world: World) -> Work:
    domain = new_domain(world.organization)

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.domains.get(world.organization.id, domain.id) is not None

    return lambda uow: uow.domains.add(domain), holds


def _role(world: World) -> Work:
    role = new_role(world.organization)

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.roles.get(world.organization.id, role.id) is not None

    return lambda uow: uow.roles.add(role), holds


def _webhook_endpoint(_: World) -> Work:
    endpoint = new_endpoint()

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.webhooks.get(None, endpoint.id) is not None

    return lambda uow: uow.webhooks.add(endpoint, most=MANY), holds


def _webhook_delivery(world: World) -> Work:
    delivery = NewDelivery(
        id=DeliveryId(fresh_id()),
        endpoint_id=world.endpoint_id,
        message=new_message(id=EventId(fresh_id())),
        queued_at=now() + timedelta(days=1),  # nobody's turn
    )

    async def holds(uow: CoreUnitOfWork) -> bool:
        return await uow.deliveries.find(world.endpoint_id, delivery.id) is not None

    return lambda uow: uow.deliveries.enqueue([delivery]), holds


_WORKS: Mapping[str, Callable[[World], Work]] = {
    "new user": _new_user,
    "changed user": _changed_user,
    "password": _password,
    "new session": _new_session,
    "ended session": _ended_session,
    "one-time secret": _one_time_secret,
    "key": _key,
    "letter": _letter,
    "organization": _organization,
    "membership": _membership,
    "ended membership": _ended_membership,
    "team": _team,
    "team membership": _team_membership,
    "invitation": _invitation,
    "domain": _domain,
    "role": _role,
    "webhook endpoint": _webhook_endpoint,
    "webhook delivery": _webhook_delivery,
}


class CrashLawsContract:
    """Needs ``unit_of_work``, a `UnitOfWorkFactory` that reaches every tenant, and
    ``another_worker``, the same in another process (may be the same object in memory).

    What is appended only, events and audit records, has this in suites of its own.
    """

    @pytest.mark.parametrize("drop", ["left", "failed", "cancelled"])
    @pytest.mark.parametrize("work", _WORKS.values(), ids=_WORKS)
    async def test_what_was_dropped_midway_left_nothing_and_another_worker_can_do_it(
        self,
        unit_of_work: UnitOfWorkFactory,
        another_worker: UnitOfWorkFactory,
        work: Callable[[World], Work],
        drop: str,
    ) -> None:
        write, holds = work(await _world(unit_of_work))

        await _dropped(unit_of_work, write, drop)

        async with another_worker() as uow:
            assert not await holds(uow)
        async with another_worker() as uow:
            await write(uow)
            await uow.commit()
        async with unit_of_work() as uow:
            assert await holds(uow)


async def _dropped(unit_of_work: UnitOfWorkFactory, write: Write, drop: str) -> None:
    """Do the work and end without a commit."""
    written = asyncio.Event()

    async def work() -> None:
        async with unit_of_work() as uow:
            await write(uow)
            written.set()
            if drop == "failed":
                raise _Crash
            if drop == "cancelled":
                await asyncio.Event().wait()

    working = asyncio.create_task(work())
    if drop == "cancelled":
        await written.wait()
        working.cancel()
    [ended] = await asyncio.gather(working, return_exceptions=True)
    expected = {"left": type(None), "failed": _Crash, "cancelled": asyncio.CancelledError}
    assert isinstance(ended, expected[drop])


class _Crash(Exception):
    pass
