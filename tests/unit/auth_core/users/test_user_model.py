"""The user aggregate."""

from datetime import timedelta

import pytest

from auth_core.kernel import OrganizationId
from auth_core.testing.contracts.making import fresh_id, new_user, now
from auth_core.users import UserStatus


@pytest.mark.parametrize("status", UserStatus)
def test_only_an_active_user_is_active(status):
    assert (status is UserStatus.ACTIVE) == new_user(status=status).is_active


@pytest.mark.parametrize(
    ("roles", "is_admin"),
    [
        ((), False),
        (("user",), False),
        (("Admin", "administrator"), False),
        (("admin",), True),
        (("user", "platform_admin"), True),
    ],
)
def test_an_admin_holds_one_of_the_admin_roles(roles, is_admin):
    assert is_admin == new_user(roles=roles).is_admin


@pytest.mark.parametrize(
    ("member", "roles", "scopes"),
    [
        (False, (), ("personal",)),
        (True, ("user",), ("personal", "team")),
        (False, ("admin",), ("personal", "global")),
        (True, ("admin",), ("personal", "team", "global")),
    ],
)
def test_scopes_follow_from_organization_and_roles(member, roles, scopes):
    organization_id = OrganizationId(fresh_id()) if member else None

    assert scopes == new_user(roles=roles).scopes_in(organization_id)


def test_a_rename_makes_the_next_version_and_leaves_the_old_value_alone():
    user = new_user(display_name="Old", version=3)
    at = now() + timedelta(days=1)

    renamed = user.renamed("New", at=at)

    assert ("New", at, 4) == (renamed.display_name, renamed.updated_at, renamed.version)
    assert ("Old", 3) == (user.display_name, user.version)


def test_a_login_makes_no_new_version():
    user, at = new_user(version=3), now()

    assert (at, 3) == (user.signed_in(at).last_login_at, user.signed_in(at).version)
