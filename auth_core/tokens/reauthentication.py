"""Proving once more who one is, in a session that goes on (RFC 9470)."""

import asyncio
from collections.abc import Callable

from auth_core.credentials import PasswordProof, Proof
from auth_core.kernel import Clock, InvalidToken
from auth_core.sessions import Session, SessionService, require_own
from auth_core.tokens.authenticator import Principal
from auth_core.tokens.issuer import TokenIssuer
from auth_core.tokens.sign_in import BY_PASSWORD, SignedIn, SignInUnitOfWork
from auth_core.users import User


class Reauthentication:
    """Makes a session recent again, by the password of its user."""

    def __init__(
        self,
        unit_of_work: Callable[[], SignInUnitOfWork],
        sessions: SessionService,
        tokens: TokenIssuer,
        proof: PasswordProof,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._sessions = sessions
        self._tokens = tokens
        self._proof = proof
        self._clock = clock

    async def by_password(self, principal: Principal, password: str) -> SignedIn:
        """New tokens of the same session; its refresh token stays the newest one it has.

        Raises AuthenticationFailed (also for a user who has no password) once the failure is
        counted, as that of a sign-in is (SEC-11); ImpersonationRefused,
        InvalidToken when the session ended meanwhile, Unavailable.
        """
        require_own(principal.session)
        keys = await self._tokens.signing_keys()
        async with self._unit_of_work() as uow:
            account = await uow.credentials.account(principal.user.username)
        proof = await self._proof.prove(account, password)
        session = await asyncio.shield(self._prove(principal, proof))
        if session is None:
            raise InvalidToken
        user, grants = principal.user, principal.grants
        return SignedIn(user, self._tokens.issue(user, session, keys, grants=grants))

    async def _prove(self, principal: Principal, proof: Proof) -> Session | None:
        user: User = principal.user
        async with self._unit_of_work() as uow:
            await self._proof.settle(uow, proof)
            session = await uow.sessions.prove(
                user.id, principal.session.id, self._clock.now(), BY_PASSWORD
            )
            if session is not None:
                await self._sessions.record_renewal(uow, session)
            await uow.commit()
        await self._sessions.began(user.id)
        return session
