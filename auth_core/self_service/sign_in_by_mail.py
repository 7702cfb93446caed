"""Signing in by a mailed link or a 6-digit code, where the deployment allows it.

Mail is no out-of-band authenticator (NIST SP 800-63B-4 §3.1.3): only an address that was proven
before opens its account.
"""

from collections.abc import Callable

from auth_core.audit import AuditAction
from auth_core.credentials import (
    OneTimeSecret,
    Purpose,
    code_digest,
    token_digest,
)
from auth_core.kernel import (
    Clock,
    Email,
    InvalidCode,
    InvalidLink,
    OneTimeSecretRefused,
    PermissionDenied,
    Secret,
)
from auth_core.self_service.mailed import MailedSecrets, address_of
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.sign_in import SessionStart
from auth_core.self_service.trail import Trail
from auth_core.sessions import SessionOrigin
from auth_core.tokens import SignedIn
from auth_core.tokens.issuer import SigningKeys
from auth_core.users import STRANGER


class MailSignInFlow:
    """Sends links and codes, and takes them."""

    def __init__(
        self,
        unit_of_work: Callable[[], SelfServiceUnitOfWork],
        mailed: MailedSecrets,
        start: SessionStart,
        trail: Trail,
        clock: Clock,
        *,
        enabled: bool,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._mailed = mailed
        self._start = start
        self._trail = trail
        self._clock = clock
        self._enabled = enabled

    async def send_link(self, email: Email) -> None:
        """Mail a link if this is the proven address of an active account; same work if not.

        Raises PermissionDenied where this is turned off, Unavailable.
        """
        self._require_enabled()
        async with self._unit_of_work() as uow:
            user = await uow.users.find(email) or STRANGER
            to, user_id = address_of(user, unless=not user.email_verified)
            await self._mailed.send_link(
                uow, Purpose.SIGN_IN_LINK, to, user_id=user_id, locale=user.locale
            )
            await uow.commit()

    async def send_code(self, email: Email) -> Secret[str]:
        """The same with a code. Returns the challenge that redeems it, for the asking client."""
        self._require_enabled()
        async with self._unit_of_work() as uow:
            user = await uow.users.find(email) or STRANGER
            to, user_id = address_of(user, unless=not user.email_verified)
            challenge = await self._mailed.send_code(
                uow, Purpose.SIGN_IN_CODE, to, user_id=user_id, locale=user.locale
            )
            await uow.commit()
        return challenge

    async def redeem_link(self, token: str, *, origin: SessionOrigin) -> SignedIn:
        """A session for a link, in the commit that consumes it. Raises InvalidLink, Unavailable."""
        with self._start.counted("mail_link"):
            self._require_enabled()
            keys = await self._start.keys()
            async with self._unit_of_work() as uow:
                secret = await self._mailed.redeem(uow, Purpose.SIGN_IN_LINK, token)
                return await self._begin(uow, secret, origin, keys, InvalidLink())

    async def redeem_code(self, challenge: str, code: str, *, origin: SessionOrigin) -> SignedIn:
        """A session for a code. A wrong one is counted before this raises (SEC-20).

        Raises InvalidCode, Unavailable.
        """
        with self._start.counted("mail_code"):
            return await self._redeem_code(challenge, code, origin)

    async def _redeem_code(self, challenge: str, code: str, origin: SessionOrigin) -> SignedIn:
        self._require_enabled()
        keys = await self._start.keys()
        async with self._unit_of_work() as uow:
            tried = await uow.one_time_secrets.try_code(
                Purpose.SIGN_IN_CODE,
                token_digest(challenge),
                code_digest(challenge, code),
                self._clock.now(),
            )
            if tried is None or tried.consumed_at is None:
                await uow.commit()
                raise InvalidCode
            return await self._begin(uow, tried, origin, keys, InvalidCode())

    async def check_link(self, token: str) -> None:
        """Whether a link works, without using it. Raises InvalidLink, PermissionDenied."""
        self._require_enabled()
        async with self._unit_of_work() as uow:
            await self._mailed.find(uow, Purpose.SIGN_IN_LINK, token)

    async def _begin(
        self,
        uow: SelfServiceUnitOfWork,
        secret: OneTimeSecret,
        origin: SessionOrigin,
        keys: SigningKeys,
        refusal: OneTimeSecretRefused,
    ) -> SignedIn:
        user = None if secret.user_id is None else await uow.users.get(secret.user_id)
        if user is None or not user.is_active or user.email != secret.email:
            raise refusal
        await self._trail.record(
            uow, user.id, AuditAction.SIGNED_IN_BY_MAIL, reason=secret.purpose.value
        )
        return await self._start.commit(uow, user, origin, keys)

    def _require_enabled(self) -> None:
        if not self._enabled:
            message = "Signing in by mail is turned off here."
            raise PermissionDenied(message)
