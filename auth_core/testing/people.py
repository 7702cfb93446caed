"""Accounts, organizations and sessions in a core in memory, made as a test asks for them."""

import hashlib
from collections.abc import Collection

import msgspec

from auth_core.kernel import (
    OrganizationId,
    Secret,
    SessionId,
    Username,
    UserNotFound,
)
from auth_core.organizations import MEMBER, OrganizationNotFound, Slug
from auth_core.sessions import EndReason
from auth_core.testing.core import InMemoryCore
from auth_core.tokens import BY_PASSWORD, SignedIn
from auth_core.tokens.sign_in import UNKNOWN_ORIGIN
from auth_core.users import Registration, User, parse_roles

PASSWORD = "what tests sign in with"
"""Of every account that `People` makes."""
OPERATOR = "operator"
"""Owns the organizations, and administrates what nobody else does."""


class People:
    """Does through the services of the core what a person or an operator would do."""

    def __init__(self, core: InMemoryCore) -> None:
        self._core = core

    async def account(
        self,
        name: str,
        *,
        email: str | None = None,
        email_verified: bool = True,
        roles: Collection[str] | None = None,
    ) -> User:
        """The account of this name, made unless it is there; with these platform roles, if given.

        Raises InvalidInput for a name, an address or a role that cannot be.
        """
        try:
            user = await self._core.users.named(Username.parse(name))
        except UserNotFound:
            address = email or (name if "@" in name else f"{name}@example.com")
            user = await self._core.administration.create(
                None,
                Registration.parse(username=name, email=address),
                roles=parse_roles(roles or ("user",)),
                password=Secret(PASSWORD),
            )
            return await self._proven(user) if email_verified else user
        if roles is None or parse_roles(roles) == user.roles:
            return user
        await self.operator()  # so that nobody is the last administrator
        await self._core.administration.edit(None, user.id, roles=parse_roles(roles))
        return await self._core.users.get(user.id)  # whose sessions may all have ended with it

    async def operator(self) -> User:
        """Somebody who may do everything."""
        return await self.account(OPERATOR, roles=("platform_admin",))

    async def join(
        self,
        user: User,
        organization: str,
        *,
        role: str | None = None,
        permissions: Collection[str] | None = None,
    ) -> OrganizationId:
        """Make ``user`` a member of an organization, which is made unless it is there.

        ``permissions`` become a role of their own. Raises InvalidInput for a slug, a role or a
        permission that is none.
        """
        owner = await self.operator()
        place = await self._organization(owner, Slug.parse(organization))
        if permissions is not None:
            role = await self._role(owner, place, permissions)
        role = role or MEMBER
        async with self._core.unit_of_work().for_organization(place) as uow:
            membership = await uow.memberships.get(place, user.id)
        members = self._core.organizations.members
        if membership is None:
            await members.add(place, user.id, role)
        elif membership.role != role:
            await members.change_role(None, place, user.id, role)
        return place

    async def sign_in(self, user: User, place: OrganizationId | None = None) -> SignedIn:
        """A new session, as after the right password, in this organization if one is given."""
        start = self._core.session_start
        keys = await start.keys()
        async with self._core.unit_of_work() as uow:
            signed_in = await start.commit(
                uow, user, UNKNOWN_ORIGIN, keys, amr=BY_PASSWORD, by="password"
            )
        if place is None:
            return signed_in
        principal = await self._core.authenticator.authenticate(signed_in.tokens.access_token)
        return await self._core.organization_switch.switch(principal, place)

    async def log_out(self, user: User, session_id: SessionId) -> None:
        """End one session."""
        await self._core.sessions.end(user.id, session_id, EndReason.LOGOUT)

    async def log_out_everywhere(self, user: User) -> None:
        """End every session."""
        await self._core.sessions.end_all(user.id, EndReason.REVOKED_ALL)

    async def disable(self, user: User) -> None:
        """Shut the user out."""
        await self.operator()  # so that nobody is the last administrator
        await self._core.administration.disable(None, user.id)

    async def delete(self, user: User) -> None:
        """Close the account."""
        await self.operator()
        await self._core.administration.delete(None, user.id)

    async def change_password(self, user: User) -> None:
        """Give the account another password, which ends every session."""
        await self._core.lifecycle.set_password(user.id, Secret(f"{PASSWORD}, anew"))

    async def _proven(self, user: User) -> User:
        """With an address that is theirs, as nearly every account has it."""
        proven = user.with_verified_email(at=self._core.clock.now())
        async with self._core.unit_of_work() as uow:
            await uow.users.update(proven)
            await uow.commit()
        return proven

    async def _organization(self, owner: User, slug: Slug) -> OrganizationId:
        try:
            return (await self._core.organizations.directory.named(slug)).id
        except OrganizationNotFound:
            made = await self._core.organizations.organizations.create(
                owner, name=slug.value, slug=slug, by_operator=True
            )
            return made.organization.id

    async def _role(self, owner: User, place: OrganizationId, permissions: Collection[str]) -> str:
        wanted = self._core.role_book.registry.parse(permissions)
        digest = hashlib.sha256(msgspec.json.encode(sorted(wanted))).hexdigest()
        name = f"testing-{digest[:12]}"
        async with self._core.unit_of_work().for_organization(place) as uow:
            found = await uow.roles.find(place, name)
        if found is None:
            await self._core.roles.create(owner.id, place, name=name, permissions=wanted)
        return name
