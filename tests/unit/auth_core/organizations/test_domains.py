"""Claiming and proving e-mail domains (SEC-55, SEC-57, SEC-66)."""

import asyncio

import msgspec
import pytest

from auth_core.core import Core, Options
from auth_core.kernel import InvalidInput, PermissionDenied, Unavailable
from auth_core.organizations import (
    DomainNotFound,
    DomainNotProven,
    DomainTaken,
    EmailDomain,
    LimitReached,
    OrganizationNotFound,
    OrganizationPolicy,
    Slug,
)
from auth_core.testing import in_memory_core

ACME = EmailDomain("acme.example")


@pytest.fixture
def domains(core):
    return core.organizations.domains


@pytest.fixture
def acme_id(acme):
    return acme.organization.id


@pytest.fixture
async def rival(core, person):
    """Another organization, and its owner."""
    owner = await person()
    made = await core.organizations.organizations.create(
        owner, name="Rival", slug=Slug.parse("rival")
    )
    return owner, made.organization.id


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("acme.example", "acme.example"),
        ("ACME.Example.", "acme.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("B\u00fcCHER\uff0eexample", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_is_folded_as_in_addresses(text, canonical):
    assert canonical == EmailDomain.parse(text).value


@pytest.mark.parametrize(
    "text",
    [
        *("", "acme", "@acme.example", "a b.example", "-a.example", "a..example", "192.0.2.1"),
        *("*.acme.example", "acme.example..", "_dmarc.acme.example", "dev.faultmaven.local"),
        *(".".join(["x" * 60] * 4), "ﷺ" * 60 + ".example", "x" * 100_000),
    ],
)
def test_what_is_no_domain_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        EmailDomain.parse(text)

    assert "domain" == refused.value.problems[0].field


@pytest.mark.sec("SEC-66")
async def test_a_domain_is_claimed_proven_and_given_up(core, domains, acme_id, owner):
    claim = await domains.claim(owner.id, acme_id, ACME)
    with pytest.raises(DomainNotProven):
        await domains.verify(owner.id, acme_id, claim.id)
    core.names.publish(claim)
    verified = await domains.verify(owner.id, acme_id, claim.id)
    again = await domains.verify(owner.id, acme_id, claim.id)
    listed = await domains.all(acme_id)
    await domains.release(owner.id, acme_id, claim.id)

    assert ["_fm-auth-challenge.acme.example"] * 2 == core.names.asked
    assert (
        verified
        == again
        == listed[0]
        == msgspec.structs.replace(claim, verified_at=core.clock.now())
    )
    assert [] == list(await domains.all(acme_id))
    assert [
        "organization.domain_claimed",
        "organization.domain_verified",
        "organization.domain_removed",
    ] == [event.type for event in core.published[-3:]]
    assert {claim.id} == {event.domain_id for event in core.published[-3:]}
    assert [
        (action, owner.id, f"domain:{claim.id}", "acme.example")
        for action in ("domain:claimed", "domain:verified", "domain:removed")
    ] == [
        (each.action.value, each.actor_id, each.target, each.detail) for each in core.audited[-3:]
    ]


async def test_only_the_own_challenge_proves(core, domains, acme_id, owner, rival):
    other, rival_id = rival
    mine = await domains.claim(owner.id, acme_id, ACME)
    theirs = await domains.claim(other.id, rival_id, ACME)
    core.names.publish(theirs)
    core.names.records[mine.record_name] += [mine.challenge, mine.record_value + "x", ""]

    with pytest.raises(DomainNotProven):
        await domains.verify(owner.id, acme_id, mine.id)


async def test_a_dns_that_does_not_answer_proves_nothing(core, domains, acme_id, owner):
    claim = await domains.claim(owner.id, acme_id, ACME)
    core.names.publish(claim)
    core.names.fails = True

    with pytest.raises(DomainNotProven):
        await domains.verify(owner.id, acme_id, claim.id)

    assert None is (await domains.all(acme_id))[0].verified_at


async def test_a_proven_domain_is_one_organizations_until_it_gives_it_up(
    core, domains, acme_id, owner, rival
):
    other, rival_id = rival
    mine = await domains.claim(owner.id, acme_id, ACME)
    theirs = await domains.claim(other.id, rival_id, ACME)
    core.names.publish(mine)
    core.names.publish(theirs)

    racing = (
        domains.verify(owner.id, acme_id, mine.id),
        domains.verify(other.id, rival_id, theirs.id),
    )
    results = await asyncio.gather(*racing, return_exceptions=True)
    first = next(each for each in results if not isinstance(each, Exception))
    assert 1 == sum(isinstance(each, DomainTaken) for each in results)

    await domains.release(None, first.organization_id, first.id)
    late = (other, theirs) if first.id == mine.id else (owner, mine)
    proven = await domains.verify(late[0].id, late[1].organization_id, late[1].id)

    assert proven.verified_at


@pytest.mark.sec("SEC-57")
@pytest.mark.parametrize("role", ["member", "viewer"])
async def test_only_who_may_let_people_in_does_so(core, domains, acme_id, owner, member, role):
    user = await member(role)
    claim = await domains.claim(owner.id, acme_id, ACME)
    core.names.publish(claim)

    for attempt in (
        domains.claim(user.id, acme_id, EmailDomain("other.example")),
        domains.verify(user.id, acme_id, claim.id),
        domains.release(user.id, acme_id, claim.id),
    ):
        with pytest.raises(PermissionDenied):
            await attempt


@pytest.mark.sec("SEC-57")
async def test_who_lost_a_role_while_the_dns_was_asked_proves_nothing(
    core, domains, acme_id, owner, member
):
    admin = await member("admin")
    claim = await domains.claim(admin.id, acme_id, ACME)
    core.names.publish(claim)
    texts = core.names.texts

    async def slow(name):
        await core.organizations.members.change_role(owner.id, acme_id, admin.id, "viewer")
        return await texts(name)

    core.names.texts = slow
    with pytest.raises(PermissionDenied):
        await domains.verify(admin.id, acme_id, claim.id)

    assert None is (await domains.all(acme_id))[0].verified_at


@pytest.mark.sec("SEC-55")
async def test_another_organizations_claim_is_none(domains, acme_id, owner, rival):
    other, rival_id = rival
    claim = await domains.claim(owner.id, acme_id, ACME)

    for attempt in (
        domains.verify(other.id, rival_id, claim.id),
        domains.release(other.id, rival_id, claim.id),
    ):
        with pytest.raises(DomainNotFound):
            await attempt
    with pytest.raises(OrganizationNotFound):
        await domains.claim(other.id, acme_id, EmailDomain("b.example"))


async def test_a_claim_that_is_given_up_meanwhile_proves_nothing(core, domains, acme_id, owner):
    claim = await domains.claim(owner.id, acme_id, ACME)

    async def slow(_name):
        await domains.release(owner.id, acme_id, claim.id)
        return [claim.record_value]

    core.names.texts = slow
    with pytest.raises(DomainNotFound):
        await domains.verify(owner.id, acme_id, claim.id)


async def test_what_is_everybodys_taken_or_too_much_is_not_claimed(owner, person, acme):
    core = in_memory_core(Options(organizations=OrganizationPolicy(max_domains=1)))
    async with core.unit_of_work() as uow:
        await uow.users.add(owner)
        await uow.commit()
    made = await core.organizations.organizations.create(owner, name="A", slug=Slug.parse("aa"))
    of, organization_id = core.organizations.domains, made.organization.id

    with pytest.raises(InvalidInput):
        await of.claim(owner.id, organization_id, EmailDomain("gmail.com"))
    await of.claim(owner.id, organization_id, ACME)
    with pytest.raises(LimitReached):
        await of.claim(owner.id, organization_id, EmailDomain("b.example"))


async def test_nobody_claims_a_domain_twice(domains, acme_id, owner):
    await domains.claim(owner.id, acme_id, ACME)

    with pytest.raises(DomainTaken):
        await domains.claim(owner.id, acme_id, ACME)


async def test_without_a_dns_nothing_is_claimed(core, acme_id, owner):
    ports = msgspec.structs.replace(core.ports, domain_names=None)
    domains = Core(ports, core.options).organizations.domains

    with pytest.raises(PermissionDenied):
        await domains.claim(owner.id, acme_id, ACME)


@pytest.mark.sec("SEC-66")
@pytest.mark.parametrize("statement", ["domains.verify", "audit.append", "outbox.add", "commit"])
async def test_cut_off_anywhere_nothing_is_proven(core, domains, acme_id, owner, statement):
    claim = await domains.claim(owner.id, acme_id, ACME)
    core.names.publish(claim)
    before = dict(core.store.domains), list(core.audited), list(core.published)

    def cut(name):
        if name == statement:
            raise Unavailable

    core.store.on_statement = cut
    with pytest.raises(Unavailable):
        await domains.verify(owner.id, acme_id, claim.id)

    assert before == (dict(core.store.domains), list(core.audited), list(core.published))
