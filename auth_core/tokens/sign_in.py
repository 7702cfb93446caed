"""Registering and logging in: from what a person shows to a session with tokens."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from auth_core.access import Grants
from auth_core.credentials import (
    Account,
    PasswordHasher,
    PasswordPolicy,
    PasswordProof,
    Proof,
    ProvingUnitOfWork,
)
from auth_core.kernel import (
    NO_METRICS,
    AuthenticationFailed,
    ConcurrentUpdate,
    Email,
    FieldProblem,
    InvalidInput,
    Metrics,
    PasswordChangeRequired,
    PermissionDenied,
    RegistrationClosed,
    Unavailable,
    Username,
)
from auth_core.roles import GrantsUnitOfWork
from auth_core.sessions import Session, SessionOrigin, SessionService, SessionsUnitOfWork
from auth_core.tokens.issuer import TokenIssuer, TokenPair
from auth_core.tokens.metrics import counted_sign_in
from auth_core.users import Registration, User, UserService

UNKNOWN_ORIGIN = SessionOrigin()
BY_PASSWORD = ("pwd",)
"""RFC 8176 §2."""


class SignInUnitOfWork(ProvingUnitOfWork, SessionsUnitOfWork, GrantsUnitOfWork, Protocol):
    """A transaction over users with what they were granted, credentials and sessions."""


class SignInPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment allows. In development, accounts without a password open by name."""

    development: bool = False
    registration: bool = True
    passwords: bool = True


class SignedIn(msgspec.Struct, frozen=True):
    """A user and the tokens of their new session."""

    user: User
    tokens: TokenPair


class SignIn:
    """The two ways to a session."""

    def __init__(
        self,
        unit_of_work: Callable[[], SignInUnitOfWork],
        users: UserService,
        sessions: SessionService,
        tokens: TokenIssuer,
        hasher: PasswordHasher,
        passwords: PasswordPolicy,
        proof: PasswordProof,
        policy: SignInPolicy,
        *,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._users = users
        self._sessions = sessions
        self._tokens = tokens
        self._hasher = hasher
        self._passwords = passwords
        self._proof = proof
        self._policy = policy
        self._metrics = metrics

    @property
    def development(self) -> bool:
        """Whether accounts without a password open by name here."""
        return self._policy.development

    async def register(
        self,
        registration: Registration,
        password: str | None = None,
        *,
        origin: SessionOrigin = UNKNOWN_ORIGIN,
    ) -> SignedIn:
        """Create an account and its first session in one commit.

        Raises RegistrationClosed, InvalidInput (password missing or not acceptable), UsernameTaken,
        EmailTaken, Unavailable.
        """
        self.require_open()
        password_hash = None
        if password is not None:
            admitted = await self._passwords.check(password, names=registration.names)
            password_hash = await self._hasher.hash(admitted)
        elif not self._policy.development:
            raise _password_required()
        keys = await self._tokens.signing_keys()
        async with self._unit_of_work() as uow:
            user = await self._users.create(
                uow,
                registration,
                roles=("admin",) if self._policy.development else ("user",),
                is_dev_user=self._policy.development,
            )
            if password_hash is not None:
                await uow.credentials.set_password(user.id, password_hash)
            amr = () if password_hash is None else BY_PASSWORD
            user, session = await self._sessions.begin(
                uow, user, origin, amr=amr, by="registration"
            )
            await uow.commit()
        return SignedIn(user, self._tokens.issue(user, session, keys))

    async def log_in(
        self,
        name: Username | Email,
        password: str | None = None,
        *,
        origin: SessionOrigin = UNKNOWN_ORIGIN,
    ) -> SignedIn:
        """Begin a session for the account with this name.

        Raises AuthenticationFailed alike for unknown, wrong, inactive, backing off and disabled
        (SEC-01), InvalidInput when the password is missing, PasswordChangeRequired after the right
        password, Unavailable.
        """
        with self.counted("name" if password is None else "password"):
            return await self._log_in(name, password, origin)

    def counted(self, method: str) -> AbstractContextManager[None]:
        """Counts the block as one attempt to sign in, by how it ends."""
        return counted_sign_in(self._metrics, method)

    async def _log_in(
        self, name: Username | Email, password: str | None, origin: SessionOrigin
    ) -> SignedIn:
        self.require_a_way_in()
        if password is None and not self._policy.development:
            raise _password_required()
        keys = await self._tokens.signing_keys()
        try:
            user, session, grants = await self._begin_session(name, password, origin)
        except ConcurrentUpdate as error:  # every session was ended meanwhile, this one as well
            raise Unavailable from error
        await self._sessions.began(user.id)
        return SignedIn(user, self._tokens.issue(user, session, keys, grants=grants))

    async def _begin_session(
        self, name: Username | Email, password: str | None, origin: SessionOrigin
    ) -> tuple[User, Session, Grants]:
        async with self._unit_of_work() as uow:
            account = await uow.credentials.account(name)
            if self._opens_by_name(account) and account is not None and account.user.is_active:
                grants = await uow.grants.of(account.user.id)
                return *await self._begin(uow, account.user, origin, grants), grants
        # hashing takes long, and meanwhile others may have the connection
        proof = await self._proved(account, password)
        async with self._unit_of_work() as uow:
            user = proof.account.user
            grants = await uow.grants.of(user.id)  # before any write: those go together
            await self._proof.settle(uow, proof)
            if proof.account.must_change:
                await uow.commit()
                raise PasswordChangeRequired
            return *await self._begin(uow, user, origin, grants, amr=BY_PASSWORD), grants

    async def _begin(
        self,
        uow: SignInUnitOfWork,
        user: User,
        origin: SessionOrigin,
        grants: Grants,
        *,
        amr: tuple[str, ...] = (),
    ) -> tuple[User, Session]:
        begun = await self._sessions.begin(uow, user, origin, grants=grants, amr=amr)
        await uow.commit()
        return begun

    def _opens_by_name(self, account: Account | None) -> bool:
        """An account that has a password never opens without it, in any mode."""
        return self._policy.development and account is not None and account.password_hash is None

    async def _proved(self, account: Account | None, password: str | None) -> Proof:
        """Raises AuthenticationFailed: with a password, always at the cost of one."""
        if password is None:
            raise AuthenticationFailed
        if self._opens_by_name(account):  # and yet it is not active
            account = None
        return await self._proof.prove(account, password)

    def require_open(self) -> None:
        """Raises RegistrationClosed unless everybody may register, and what `require_a_way_in`
        raises.
        """
        if not self._policy.registration:
            raise RegistrationClosed
        self.require_a_way_in()

    def require_a_way_in(self) -> None:
        """Raises PermissionDenied when nobody could sign in to a new account."""
        if not (self._policy.development or self._policy.passwords):
            message = "Signing in with a password is turned off here."
            raise PermissionDenied(message)


def _password_required() -> InvalidInput:
    return InvalidInput(
        FieldProblem(field="password", type="missing", message="a password is required")
    )
