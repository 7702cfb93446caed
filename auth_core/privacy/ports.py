"""What the rights of a person need from storage."""

from datetime import datetime
from typing import Protocol

from auth_core.kernel import SessionId, UserId
from auth_core.privacy.model import PersonalData
from auth_core.sessions import SessionsUnitOfWork


class PersonalDataRepository(Protocol):
    """All that is stored about a person, wherever it is stored."""

    async def export(self, user_id: UserId, at: datetime) -> PersonalData | None:
        """Every record of the person, secrets as `PRESENT` only; ``at`` is the time of its making.

        None when there is no such account.
        """
        ...

    async def claim_due(self, now: datetime) -> UserId | None:
        """The account whose ``delete_after`` has been reached for longest at ``now``, or None.

        It is held until the transaction ends; those that others hold are passed over.
        """
        ...

    async def erase(self, user_id: UserId, *, endings_since: datetime) -> list[SessionId] | None:
        """Remove the account and every record that says something of the person.

        What names them by id only stays: events, audit records, and the sessions that ended at or
        after ``endings_since``, which `SessionRepository.ended_since` goes on to tell. Returns the
        sessions that caches may still know. None, and nothing is written, when there is no such
        account, or it is neither deleted nor leaving.
        """
        ...


class PrivacyUnitOfWork(SessionsUnitOfWork, Protocol):
    """A transaction over everything that is personal."""

    @property
    def personal_data(self) -> PersonalDataRepository:
        """The personal data, as this transaction sees them."""
        ...
