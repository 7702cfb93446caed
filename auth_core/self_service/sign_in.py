"""The end of every flow that signs in: a session in the same commit, then its tokens."""

from auth_core.kernel import ConcurrentUpdate, Unavailable
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.sessions import SessionOrigin, SessionService
from auth_core.tokens import SignedIn, SignIn, TokenIssuer
from auth_core.tokens.issuer import SigningKeys
from auth_core.users import User


class SessionStart:
    """Begins sessions for people who have just proven who they are."""

    def __init__(self, sessions: SessionService, tokens: TokenIssuer, sign_in: SignIn) -> None:
        self.counted = sign_in.counted
        self._sessions = sessions
        self._tokens = tokens

    async def keys(self) -> SigningKeys:
        """What `commit` will sign with. Ask before anything is written. Raises Unavailable."""
        return await self._tokens.signing_keys()

    async def commit(
        self,
        uow: SelfServiceUnitOfWork,
        user: User,
        origin: SessionOrigin,
        keys: SigningKeys,
        *,
        amr: tuple[str, ...] = (),
        by: str = "mail",
    ) -> SignedIn:
        """Add a session to ``uow`` and commit it all; ``amr`` and ``by`` as for `SessionService`.

        Raises Unavailable, also when every session of the user was ended meanwhile.
        """
        try:
            grants = await uow.grants.of(user.id)
            user, session = await self._sessions.begin(
                uow, user, origin, grants=grants, amr=amr, by=by
            )
            await uow.commit()
        except ConcurrentUpdate as error:
            raise Unavailable from error
        await self._sessions.began(user.id)
        return SignedIn(user, self._tokens.issue(user, session, keys, grants=grants))
