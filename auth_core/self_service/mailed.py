"""Secrets that travel by mail: issued with their letter in one commit, redeemed once."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from auth_core.credentials import (
    LIFETIMES,
    OneTimeSecret,
    OneTimeSecretId,
    OneTimeSecretsUnitOfWork,
    Purpose,
    code_digest,
    new_code,
    new_token,
    token_digest,
)
from auth_core.kernel import (
    NOBODY,
    Clock,
    Email,
    Entropy,
    Ids,
    InvalidLink,
    Letter,
    LetterId,
    MailTemplate,
    MailUnitOfWork,
    Secret,
    UserId,
    has_mailbox,
)
from auth_core.keys import Sealer
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.users import User


class Instead(msgspec.Struct, frozen=True):
    """A letter without a secret, in the place of one that has one."""

    template: MailTemplate
    values: Mapping[str, str]


class MailedSecrets:
    """Issues, finds and redeems them."""

    def __init__(self, clock: Clock, ids: Ids, entropy: Entropy, sealer: Sealer) -> None:
        self._clock = clock
        self._ids = ids
        self._entropy = entropy
        self._sealer = sealer

    async def send_link(
        self,
        uow: SelfServiceUnitOfWork,
        purpose: Purpose,
        to: Email,
        *,
        user_id: UserId | None = None,
        payload: Secret[bytes] | None = None,
        template: MailTemplate | None = None,
        locale: str | None = None,
        instead: Instead | None = None,
    ) -> None:
        """Replace the subject's secret of this purpose and mail the new one's token to ``to``.

        With ``instead`` that is written to ``to``, and the secret is nobody's: the same work.
        """
        token = new_token(self._entropy)
        subject = to if instead is None else NOBODY
        secret = self._secret(purpose, subject, user_id, token_digest(token.reveal()))
        if payload is not None:
            sealed = self._sealer.seal(payload, context=_context(secret))
            secret = msgspec.structs.replace(secret, sealed_payload=sealed)
        await uow.one_time_secrets.issue(secret)
        values = {"token": token.reveal(), "minutes": _minutes(LIFETIMES[purpose])}
        letter = Instead(template or MailTemplate(purpose.value), values)
        about = letter if instead is None else instead
        await self.write(uow, about.template, to, dict(about.values), locale=locale)

    async def send_code(
        self,
        uow: SelfServiceUnitOfWork,
        purpose: Purpose,
        to: Email,
        *,
        user_id: UserId | None,
        locale: str | None = None,
    ) -> Secret[str]:
        """The same with a code; returns the challenge that the code goes with."""
        challenge, code = new_token(self._entropy), new_code(self._entropy)
        secret = self._secret(
            purpose,
            to,
            user_id,
            token_digest(challenge.reveal()),
            code_digest(challenge.reveal(), code.reveal()),
        )
        await uow.one_time_secrets.issue(secret)
        values = {"code": code.reveal(), "minutes": _minutes(LIFETIMES[purpose])}
        await self.write(uow, MailTemplate(purpose.value), to, values, locale=locale)
        return challenge

    async def write(
        self,
        uow: MailUnitOfWork,
        template: MailTemplate,
        to: Email,
        values: dict[str, str],
        *,
        locale: str | None = None,
    ) -> None:
        """Put a letter into the outbox, in the language of ``locale`` if there is one."""
        letter = Letter(
            id=LetterId(self._ids.uuid()), to=to, template=template, values=values, locale=locale
        )
        await uow.mail.enqueue(letter)

    async def find(
        self, uow: OneTimeSecretsUnitOfWork, purpose: Purpose, token: str
    ) -> OneTimeSecret:
        """The live secret, untouched. Raises InvalidLink."""
        found = await uow.one_time_secrets.find(purpose, token_digest(token), self._clock.now())
        if found is None:
            raise InvalidLink
        return found

    async def redeem(
        self, uow: OneTimeSecretsUnitOfWork, purpose: Purpose, token: str
    ) -> OneTimeSecret:
        """Consume the secret; it stays consumed if ``uow`` commits. Raises InvalidLink."""
        redeemed = await uow.one_time_secrets.redeem(
            purpose, token_digest(token), self._clock.now()
        )
        if redeemed is None:
            raise InvalidLink
        return redeemed

    def payload(self, secret: OneTimeSecret) -> Secret[bytes]:
        """What was sealed into it. Raises InvalidLink, WrongMasterKey."""
        if secret.sealed_payload is None:
            raise InvalidLink
        return self._sealer.open(secret.sealed_payload, context=_context(secret))

    def _secret(
        self,
        purpose: Purpose,
        to: Email,
        user_id: UserId | None,
        digest: bytes,
        code: bytes | None = None,
    ) -> OneTimeSecret:
        now = self._clock.now()
        fresh = self._ids.uuid()
        # nobody's secrets must not queue up behind each other for one row
        subject = str(fresh) if to == NOBODY else to.value if user_id is None else str(user_id)
        return OneTimeSecret(
            id=OneTimeSecretId(fresh),
            purpose=purpose,
            subject=subject,
            digest=digest,
            code_digest=code,
            email=to,
            user_id=user_id,
            created_at=now,
            expires_at=now + LIFETIMES[purpose],
        )


def address_of(user: User, *, unless: bool = False) -> tuple[Email, UserId | None]:
    """Where to write to, and about whom: to nobody unless the account is active and has mail.

    Also to nobody if ``unless`` holds. Takes as long in any case (SEC-02).
    """
    active, reads = user.is_active, has_mailbox(user.email)
    return (user.email, user.id) if active and reads and not unless else (NOBODY, None)


def _context(secret: OneTimeSecret) -> str:
    return f"one-time secret {secret.purpose.value} {secret.id}"


def _minutes(lifetime: timedelta) -> str:
    return str(lifetime // timedelta(minutes=1))
