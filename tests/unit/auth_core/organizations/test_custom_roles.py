"""Roles that an organization makes itself, decided with the organization held (SEC-57, SEC-66)."""

import asyncio

import pytest

from auth_core.kernel import Conflict, PermissionDenied, PreconditionFailed
from auth_core.organizations import OrganizationNotFound
from auth_core.roles import RoleNameTaken, RoleNotFound
from auth_core.testing.contracts.making import fresh_id

READS = frozenset({"cases:read"})
MORE = frozenset({"cases:read", "cases:write"})


@pytest.fixture
def acme_id(acme):
    return acme.organization.id


@pytest.fixture
async def auditor(core, owner, acme_id):
    return await core.roles.create(owner.id, acme_id, name="auditor", permissions=READS)


@pytest.mark.sec("SEC-66")
async def test_each_change_is_told_and_recorded_once(core, owner, acme_id, auditor):
    changed = await core.roles.update(owner.id, acme_id, auditor.id, permissions=MORE)
    await core.roles.delete(owner.id, acme_id, auditor.id)

    assert ("cases:read", "cases:write") == changed.permissions
    assert ["role.created", "role.updated", "role.deleted"] == [
        event.type for event in core.published if event.type.startswith("role.")
    ]
    records = [each for each in core.audited if each.action.value.startswith("role:")]
    assert ["role:created", "role:updated", "role:deleted"] == [each.action for each in records]
    assert {(owner.id, acme_id, f"role:{auditor.id}")} == {
        (each.actor_id, each.organization_id, each.target) for each in records
    }


async def test_one_reads_what_there_is_by_page_and_id(core, acme_id, auditor):
    assert [auditor] == await core.roles.page(acme_id)
    assert auditor == await core.roles.get(acme_id, auditor.id)


async def test_what_is_not_there_is_not_found(core, owner, acme_id):
    nothing = fresh_id()

    with pytest.raises(RoleNotFound):
        await core.roles.get(acme_id, nothing)
    with pytest.raises(RoleNotFound):
        await core.roles.update(owner.id, acme_id, nothing, permissions=READS)
    with pytest.raises(OrganizationNotFound):
        await core.roles.create(owner.id, fresh_id(), name="auditor", permissions=READS)


async def test_a_name_is_given_once_also_at_once(core, owner, acme_id, auditor):
    with pytest.raises(RoleNameTaken):
        await core.roles.create(owner.id, acme_id, name="auditor", permissions=READS)

    tries = [
        core.roles.create(owner.id, acme_id, name="reader", permissions=READS) for _ in range(5)
    ]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    assert 4 == sum(isinstance(each, Conflict) for each in outcomes)
    assert {"auditor", "reader"} == {role.name for role in await core.roles.page(acme_id)}


async def test_a_change_to_the_same_writes_nothing(core, owner, acme_id, auditor):
    before = len(core.published)

    same = await core.roles.update(
        owner.id, acme_id, auditor.id, permissions=READS, description=auditor.description
    )

    assert (auditor, before) == (same, len(core.published))


async def test_a_version_that_is_old_changes_nothing(core, owner, acme_id, auditor):
    newer = await core.roles.update(owner.id, acme_id, auditor.id, description="reads cases")

    with pytest.raises(PreconditionFailed):
        await core.roles.update(
            owner.id, acme_id, auditor.id, permissions=MORE, if_version=auditor.version
        )

    assert newer == await core.roles.get(acme_id, auditor.id)
    assert ("reads cases", READS) == (newer.description, frozenset(newer.permissions))


@pytest.mark.sec("SEC-57")
async def test_whoever_is_gone_or_holds_less_makes_no_role(core, owner, member, acme_id, auditor):
    viewer = await member("viewer")

    for granter in (viewer.id, fresh_id()):
        with pytest.raises(PermissionDenied):
            await core.roles.create(granter, acme_id, name="mine", permissions=READS)
        with pytest.raises(PermissionDenied):
            await core.roles.update(granter, acme_id, auditor.id, permissions=MORE)
        with pytest.raises(PermissionDenied):
            await core.roles.delete(granter, acme_id, auditor.id)

    assert [auditor] == await core.roles.page(acme_id)


async def test_in_a_deleted_organization_nobody_makes_a_role(core, owner, acme_id):
    await core.organizations.organizations.delete(owner.id, acme_id)

    with pytest.raises(OrganizationNotFound):
        await core.roles.create(owner.id, acme_id, name="auditor", permissions=READS)
