"""Export and erasure over the store in memory."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from auth_core.kernel import SessionId, UserId
from auth_core.privacy import MAX_RECORDS, PRESENT, PersonalData, PersonalDataRepository, as_json
from auth_core.sessions import EndedSession, EndReason, Session
from auth_core.testing.store import Transaction
from auth_core.users import User, UserStatus

_OPERATIONAL = {"version", "epoch", "user_epoch", "refresh_counter"}


class InMemoryPersonalDataRepository:
    """The records of one person, as one transaction sees them."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def export(self, user_id: UserId, at: datetime) -> PersonalData | None:
        """Everything that names the person."""
        await self._transaction.statement("personal_data.export")
        rows = self._transaction
        user = rows.users.get(user_id)
        if user is None:
            return None
        has_password = user_id in rows.password_hashes
        stored: dict[str, Iterable[dict[str, Any]]] = {
            "users": [_user(user)],
            "password_credentials": [{"password_hash": PRESENT}] if has_password else [],
            "sessions": map(_session, self._sessions(user_id)),
            "outbox": [
                {"type": event.type, **msgspec.structs.asdict(event)}
                for event in rows.stored_events()
                if event.user_id == user_id
            ],
            "audit_records": [
                msgspec.structs.asdict(record)
                for record in rows.stored_audit()
                if record.user_id == user_id
            ],
            **_in_organizations(rows, user),
            "mail_outbox": [
                {"id": letter.id, "to": letter.to.value, "template": letter.template}
                for letter in rows.stored_letters()
                if letter.to == user.email
            ],
        }
        records = {name: [_record(row) for row in some][::-1] for name, some in stored.items()}
        return PersonalData(
            generated_at=str(as_json(at)),
            user_id=user_id,
            records={name: some[:MAX_RECORDS] for name, some in records.items()},
            truncated=tuple(name for name, some in records.items() if len(some) > MAX_RECORDS),
        )

    async def claim_due(self, now: datetime) -> UserId | None:
        """Hold the one that is due for longest and free."""
        await self._transaction.statement("personal_data.claim_due")
        due = [
            (user.delete_after, user.id)
            for user in self._transaction.users.values()
            if user.delete_after is not None
            and user.delete_after <= now
            and self._transaction.is_free(user.id)
        ]
        if not due:
            return None
        _, user_id = min(due)
        await self._transaction.lock(user_id)
        return user_id

    async def erase(self, user_id: UserId, *, endings_since: datetime) -> list[SessionId] | None:
        """Wait for whoever holds the account, then remove it with all that hangs on it."""
        await self._transaction.statement("personal_data.erase")
        rows = self._transaction
        await rows.lock(user_id)
        user = rows.users.get(user_id)
        if user is None or (user.status is not UserStatus.DELETED and user.delete_after is None):
            return None
        mine = self._sessions(user_id)
        for session in mine:
            await rows.lock(session.id)
            if _is_told(session, endings_since) and session.ended_at is not None:
                rows.erased[session.id] = EndedSession(user_id, session.id, session.ended_at)
        await rows.delete(rows.sessions, [session.id for session in mine])
        await rows.delete(rows.password_hashes, [user_id])
        await rows.delete(rows.password_states, [user_id])
        secrets = rows.one_time_secrets.items()
        mine_or_to_me = [
            key
            for key, secret in secrets
            if secret.user_id == user_id or secret.email == user.email
        ]
        await rows.delete(rows.one_time_secrets, mine_or_to_me)
        rows.team_memberships.drop_where(lambda _, each: each.user_id == user_id)
        rows.memberships.drop_where(lambda _, each: each.user_id == user_id)
        rows.invitations.drop_where(lambda _, each: each.email == user.email)
        await rows.delete(rows.users, [user_id])
        rows.remove_letters(user.email)
        rows.redact_audit(user_id)
        return [
            session.id
            for session in mine
            if session.ended_at is None or session.ended_at >= endings_since
        ]

    def _sessions(self, user_id: UserId) -> list[Session]:
        sessions = self._transaction.sessions.values()
        mine = [session for session in sessions if session.user_id == user_id]
        return sorted(mine, key=lambda session: session.id)


def _is_told(session: Session, since: datetime) -> bool:
    ended = session.ended_at is not None and session.ended_at >= since
    return ended and session.end_reason is not EndReason.EXPIRED


def _user(user: User) -> dict[str, Any]:
    return msgspec.structs.asdict(user) | {
        "username": user.username.value,
        "email": user.email.value,
    }


def _session(session: Session) -> dict[str, Any]:
    fields = msgspec.structs.asdict(session)
    return fields | msgspec.structs.asdict(fields.pop("origin"))


def _in_organizations(rows: Transaction, user: User) -> dict[str, Iterable[dict[str, Any]]]:
    of_theirs = rows.memberships.where(lambda each: each.user_id == user.id)
    in_teams = rows.team_memberships.where(lambda each: each.user_id == user.id)
    invited = rows.invitations.where(lambda each: each.email == user.email)
    return {
        "memberships": _structs(of_theirs),
        "team_memberships": _structs(in_teams),
        "invitations": [
            {**fields, "email": user.email.value, "digest": PRESENT} for fields in _structs(invited)
        ],
    }


def _structs(rows: Iterable[msgspec.Struct]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(row) for row in rows]


def _record(fields: dict[str, Any]) -> dict[str, object]:
    return {
        name: as_json(value)
        for name, value in fields.items()
        if name not in _OPERATIONAL and value is not msgspec.UNSET
    }


if TYPE_CHECKING:
    _: type[PersonalDataRepository] = InMemoryPersonalDataRepository
