"""Registration with an organization's invitation (SEC-59, SEC-66)."""

import asyncio
from datetime import timedelta

import pytest

from auth_core.kernel import (
    Email,
    EmailTaken,
    InvalidInput,
    InvalidLink,
    MailTemplate,
    RegistrationClosed,
    Unavailable,
    UsernameTaken,
)
from auth_core.organizations import (
    EmailDomain,
    InvitationToken,
    LimitReached,
    OrganizationChanges,
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

pytestmark = pytest.mark.sec("SEC-59")
BOB = Email("bob@acme.example")
OPEN = [mode for mode in RegistrationMode if mode is not RegistrationMode.CLOSED]


async def organization(core, slug="acme"):
    """The id of an organization with an owner."""
    owner = await verified_user(core, f"owner-of-{slug}")
    made = await core.organizations.organizations.create(
        owner, name=slug.title(), slug=Slug.parse(slug)
    )
    return made.organization.id


async def invited(core, organization_id, email=BOB, role="viewer"):
    """The secret of an invitation."""
    await core.organizations.invitations.invite(None, organization_id, email, role)
    return token_in(core, MailTemplate.ORGANIZATION_INVITATION, "code")


def asks(name="bob", email=BOB):
    return Registration.parse(username=name, email=email.value)


def role_of(core, organization_id, user):
    found = core.store.memberships.get((organization_id, user.id))
    return found and found.role


@pytest.mark.sec("SEC-66")
@pytest.mark.parametrize("mode", OPEN)
async def test_the_invited_get_an_account_and_the_role_at_once(mode):
    core = deployment(mode)
    acme = await organization(core)
    token = await invited(core, acme)

    welcome = await core.self_service.joining.welcome(token)
    signed_in = await core.self_service.joining.register(asks(), PASSWORD, token, origin=ORIGIN)
    user = signed_in.user

    assert ("Acme", BOB, False) == (welcome.organization, welcome.email, welcome.has_account)
    assert (True, "viewer") == (user.email_verified, role_of(core, acme, user))
    assert await core.sign_in.log_in(named("bob"), PASSWORD)
    about = [event.type for event in core.published if event.user_id == user.id]
    assert ["user.created", "invitation.accepted", "membership.added"] == about[:3]
    recorded = [one.action.value for one in core.audited if one.user_id == user.id]
    assert ["user:registered", "invitation:accepted", "membership:added"] == recorded


async def test_where_registration_is_closed_an_invitation_opens_nothing_but_the_organization():
    core = deployment(RegistrationMode.CLOSED)
    acme = await organization(core)
    token = await invited(core, acme)

    with pytest.raises(RegistrationClosed):
        await core.self_service.joining.welcome(token)
    with pytest.raises(RegistrationClosed):
        await core.self_service.joining.register(asks(), PASSWORD, token, origin=ORIGIN)

    user = await verified_user(core, "bob-by-an-administrator")
    token = await invited(core, acme, user.email)
    assert (await core.self_service.joining.welcome(token)).has_account
    await core.organizations.invitations.accept(user.id, token)
    assert "viewer" == role_of(core, acme, user)


async def test_the_page_makes_the_account_without_a_session(core):
    acme = await organization(core)
    token = await invited(core, acme)

    user = await core.self_service.joining.accept(asks(), PASSWORD, token)

    assert "viewer" == role_of(core, acme, user)
    assert [] == [one for one in core.store.sessions.values() if one.user_id == user.id]


async def test_of_fifty_redemptions_one_makes_an_account(core):
    acme = await organization(core)
    token = await invited(core, acme)

    results = await asyncio.gather(
        *(
            core.self_service.joining.register(asks(f"bob{number}"), PASSWORD, token, origin=ORIGIN)
            for number in range(50)
        ),
        return_exceptions=True,
    )

    assert 49 == sum(isinstance(each, InvalidLink) for each in results)
    (made,) = [each for each in results if not isinstance(each, Exception)]
    assert [made.user.id] == [each.id for each in core.store.users.values() if each.email == BOB]
    assert "viewer" == role_of(core, acme, made.user)


async def test_an_invitation_is_for_its_address_and_its_organization(core):
    acme = await organization(core)
    token = await invited(core, acme)
    other = InvitationToken(await organization(core, "other"), InvitationToken.parse(token).secret)

    for registration, text in (
        (asks(email=Email("eve@acme.example")), token),
        (asks(), other.reveal()),
        (asks(), token[:-1] + ("A" if token[-1] != "A" else "B")),
        (asks(), "x"),
    ):
        with pytest.raises(InvalidLink):
            await core.self_service.joining.register(registration, PASSWORD, text, origin=ORIGIN)

    assert [] == [each for each in core.store.users.values() if each.email == BOB]


@pytest.mark.parametrize("end", ["revoked", "expired", "again", "deleted", "used"])
async def test_what_is_over_opens_nothing(core, end):
    acme = await organization(core)
    token = await invited(core, acme)
    of = core.organizations
    match end:
        case "revoked":
            (invitation,) = await of.invitations.page(acme)
            await of.invitations.revoke(None, acme, invitation.id)
        case "expired":
            core.clock.advance(timedelta(days=7))
        case "again":
            await invited(core, acme)
        case "deleted":
            await of.organizations.delete(None, acme)
        case "used":
            await core.self_service.joining.accept(asks(), PASSWORD, token)

    with pytest.raises(InvalidLink):
        await core.self_service.joining.welcome(token)
    with pytest.raises(InvalidLink):
        await core.self_service.joining.register(asks("bob2"), PASSWORD, token, origin=ORIGIN)


async def test_what_is_refused_leaves_the_invitation(core):
    acme = await organization(core)
    token = await invited(core, acme)
    await verified_user(core, "carol")
    joining = core.self_service.joining

    with pytest.raises(UsernameTaken):
        await joining.register(asks("carol"), PASSWORD, token, origin=ORIGIN)
    with pytest.raises(InvalidInput):
        await joining.register(asks(), "short", token, origin=ORIGIN)
    with pytest.raises(InvalidInput):
        await joining.register(asks(), None, token, origin=ORIGIN)
    limit = OrganizationChanges(max_members=1)
    await core.organizations.organizations.edit(None, acme, limit)
    with pytest.raises(LimitReached):
        await joining.register(asks(), PASSWORD, token, origin=ORIGIN)
    assert [] == [each for each in core.store.users.values() if each.email == BOB]
    limit = OrganizationChanges(max_members=2)
    await core.organizations.organizations.edit(None, acme, limit)

    assert await joining.register(asks(), PASSWORD, token, origin=ORIGIN)


async def test_who_has_an_account_signs_in_instead(core):
    acme = await organization(core)
    user = await verified_user(core)
    token = await invited(core, acme, user.email)

    welcome = await core.self_service.joining.welcome(token)
    with pytest.raises(EmailTaken):
        await core.self_service.joining.register(
            asks("another", user.email), PASSWORD, token, origin=ORIGIN
        )
    await core.organizations.invitations.accept(user.id, token)

    assert welcome.has_account
    assert "viewer" == role_of(core, acme, user)


@pytest.mark.parametrize("owned_by", ["same", "other"])
async def test_the_address_is_proven_for_its_domain_too(core, owned_by):
    acme = await organization(core)
    owner = acme if owned_by == "same" else await organization(core, "other")
    claim = await core.organizations.domains.claim(None, owner, EmailDomain(BOB.domain))
    core.names.publish(claim)
    await core.organizations.domains.verify(None, owner, claim.id)

    user = await core.self_service.joining.accept(asks(), PASSWORD, await invited(core, acme))

    assert "viewer" == role_of(core, acme, user)
    assert ("viewer" if owned_by == "same" else "member") == role_of(core, owner, user)


@pytest.mark.sec("SEC-66")
@pytest.mark.parametrize("statement", ["users.add", "memberships.add", "sessions.add", "commit"])
async def test_cut_off_anywhere_nothing_is_there_and_the_invitation_works(core, statement):
    acme = await organization(core)
    token = await invited(core, acme)
    before = dict(core.store.memberships), dict(core.store.users), list(core.audited)

    def cut(name):
        if name == statement:
            raise Unavailable

    core.store.on_statement = cut
    with pytest.raises(Unavailable):
        await core.self_service.joining.register(asks(), PASSWORD, token, origin=ORIGIN)
    assert before == (dict(core.store.memberships), dict(core.store.users), list(core.audited))
    core.store.on_statement = lambda _: None

    assert await core.self_service.joining.register(asks(), PASSWORD, token, origin=ORIGIN)
