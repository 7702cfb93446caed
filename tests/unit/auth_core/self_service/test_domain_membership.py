"""Whoever proves an address of a verified domain becomes a member of its organization."""

import asyncio

import pytest

from auth_core.kernel import Email, MailTemplate, Unavailable
from auth_core.organizations import (
    EmailDomain,
    OrganizationChanges,
    OrganizationSettings,
    Slug,
)
from auth_core.self_service import RegistrationMode
from auth_core.users import Registration
from tests.unit.auth_core.self_service.people import (
    ORIGIN,
    PASSWORD,
    deployment,
    named,
    token_in,
    verified_user,
)

ACME = "acme.example"


async def organization_with_domain(core, domain=ACME, slug="acme"):
    """An organization that has proven ``domain``."""
    owner = await verified_user(core, f"owner-of-{slug}")
    made = await core.organizations.organizations.create(
        owner, name=slug.title(), slug=Slug.parse(slug)
    )
    claim = await core.organizations.domains.claim(
        owner.id, made.organization.id, EmailDomain(domain)
    )
    core.names.publish(claim)
    await core.organizations.domains.verify(owner.id, made.organization.id, claim.id)
    return made.organization.id, claim


def role_of(core, organization_id, user):
    found = core.store.memberships.get((organization_id, user.id))
    return found and found.role


async def registered(core, name="bob", domain=ACME):
    """Somebody who has just proven an address there by registering."""
    registration = Registration.parse(username=name, email=f"{name}@{domain}")
    await core.self_service.registration.register(registration, PASSWORD, origin=ORIGIN)
    token = token_in(core, MailTemplate.VERIFY_REGISTRATION)
    return (await core.self_service.registration.verify(token, origin=ORIGIN)).user


@pytest.mark.sec("SEC-66")
async def test_by_registering(core):
    acme_id, _ = await organization_with_domain(core)

    user = await registered(core)

    assert "member" == role_of(core, acme_id, user)
    assert ["user.created", "membership.added"] == [
        event.type for event in core.published if event.user_id == user.id
    ][:2]
    (record,) = [one for one in core.audited if one.action.value == "membership:added"]
    assert (user.id, acme_id, "domain", "member") == (
        record.user_id,
        record.organization_id,
        record.reason,
        record.detail,
    )


async def test_by_registering_where_an_invitation_is_needed():
    core = deployment(RegistrationMode.INVITE)
    acme_id, _ = await organization_with_domain(core)
    email = Email.parse(f"bob@{ACME}")
    await core.self_service.registration.invite(email)
    token = token_in(core, MailTemplate.REGISTRATION_INVITATION)

    user = await core.self_service.registration.accept(
        Registration.parse(username="bob", email=email.value), PASSWORD, token
    )

    assert "member" == role_of(core, acme_id, user)


async def changed_address(core, user, address):
    """What the link of a change of address is taken with."""
    flow = core.self_service.change_email
    await flow.request(user, Email.parse(address), PASSWORD)
    return token_in(core, MailTemplate.CHANGE_EMAIL)


async def test_by_another_address(core):
    acme_id, _ = await organization_with_domain(core)
    user = await verified_user(core)
    token = await changed_address(core, user, f"alice@{ACME}")
    assert None is role_of(core, acme_id, user)

    await core.self_service.change_email.confirm(token)

    assert "member" == role_of(core, acme_id, user)


@pytest.mark.sec("SEC-63")
async def test_an_address_that_is_not_proven_is_no_way_in():
    core = deployment(RegistrationMode.OPEN)
    acme_id, _ = await organization_with_domain(core)
    registration = Registration.parse(username="bob", email=f"bob@{ACME}")
    signed_in = await core.self_service.registration.register(registration, PASSWORD, origin=ORIGIN)
    user = signed_in.user
    await core.sign_in.log_in(named("bob"), PASSWORD)
    await core.self_service.verify_email.send(user.email)
    before = role_of(core, acme_id, user)

    await core.self_service.verify_email.confirm(token_in(core, MailTemplate.VERIFY_EMAIL))

    assert (None, "member") == (before, role_of(core, acme_id, user))


@pytest.mark.sec("SEC-63")
@pytest.mark.parametrize("domain", ["mail.acme.example", "notacme.example", "acme.example.org"])
async def test_only_the_very_domain_counts(core, domain):
    acme_id, _ = await organization_with_domain(core)

    user = await registered(core, domain=domain)

    assert None is role_of(core, acme_id, user)


async def test_a_subdomain_counts_if_it_is_claimed(core):
    acme_id, _ = await organization_with_domain(core, "mail.acme.example")

    assert "member" == role_of(core, acme_id, await registered(core, domain="mail.acme.example"))
    assert None is role_of(core, acme_id, await registered(core, "carol"))


@pytest.mark.sec("SEC-63")
async def test_a_claim_without_proof_lets_nobody_in(core):
    owner = await verified_user(core, "owner")
    made = await core.organizations.organizations.create(owner, name="A", slug=Slug.parse("aa"))
    await core.organizations.domains.claim(owner.id, made.organization.id, EmailDomain(ACME))

    assert None is role_of(core, made.organization.id, await registered(core))


async def test_the_organization_says_as_what(core):
    acme_id, _ = await organization_with_domain(core)
    settings = OrganizationSettings(domain_role="viewer")
    await core.organizations.organizations.edit(
        None, acme_id, OrganizationChanges(settings=settings)
    )

    assert "viewer" == role_of(core, acme_id, await registered(core))


async def test_a_full_organization_fails_nobodys_proof(core):
    acme_id, _ = await organization_with_domain(core)
    await core.organizations.organizations.edit(None, acme_id, OrganizationChanges(max_members=1))

    user = await registered(core)

    assert user.email_verified
    assert None is role_of(core, acme_id, user)
    (record,) = [one for one in core.audited if one.action.value == "membership:refused"]
    assert (user.id, acme_id, "limit_reached") == (
        record.user_id,
        record.organization_id,
        record.reason,
    )


async def test_of_many_at_once_as_many_get_in_as_have_room(core):
    acme_id, _ = await organization_with_domain(core)
    await core.organizations.organizations.edit(None, acme_id, OrganizationChanges(max_members=3))

    users = await asyncio.gather(*(registered_late(core, f"user{n}") for n in range(6)))

    assert all(user.email_verified for user in users)
    assert 2 == sum(role_of(core, acme_id, user) == "member" for user in users)


async def registered_late(core, name):
    registration = Registration.parse(username=name, email=f"{name}@{ACME}")
    await core.self_service.registration.register(registration, PASSWORD, origin=ORIGIN)
    (letter,) = [
        one
        for one in core.letters
        if one.to == registration.email and one.template is MailTemplate.VERIFY_REGISTRATION
    ]
    return await core.self_service.registration.confirm(letter.values["token"])


async def test_who_is_in_already_keeps_the_role(core):
    acme_id, _ = await organization_with_domain(core)
    user = await verified_user(core)
    await core.organizations.members.add(acme_id, user.id, "admin")

    await core.self_service.change_email.confirm(await changed_address(core, user, f"alice@{ACME}"))

    assert "admin" == role_of(core, acme_id, user)


@pytest.mark.parametrize("end", ["release", "delete"])
async def test_what_is_given_up_or_deleted_lets_nobody_in(core, end):
    acme_id, claim = await organization_with_domain(core)
    if end == "release":
        await core.organizations.domains.release(None, acme_id, claim.id)
    else:
        await core.organizations.organizations.delete(None, acme_id)

    assert None is role_of(core, acme_id, await registered(core))


async def test_a_domain_that_is_given_up_at_the_same_moment_lets_nobody_in(core):
    acme_id, claim = await organization_with_domain(core)
    released = []

    def release(name):
        if name == "organizations.hold" and not released:
            released.append(core.store.domains.pop(claim.id))

    registration = Registration.parse(username="bob", email=f"bob@{ACME}")
    await core.self_service.registration.register(registration, PASSWORD, origin=ORIGIN)
    core.store.on_statement = release
    user = await core.self_service.registration.confirm(
        token_in(core, MailTemplate.VERIFY_REGISTRATION)
    )

    assert released
    assert None is role_of(core, acme_id, user)


@pytest.mark.sec("SEC-66")
@pytest.mark.parametrize("statement", ["memberships.add", "audit.append", "commit"])
async def test_cut_off_anywhere_neither_is_there(core, statement):
    await organization_with_domain(core)
    user = await verified_user(core)
    token = await changed_address(core, user, f"alice@{ACME}")
    before = dict(core.store.memberships), core.store.users[user.id]

    def cut(name):
        if name == statement:
            raise Unavailable

    core.store.on_statement = cut
    with pytest.raises(Unavailable):
        await core.self_service.change_email.confirm(token)

    assert before == (dict(core.store.memberships), core.store.users[user.id])
