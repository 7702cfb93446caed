"""Choosing the organization that a session acts in."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from auth_core.access import Grants
from auth_core.audit import AuditAction, AuditRecord
from auth_core.kernel import Clock, EventId, Ids, InvalidToken, OrganizationId
from auth_core.organizations import OrganizationNotFound, OrganizationsUnitOfWork
from auth_core.roles import GrantsUnitOfWork
from auth_core.sessions import Session, SessionCache, SessionsUnitOfWork, Switched
from auth_core.tokens.authenticator import Principal
from auth_core.tokens.issuer import TokenIssuer
from auth_core.tokens.sign_in import SignedIn


class OrganizationSwitchUnitOfWork(
    SessionsUnitOfWork, GrantsUnitOfWork, OrganizationsUnitOfWork, Protocol
):
    """A transaction over sessions, organizations and what people were granted there."""


class OrganizationSwitch:
    """Moves a session from one organization of its user to another, or out of all."""

    def __init__(
        self,
        unit_of_work: Callable[[], OrganizationSwitchUnitOfWork],
        cache: SessionCache,
        tokens: TokenIssuer,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._cache = cache
        self._tokens = tokens
        self._clock = clock
        self._ids = ids

    async def switch(
        self, principal: Principal, organization_id: OrganizationId | None
    ) -> SignedIn:
        """New tokens of the same session; its refresh token stays the newest one it has.

        It holds for every token of the session from the next request on, and the user's next
        session begins there, unless it is somebody else who acts in their name. Of two switches at
        once the one that commits last holds. Raises OrganizationNotFound (there is none, it is
        deleted, or the user is no member: SEC-56), InvalidToken when the session ended meanwhile,
        Unavailable.
        """
        keys = await self._tokens.signing_keys()
        session, grants = await asyncio.shield(self._switch(principal, organization_id))
        tokens = self._tokens.issue(principal.user, session, keys, grants=grants)
        return SignedIn(principal.user, tokens)

    async def _switch(
        self, principal: Principal, organization_id: OrganizationId | None
    ) -> tuple[Session, Grants]:
        user_id, session_id = principal.user.id, principal.session.id
        async with self._unit_of_work().for_user(user_id) as uow:
            grants = await _grants(uow, principal, organization_id)
            now = self._clock.now()
            switched = await uow.sessions.switch(user_id, session_id, organization_id, now)
            if switched is None:
                raise InvalidToken
            if switched.previous != organization_id:
                await uow.audit.append(self._record(switched))
            if switched.session.impersonator_id is None:
                await uow.users.remember_organization(user_id, organization_id)
            await uow.commit()
        # also when nothing changed: perhaps a retry after a crash between commit and cache
        await self._cache.forget_session(user_id, session_id)
        return switched.session, grants

    def _record(self, switched: Switched) -> AuditRecord:
        """In the trail of the organization where the user acts from now on, else the platform's."""
        session, previous = switched.session, switched.previous
        return AuditRecord(
            id=EventId(self._ids.uuid()),
            occurred_at=self._clock.now(),
            action=AuditAction.ORGANIZATION_SWITCHED,
            reason="requested",
            user_id=session.user_id,
            session_id=session.id,
            organization_id=session.organization_id,
            target=None if previous is None else f"organization:{previous}",
        )


async def _grants(
    uow: OrganizationSwitchUnitOfWork, principal: Principal, organization_id: OrganizationId | None
) -> Grants:
    """What the user was granted, with the organization held: nobody takes it away meanwhile.

    Raises OrganizationNotFound. The same is asked of the truth whether there is one or not.
    """
    if organization_id is not None:
        uow.for_organization(organization_id)
        await uow.organizations.hold_with_others(organization_id)
    grants = await uow.grants.of(principal.user.id)
    there = {grant.organization_id for grant in grants if grant.active}
    if organization_id is not None and organization_id not in there:
        raise OrganizationNotFound
    return grants
