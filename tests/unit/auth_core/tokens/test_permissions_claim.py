"""The claim ``permissions``: off unless wanted, bounded, and true when the token was made."""

import base64
import json
from datetime import timedelta

import pytest

from auth_core.access import RoleScope
from auth_core.core import Options
from auth_core.organizations import Slug
from auth_core.sessions import SessionOrigin
from auth_core.testing import in_memory_core
from auth_core.testing.contracts.making import stored_user
from auth_core.tokens import AccessClaims, SignInPolicy
from auth_core.tokens.verify import subject_of_claims
from auth_core.users import Registration

DEVELOPMENT = SignInPolicy(development=True)


@pytest.fixture
async def core():
    core = in_memory_core(Options(sign_in=DEVELOPMENT, permissions_claim=2048))
    await core.keys.tend()
    return core


def claims_of(signed_in):
    payload = signed_in.tokens.access_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))


async def sign_up(core, name="jane"):
    return await core.sign_in.register(Registration.parse(username=name))


async def acme_of(core, user):
    made = await core.organizations.organizations.create(user, name="Acme", slug=Slug.parse("acme"))
    return made.organization.id


def permits(core, scope, role):
    return sorted(core.role_book.find(scope, role).permissions)


async def test_a_token_has_it_only_where_it_is_wanted():
    core = in_memory_core()
    await core.keys.tend()

    assert "permissions" not in claims_of(await sign_up(core))


async def test_without_an_organization_it_says_what_one_may_on_the_platform(core):
    claims = claims_of(await sign_up(core))

    assert permits(core, RoleScope.PLATFORM, "admin") == claims["permissions"]
    assert claims["organization_id"] is None


async def test_it_says_what_one_may_in_the_active_organization_with_a_role_of_its_own(core):
    jane, owner = (await sign_up(core)).user, (await sign_up(core, "owner")).user
    acme = await acme_of(core, owner)
    role = await core.roles.create(
        owner.id, acme, name="clerk", permissions=frozenset({"cases:read", "teams:read"})
    )
    await core.organizations.members.add(acme, jane.id, "clerk")

    before = await core.sign_in.log_in(jane.username)
    await core.roles.update(owner.id, acme, role.id, permissions=frozenset({"cases:write"}))
    after = await core.refresh.redeem(before.tokens.refresh_token)

    assert (str(acme), ["cases:read", "teams:read"]) == (
        claims_of(before)["organization_id"],
        claims_of(before)["permissions"],
    )
    assert ["cases:write"] == claims_of(after)["permissions"]


async def test_what_would_be_too_long_is_left_out_whole():
    core = in_memory_core(Options(sign_in=DEVELOPMENT, permissions_claim=100))
    await core.keys.tend()
    admin, owner = await sign_up(core), (await sign_up(core, "owner")).user
    acme = await acme_of(core, owner)
    await core.roles.create(owner.id, acme, name="clerk", permissions=frozenset({"cases:read"}))
    await core.organizations.members.add(acme, admin.user.id, "clerk")

    assert "permissions" not in claims_of(admin)
    as_clerk = await core.sign_in.log_in(admin.user.username)
    assert ["cases:read"] == claims_of(as_clerk)["permissions"]


@pytest.mark.sec("SEC-70")
async def test_a_token_of_somebody_who_acts_for_another_says_less(core):
    root, jane = await sign_up(core, "root"), await stored_user(core.unit_of_work)
    acme = await acme_of(core, jane)
    principal = await core.authenticator.authenticate(root.tokens.access_token)

    acted = await core.impersonation.begin(
        principal,
        jane.id,
        reason="a look at case 12",
        lifetime=timedelta(minutes=5),
        origin=SessionOrigin(),
    )
    said = set(claims_of(acted)["permissions"])

    assert str(acme) == claims_of(acted)["organization_id"]
    assert {"cases:write", "users:read"} <= said
    assert not {"users:manage", "roles:write", "organization:manage"} & said


def test_a_token_without_it_says_nothing_about_its_bearer(core):
    bare = AccessClaims(
        sub=core.ports.ids.uuid(),
        iss="i",
        aud="a",
        iat=0,
        exp=1,
        jti="1",
        sid=core.ports.ids.uuid(),
        username="jane",
        email="jane@example.com",
        email_verified=False,
        roles=("platform_admin",),
        scopes=(),
    )

    assert subject_of_claims(bare) is None
