"""Acting for a user, to see what they see: openly, briefly, and never to take the account."""

import unicodedata
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from auth_core.audit import AuditAction, AuditRecord, AuditUnitOfWork
from auth_core.kernel import (
    EventId,
    FieldProblem,
    Ids,
    InvalidInput,
    LifecycleConflict,
    PermissionDenied,
    UserId,
    UserNotFound,
    acting,
)
from auth_core.roles import GrantsUnitOfWork
from auth_core.sessions import (
    Session,
    SessionOrigin,
    SessionService,
    SessionsUnitOfWork,
    require_own,
)
from auth_core.tokens import Principal, SignedIn, TokenIssuer
from auth_core.users import User, require_rank_over

IMPERSONATION_MAX = timedelta(minutes=60)
REASON_MIN, REASON_MAX = 3, 200


class ImpersonationUnitOfWork(SessionsUnitOfWork, GrantsUnitOfWork, AuditUnitOfWork, Protocol):
    """A transaction over users with what they were granted and sessions, that leaves a trail."""


class Impersonation:
    """Begins sessions in the name of others (SEC-70)."""

    def __init__(
        self,
        unit_of_work: Callable[[], ImpersonationUnitOfWork],
        sessions: SessionService,
        tokens: TokenIssuer,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._sessions = sessions
        self._tokens = tokens
        self._ids = ids

    async def begin(
        self,
        principal: Principal,
        user_id: UserId,
        *,
        reason: str,
        lifetime: timedelta,
        origin: SessionOrigin,
    ) -> SignedIn:
        """A session of the user whose tokens name ``principal`` as the actor (RFC 8693 §4.1).

        Raises InvalidInput (reason or lifetime), ImpersonationRefused (no chains),
        PermissionDenied (not an administrator, oneself, or another administrator unless by a
        ``platform_admin``), UserNotFound, LifecycleConflict (not active), Unavailable.
        """
        actor = principal.user
        require_own(principal.session)
        text = _checked(reason, lifetime)
        keys = await self._tokens.signing_keys()
        with acting(actor.id):
            async with self._unit_of_work() as uow:
                user = await uow.users.get(user_id)
                if user is None:
                    raise UserNotFound
                _require_may_act_for(actor, user)
                grants = await uow.grants.of(user.id)
                session = await self._sessions.begin_impersonation(
                    *(uow, user, origin),
                    grants=grants,
                    impersonator_id=actor.id,
                    reason=text,
                    lifetime=lifetime,
                )
                await uow.audit.append(self._record(session, text))
                await uow.commit()
        await self._sessions.began(user.id)
        return SignedIn(user, self._tokens.issue(user, session, keys, grants=grants))

    def _record(self, session: Session, reason: str) -> AuditRecord:
        return AuditRecord(
            id=EventId(self._ids.uuid()),
            occurred_at=session.created_at,
            action=AuditAction.SESSION_IMPERSONATED,
            reason="requested",
            user_id=session.user_id,
            session_id=session.id,
            detail=reason,
        )


def _require_may_act_for(actor: User, user: User) -> None:
    require_rank_over(actor, user)
    if user.id == actor.id:
        message = "You cannot act for yourself."
        raise PermissionDenied(message)
    if user.is_admin and "platform_admin" not in actor.roles:
        message = "Only a platform administrator may act for an administrator."
        raise PermissionDenied(message)
    if not user.is_active:
        message = f"The user is {user.status}."
        raise LifecycleConflict(message)


def _checked(reason: str, lifetime: timedelta) -> str:
    problems = []
    text = unicodedata.normalize("NFC", reason[: REASON_MAX + 1].strip())
    if not REASON_MIN <= len(text) <= REASON_MAX or not text.isprintable():
        message = f"{REASON_MIN} to {REASON_MAX} printable characters"
        problems.append(FieldProblem(field="reason", type="invalid", message=message))
    if not timedelta(minutes=1) <= lifetime <= IMPERSONATION_MAX:
        problems.append(FieldProblem(field="minutes", type="out_of_range", message="from 1 to 60"))
    if problems:
        raise InvalidInput(*problems)
    return text
