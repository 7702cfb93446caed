"""Slugs, settings and tokens of invitations."""

from datetime import UTC, datetime, timedelta

import pytest

from auth_core.kernel import InvalidInput, InvalidLink, LifecycleConflict, Secret
from auth_core.organizations import InvitationToken, OrganizationSettings, Slug
from auth_core.testing.contracts.organizing import new_organization

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "slug"),
    [("Acme", "acme"), ("\uff21CME-2", "acme-2"), ("a1", "a1"), ("a" * 63, "a" * 63)],
)
def test_a_slug_has_one_spelling(text: str, slug: str) -> None:
    assert slug == Slug.parse(text).value


@pytest.mark.parametrize("text", ["", "a", "-a", "a-", "a b", "a_b", "ä1", "a" * 64, "a.b", "a\0b"])
def test_what_is_no_label_is_no_slug(text: str) -> None:
    with pytest.raises(InvalidInput):
        Slug.parse(text)


@pytest.mark.parametrize("days", [0, 31, -1])
def test_an_invitation_cannot_last_for_ever(days: int) -> None:
    with pytest.raises(InvalidInput):
        OrganizationSettings(invitation_days=days).checked()


def test_a_token_carries_its_organization() -> None:
    token = InvitationToken(new_organization().id, Secret("s" * 43))

    parsed = InvitationToken.parse(token.reveal())

    assert (token.organization_id, token.digest) == (parsed.organization_id, parsed.digest)
    assert "s" * 43 not in repr(token)


@pytest.mark.parametrize("text", ["", "x", "0" * 32 + "." + "s" * 42, "0" * 31 + "." + "s" * 43])
def test_what_is_no_token_opens_nothing(text: str) -> None:
    with pytest.raises(InvalidLink):
        InvitationToken.parse(text)


def test_an_organization_can_be_restored_in_its_time_only() -> None:
    organization = new_organization()
    deleted = organization.deleted(at=NOW, grace=timedelta(days=1))

    assert not deleted.is_active
    assert deleted.restored(at=NOW).is_active
    for refused in (
        lambda: deleted.restored(at=NOW + timedelta(days=1)),
        lambda: deleted.deleted(at=NOW, grace=timedelta(days=1)),
        lambda: organization.restored(at=NOW),
    ):
        with pytest.raises(LifecycleConflict):
            refused()
