"""Which organization is active: chosen by the user, and never one that they do not belong to."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.clients import Client, ClientPermission, client_secret_digest
from auth_core.kernel import InvalidToken, OrganizationId, Secret, Username, acting
from auth_core.organizations import OrganizationChanges, OrganizationNotFound, Slug
from auth_core.sessions import EndReason, SessionOrigin
from auth_core.testing.contracts.making import fresh_id
from auth_core.users import Registration

NAMES = ("Acme", "Bolt", "Cogs")


class Town:
    """Alice, who is a member of several organizations of Olive's."""

    def __init__(self, core):
        self.core = core
        self.organizations = core.organizations.organizations
        self.members = core.organizations.members
        self.alice, self.olive = None, None
        self.ids = {}

    async def build(self):
        for name in ("olive", "alice"):
            signed_in = await self.core.sign_in.register(Registration.parse(username=name))
            setattr(self, name, signed_in.user)
        for name in NAMES:
            made = await self.organizations.create(
                self.olive, name=name, slug=Slug.parse(name.lower())
            )
            self.ids[name] = made.organization.id
            await self.members.add(made.organization.id, self.alice.id, "member")

    async def sign_in(self, name="alice"):
        return await self.core.sign_in.log_in(Username.parse(name))

    async def principal(self, signed_in):
        return await self.core.authenticator.authenticate(signed_in.tokens.access_token)

    async def switch(self, signed_in, name):
        principal = await self.principal(signed_in)
        wanted = None if name is None else self.ids[name]
        return await self.core.organization_switch.switch(principal, wanted)

    async def active(self, signed_in):
        """The name of what is active, as a request with these tokens finds it."""
        organization = (await self.principal(signed_in)).organization
        return None if organization is None else organization.name

    async def claimed(self, signed_in):
        """What new tokens say, whichever way they are asked for: the name, and the scopes."""
        refreshed = await self.core.refresh.redeem(signed_in.tokens.refresh_token)
        claims = (await self.principal(refreshed)).claims
        found = [name for name, each in self.ids.items() if str(each) == claims.organization_id]
        return (found[0] if found else claims.organization_id), claims.scopes

    async def leave(self, name):
        await self.members.remove(self.alice.id, self.ids[name], self.alice.id)


@pytest.fixture
async def town(core):
    town = Town(core)
    await town.build()
    return town


async def test_new_tokens_say_where_and_every_token_of_the_session_acts_there(core, town):
    first, other = await town.sign_in(), await town.sign_in()
    assert [None, None] == [await town.active(first), await town.active(other)]

    switched = await town.switch(first, "Bolt")

    principal = await town.principal(switched)
    assert str(town.ids["Bolt"]) == principal.claims.organization_id
    assert ("personal", "team", "global") == principal.claims.scopes
    assert first.tokens.session_id == switched.tokens.session_id
    assert first.tokens.refresh_token == switched.tokens.refresh_token
    assert ["Bolt", "Bolt", None] == [await town.active(one) for one in (switched, first, other)]
    assert ("Bolt", ("personal", "team", "global")) == await town.claimed(switched)


async def test_out_of_all_organizations_there_is_no_team(town):
    signed_in = await town.sign_in()
    await town.switch(signed_in, "Bolt")

    out = await town.switch(signed_in, None)

    assert None is (await town.principal(out)).claims.organization_id
    assert None is await town.active(signed_in)
    assert (None, ("personal", "global")) == await town.claimed(out)


async def test_it_is_on_record_where_the_user_acts_from_then_on(core, town):
    signed_in = await town.sign_in()
    before = len(core.audited)

    for name in ("Acme", "Acme", "Bolt", None):
        await town.switch(signed_in, name)

    acme, bolt = town.ids["Acme"], town.ids["Bolt"]
    assert [
        (acme, None),
        (bolt, f"organization:{acme}"),
        (None, f"organization:{bolt}"),
    ] == [(one.organization_id, one.target) for one in core.audited[before:]]
    assert {("session:organization_switched", town.alice.id, signed_in.tokens.session_id)} == {
        (one.action, one.user_id, one.session_id) for one in core.audited[before:]
    }


@pytest.mark.sec("SEC-55", "SEC-56")
async def test_what_is_not_the_users_is_not_there(core, town):
    """Whether it belongs to others, is deleted, or never was: one answer, and nothing changes."""
    signed_in = await town.sign_in()
    await town.switch(signed_in, "Acme")
    others = await town.organizations.create(town.olive, name="Others", slug=Slug.parse("others"))
    await town.organizations.delete(town.olive.id, town.ids["Cogs"])
    before, stored = core.audited, dict(core.store.sessions)
    principal = await town.principal(signed_in)

    messages = []
    for wanted in (others.organization.id, town.ids["Cogs"], OrganizationId(fresh_id())):
        with pytest.raises(OrganizationNotFound) as refused:
            await core.organization_switch.switch(principal, wanted)
        messages.append(str(refused.value))

    assert 1 == len(set(messages))
    assert (before, stored) == (core.audited, dict(core.store.sessions))
    assert "Acme" == await town.active(signed_in)


@pytest.mark.sec("SEC-56")
async def test_not_even_an_administrator_acts_where_they_are_no_member(core, town):
    root = await core.sign_in.register(Registration.parse(username="root"))

    with pytest.raises(OrganizationNotFound):
        await town.switch(root, "Acme")


@pytest.mark.sec("SEC-56")
async def test_whoever_has_left_acts_there_no_more_from_the_next_request_on(core, town):
    """On every worker, with every token of before; no new one says it either."""
    signed_in = await town.sign_in()
    switched = await town.switch(signed_in, "Bolt")
    other_worker = core.another_worker()
    await other_worker.authenticator.authenticate(switched.tokens.access_token)

    await town.leave("Bolt")

    assert None is await town.active(switched)
    elsewhere = await other_worker.authenticator.authenticate(switched.tokens.access_token)
    assert None is elsewhere.organization
    assert (None, ("personal", "global")) == await town.claimed(switched)


@pytest.mark.sec("SEC-56")
async def test_whoever_introspects_an_older_token_sees_no_team_after_that(core, town):
    caller = Client(
        client_id="gateway",
        secret_digest=client_secret_digest("s" * 40),
        allow=frozenset({ClientPermission.INTROSPECT}),
    )
    token = (await town.switch(await town.sign_in(), "Bolt")).tokens.access_token
    before = await core.introspection.introspect(token, caller)

    await town.leave("Bolt")

    after = await core.introspection.introspect(token, caller)
    assert [("personal", "team", "global"), ("personal", "global")] == [
        before.scopes,
        after.scopes,
    ]


async def test_a_deleted_organization_is_not_active_until_it_is_restored(town):
    signed_in = await town.switch(await town.sign_in(), "Bolt")

    await town.organizations.delete(town.olive.id, town.ids["Bolt"])
    deleted = await town.active(signed_in)
    await town.organizations.restore(town.olive.id, town.ids["Bolt"])

    assert [None, "Bolt"] == [deleted, await town.active(signed_in)]


async def test_a_new_name_is_read_from_the_next_request_on(town):
    signed_in = await town.switch(await town.sign_in(), "Bolt")
    assert "Bolt" == await town.active(signed_in)

    changes = OrganizationChanges(name="Nuts & Bolts")
    await town.organizations.edit(town.olive.id, town.ids["Bolt"], changes)

    assert "Nuts & Bolts" == await town.active(signed_in)


async def test_the_next_session_begins_where_the_user_acted_last(town):
    signed_in = await town.sign_in()
    await town.switch(signed_in, "Acme")
    await town.switch(signed_in, "Bolt")

    assert "Bolt" == await town.active(await town.sign_in())
    await town.leave("Bolt")
    assert None is await town.active(await town.sign_in())
    await town.leave("Acme")
    assert "Cogs" == await town.active(await town.sign_in())
    await town.organizations.delete(town.olive.id, town.ids["Cogs"])
    assert None is await town.active(await town.sign_in())


async def test_who_acts_for_a_user_begins_where_they_were_and_leaves_them_there(core, town):
    await town.switch(await town.sign_in(), "Bolt")
    core.store.users[town.alice.id] = core.store.users[town.alice.id].with_roles(
        ("user",), at=core.clock.now()
    )
    root = await core.sign_in.register(Registration.parse(username="root"))
    for_alice = await core.impersonation.begin(
        await town.principal(root),
        town.alice.id,
        reason="ticket 4711",
        lifetime=timedelta(minutes=30),
        origin=SessionOrigin(),
    )
    begun = await town.active(for_alice)

    with acting(root.user.id):  # as the gate does for every request of such a session
        await town.switch(for_alice, "Acme")

    assert ["Bolt", "Acme", "Bolt"] == [
        begun,
        await town.active(for_alice),
        await town.active(await town.sign_in()),
    ]
    assert ("session:organization_switched", root.user.id) == (
        core.audited[-1].action,
        core.audited[-1].actor_id,
    )


async def test_a_session_that_ended_meanwhile_is_not_switched(core, town):
    signed_in = await town.sign_in()
    principal = await town.principal(signed_in)
    await core.sessions.end(town.alice.id, principal.session.id, EndReason.LOGOUT)
    before = core.audited

    with pytest.raises(InvalidToken):
        await core.organization_switch.switch(principal, town.ids["Acme"])

    assert before == core.audited
    assert None is core.store.sessions[principal.session.id].organization_id


async def test_a_proof_renewed_keeps_the_organization(core, town):
    password = "a password that is long enough"
    await core.lifecycle.set_password(town.alice.id, Secret(password))
    signed_in = await core.sign_in.log_in(town.alice.username, password)
    switched = await town.principal(await town.switch(signed_in, "Acme"))

    renewed = await core.reauthentication.by_password(switched, password)

    assert str(town.ids["Acme"]) == (await town.principal(renewed)).claims.organization_id


async def test_what_the_cache_missed_is_made_good_when_it_is_back(core, town):
    signed_in = await town.sign_in()
    await town.active(signed_in)

    core.cache.down = True
    switched = await town.switch(signed_in, "Acme")
    in_between = await town.active(switched)
    core.cache.down = False

    assert ["Acme", "Acme"] == [in_between, await town.active(signed_in)]


async def test_a_retry_after_a_crash_between_commit_and_cache_makes_it_good(core, town):
    signed_in = await town.sign_in()
    await town.active(signed_in)
    session = core.store.sessions[signed_in.tokens.session_id]
    core.store.sessions[session.id] = msgspec.structs.replace(
        session, organization_id=town.ids["Acme"]
    )
    assert None is await town.active(signed_in)

    await town.switch(signed_in, "Acme")

    assert "Acme" == await town.active(signed_in)


@pytest.mark.sec("SEC-56")
@pytest.mark.parametrize("late", range(8))
async def test_a_switch_that_races_the_end_of_the_membership_leaves_nothing_active(
    core, town, late
):
    signed_in = await town.sign_in()
    await town.active(signed_in)

    async def remove():
        for _ in range(late):
            await asyncio.sleep(0)
        await town.members.remove(town.olive.id, town.ids["Acme"], town.alice.id)

    switched, removed = await asyncio.gather(
        town.switch(signed_in, "Acme"), remove(), return_exceptions=True
    )

    assert None is removed
    assert not isinstance(switched, Exception) or isinstance(switched, OrganizationNotFound)
    assert None is await town.active(signed_in)
    assert (None, ("personal", "global")) == await town.claimed(signed_in)


@pytest.mark.parametrize("late", range(8))
async def test_a_switch_that_races_a_refresh_is_not_lost(core, town, late):
    """Nor is the refresh: the one moves the counter, the other the organization."""
    signed_in = await town.sign_in()

    async def refresh():
        for _ in range(late):
            await asyncio.sleep(0)
        return await core.refresh.redeem(signed_in.tokens.refresh_token)

    _, refreshed = await asyncio.gather(town.switch(signed_in, "Acme"), refresh())

    assert "Acme" == await town.active(refreshed)
    assert "Acme" == (await town.claimed(refreshed))[0]


@pytest.mark.parametrize("late", range(8))
async def test_a_switch_and_the_end_of_the_account_do_not_wait_for_each_other(core, town, late):
    """One takes the organization first and the account after, the other the account first."""
    await town.members.change_role(town.olive.id, town.ids["Acme"], town.alice.id, "owner")
    signed_in = await town.sign_in()
    principal = await town.principal(signed_in)

    async def delete():
        for _ in range(late):
            await asyncio.sleep(0)
        return await core.lifecycle.delete(town.alice.id)

    switched, deleted = await asyncio.gather(
        core.organization_switch.switch(principal, town.ids["Acme"]),
        delete(),
        return_exceptions=True,
    )

    assert not isinstance(deleted, Exception)
    assert not isinstance(switched, Exception) or isinstance(switched, InvalidToken)
    with pytest.raises(InvalidToken):
        await town.principal(signed_in)


async def test_of_two_switches_at_once_one_holds_everywhere(core, town):
    signed_in = await town.sign_in()
    await town.active(signed_in)
    before = len(core.audited)

    await asyncio.gather(town.switch(signed_in, "Acme"), town.switch(signed_in, "Bolt"))

    active = await town.active(signed_in)
    assert town.ids[active] == core.store.sessions[signed_in.tokens.session_id].organization_id
    assert active == (await town.claimed(signed_in))[0]
    first, second = core.audited[before:]
    assert town.ids[active] == second.organization_id
    assert f"organization:{first.organization_id}" == second.target
