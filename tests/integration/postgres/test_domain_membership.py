"""Joining by an address of a verified domain, on PostgreSQL, when things race or break off."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple, cast
from uuid import uuid4

import asyncpg
import pytest

from adapters.crypto import EnvelopeSealer
from adapters.postgres import PostgresUnitOfWork
from adapters.postgres.transaction import Transaction
from adapters.system import SystemClock, SystemEntropy, SystemIds
from app.container import Container
from auth_core.core import Core, Options, Ports
from auth_core.kernel import Email, MailTemplate, Secret, Unavailable
from auth_core.organizations import (
    EmailDomain,
    OrganizationChanges,
    OrganizationDomain,
    Slug,
)
from auth_core.testing import in_memory_core
from auth_core.testing.contracts.making import fresh_name, stored_user
from auth_core.users import User
from tests.mailbox import Mailbox

ROUNDS = 5


class World(NamedTuple):
    """A core whose truth is PostgreSQL, and an organization with a verified domain."""

    core: Core
    unit_of_work: Callable[[], PostgresUnitOfWork]
    claim: OrganizationDomain

    async def asked(self) -> tuple[User, str]:
        """Somebody with an address there, and the link that proves it."""
        email = Email(f"{fresh_name()}@{self.claim.domain}")
        user = await stored_user(self.unit_of_work, email=email, email_verified=False)
        await self.core.self_service.verify_email.send(email)
        mailbox = Mailbox(cast("Container", SimpleNamespace(core=self.core)))
        return user, await mailbox.token(email.value, MailTemplate.VERIFY_EMAIL)

    async def state(self, user: User) -> tuple[bool, str | None]:
        """Whether the address is proven, and the role."""
        found = await self.core.organizations.organizations.mine(user.id)
        roles = [one.membership.role for one in found]
        now = await self.core.users.get(user.id)
        return now.email_verified, roles[0] if roles else None


@pytest.fixture
async def world(unit_of_work: Callable[[], PostgresUnitOfWork]) -> World:
    memory = in_memory_core()
    ports = {name: getattr(memory.ports, name) for name in Ports.__struct_fields__}
    real = {
        "unit_of_work": unit_of_work,
        "sealer": EnvelopeSealer(Secret(b"k" * 32)),
        "clock": SystemClock(),
        "ids": SystemIds(),
        "entropy": SystemEntropy(),
    }
    core = Core(Ports(**(ports | real)), Options())
    owner = await stored_user(unit_of_work)
    made = await core.organizations.organizations.create(
        owner, name="Acme", slug=Slug(f"d-{uuid4().hex}")
    )
    domain = EmailDomain(f"d{uuid4().hex}.example")
    claim = await core.organizations.domains.claim(None, made.organization.id, domain)
    memory.names.publish(claim)
    await core.organizations.domains.verify(None, claim.organization_id, claim.id)
    return World(core, unit_of_work, claim)


async def test_of_many_at_once_as_many_get_in_as_have_room(world: World) -> None:
    changes = OrganizationChanges(max_members=3)
    await world.core.organizations.organizations.edit(None, world.claim.organization_id, changes)
    people = [await world.asked() for _ in range(6)]

    await asyncio.gather(*(world.core.self_service.verify_email.confirm(it) for _, it in people))

    states = [await world.state(user) for user, _ in people]
    assert [True] * 6 == [proven for proven, _ in states]
    assert 2 == sum(role == "member" for _, role in states)


async def test_a_domain_that_is_given_up_meanwhile_lets_in_only_who_came_first(
    world: World,
) -> None:
    """Nobody waits for the other for ever, and nobody comes in afterwards."""
    domains, confirm = world.core.organizations.domains, world.core.self_service.verify_email
    for _ in range(ROUNDS):
        people = [await world.asked() for _ in range(4)]
        release = domains.release(None, world.claim.organization_id, world.claim.id)
        outcomes = await asyncio.gather(
            confirm.confirm(people[0][1]),
            confirm.confirm(people[1][1]),
            release,
            confirm.confirm(people[2][1]),
            return_exceptions=True,
        )
        await confirm.confirm(people[3][1])

        assert not [each for each in outcomes if isinstance(each, Exception)]
        assert (True, None) == await world.state(people[3][0])
        assert all([(await world.state(user))[0] for user, _ in people])
        world = await _claimed_anew(world)


async def _claimed_anew(world: World) -> World:
    of, organization_id = world.core.organizations.domains, world.claim.organization_id
    claim = await of.claim(None, organization_id, EmailDomain(world.claim.domain))
    async with world.unit_of_work().for_organization(organization_id) as uow:
        await uow.domains.verify(organization_id, claim.id, claim.created_at)
        await uow.commit()
    return world._replace(claim=claim)


@pytest.mark.sec("SEC-66")
async def test_what_breaks_off_before_the_commit_leaves_neither(
    world: World, observer: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, link = await world.asked()
    commit = Transaction.commit

    async def cut_off(self: Transaction) -> None:
        backend = self._connection.get_server_pid()
        await observer.execute("SELECT pg_terminate_backend($1, 1000)", backend)
        await commit(self)

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "commit", cut_off)
        with pytest.raises(Unavailable):
            await world.core.self_service.verify_email.confirm(link)
    before = await world.state(user)
    await world.core.self_service.verify_email.confirm(link)

    assert ((False, None), (True, "member")) == (before, await world.state(user))
