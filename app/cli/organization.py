"""`fm-auth organization list|show|create|members|delete|restore`."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

import click
import msgspec

from app.cli.accounts import account_named, the_core
from app.cli.work import on_servers
from app.settings import Settings

if TYPE_CHECKING:
    from app.container import Container
    from auth_core.kernel import OrganizationId, UserId
    from auth_core.organizations import Member, Organization

PAGE = 200

_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
_organization = click.argument("organization", metavar="ORGANIZATION")


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """An organization in JSON."""

    organization_id: UUID
    slug: str
    name: str
    max_members: int | None
    max_teams: int | None
    created_at: str
    delete_after: str | None


class _MemberLine(msgspec.Struct, frozen=True, kw_only=True):
    """A member in JSON."""

    user_id: UUID
    username: str
    email: str
    role: str


@click.group()
def organization() -> None:
    """List, show, make, delete and restore organizations.

    ORGANIZATION is a slug or an id. A change holds with the members' next request.
    """


@organization.command("list")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many.")
@_as_json
def list_(limit: int | None, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """List organizations, oldest first: id, slug, name, and until when a deleted one is kept."""

    async def run(settings: Settings) -> None:
        async with the_core(settings) as container:
            after: OrganizationId | None = None
            left = limit
            while left is None or left > 0:
                wanted = PAGE if left is None else min(PAGE, left)
                directory = container.core.organizations.directory
                page = await directory.page(after=after, limit=wanted)
                for each in page:
                    _show(each, as_json=as_json)
                if len(page) < wanted:
                    return
                after, left = page[-1].id, None if left is None else left - wanted

    on_servers(run)


@organization.command()
@_organization
@_as_json
def show(organization: str, as_json: bool) -> None:  # noqa: FBT001
    """Show one organization."""

    async def run(settings: Settings) -> None:
        async with the_core(settings) as container:
            _show(await _named(container, organization), as_json=as_json)

    on_servers(run)


@organization.command()
@click.argument("name")
@click.option("--slug", required=True, help="Its short name: letters a-z, digits and '-'.")
@click.option(
    "--owner", required=True, metavar="USER", help="User name, e-mail address or id of its owner."
)
@_as_json
def create(name: str, slug: str, owner: str, as_json: bool) -> None:  # noqa: FBT001
    """Make the organization NAME, which belongs to USER.

    Works also where only administrators make organizations, and however many USER owns.
    """

    async def run(settings: Settings) -> None:
        from auth_core.organizations import Slug, organization_name  # noqa: PLC0415 - slow to import

        shown, short = organization_name(name), Slug.parse(slug)
        async with the_core(settings, changes=True) as container:
            user = await account_named(container, owner)
            made = await container.core.organizations.organizations.create(
                user, name=shown, slug=short, by_operator=True
            )
        _show(made.organization, as_json=as_json)

    on_servers(run)


@organization.command()
@_organization
@_as_json
def members(organization: str, as_json: bool) -> None:  # noqa: FBT001
    """List the members of ORGANIZATION: id, user name, e-mail, role."""

    async def run(settings: Settings) -> None:
        async with the_core(settings) as container:
            found = await _named(container, organization)
            after: UserId | None = None
            while True:
                of = container.core.organizations.members
                page = await of.page(found.id, after=after, limit=PAGE)
                for each in page:
                    _show_member(each, as_json=as_json)
                if len(page) < PAGE:
                    return
                after = page[-1].membership.user_id

    on_servers(run)


@organization.command()
@_organization
@click.option("--yes", is_flag=True, help="Do not ask.")
@_as_json
def delete(organization: str, yes: bool, as_json: bool) -> None:  # noqa: FBT001
    """Take ORGANIZATION away from its members; `restore` brings it back for some days."""
    if not yes:
        click.confirm(f"Delete {organization}?", abort=True, err=True)

    async def change(container: "Container", found: "Organization") -> "Organization":
        return await container.core.organizations.organizations.delete(None, found.id)

    _change(organization, change, as_json=as_json)


@organization.command()
@_organization
@_as_json
def restore(organization: str, as_json: bool) -> None:  # noqa: FBT001
    """Bring a deleted ORGANIZATION back, with all its members and teams."""

    async def change(container: "Container", found: "Organization") -> "Organization":
        return await container.core.organizations.organizations.restore(None, found.id)

    _change(organization, change, as_json=as_json)


def _change(
    organization: str,
    change: Callable[["Container", "Organization"], Awaitable["Organization"]],
    *,
    as_json: bool,
) -> None:
    async def run(settings: Settings) -> None:
        async with the_core(settings, changes=True) as container:
            changed = await change(container, await _named(container, organization))
        _show(changed, as_json=as_json)

    on_servers(run)


async def _named(container: "Container", name: str) -> "Organization":
    """The organization whose id or slug this is. Raises OrganizationNotFound."""
    from auth_core.kernel import InvalidInput, OrganizationId  # noqa: PLC0415 - slow to import
    from auth_core.organizations import OrganizationNotFound, Slug  # noqa: PLC0415

    try:
        found = OrganizationId(UUID(name))
    except ValueError:
        pass
    else:
        return await container.core.organizations.organizations.get(found)
    try:
        return await container.core.organizations.directory.named(Slug.parse(name))
    except InvalidInput:
        raise OrganizationNotFound from None


def _show(organization: "Organization", *, as_json: bool) -> None:
    gone = organization.delete_after
    if as_json:
        line = _Line(
            organization_id=organization.id,
            slug=organization.slug.value,
            name=organization.name,
            max_members=organization.max_members,
            max_teams=organization.max_teams,
            created_at=organization.created_at.isoformat(),
            delete_after=None if gone is None else gone.isoformat(),
        )
        click.echo(msgspec.json.encode(line).decode())
        return
    words = [str(organization.id), organization.slug.value, organization.name]
    if gone is not None:
        words.append(f"deleted, can be restored until {gone.isoformat()}")
    click.echo("  ".join(words))


def _show_member(member: "Member", *, as_json: bool) -> None:
    user_id, role = member.membership.user_id, member.membership.role
    if as_json:
        line = _MemberLine(user_id=user_id, username=member.username, email=member.email, role=role)
        click.echo(msgspec.json.encode(line).decode())
        return
    click.echo("  ".join((str(user_id), member.username, member.email, role)))
