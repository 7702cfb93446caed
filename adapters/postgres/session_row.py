"""A row of the table ``sessions`` as a session."""

from collections.abc import Sequence
from typing import Any

from adapters.postgres.tables import sessions
from auth_core.sessions import EndReason, Session, SessionOrigin

SESSION_COLUMNS = (
    sessions.c.id,
    sessions.c.user_id,
    sessions.c.organization_id,
    sessions.c.created_at,
    sessions.c.expires_at,
    sessions.c.absolute_expires_at,
    sessions.c.last_used_at,
    sessions.c.scopes,
    sessions.c.user_epoch,
    sessions.c.client_id,
    sessions.c.user_agent,
    sessions.c.ip_address,
    sessions.c.refresh_counter,
    sessions.c.recent_rotations,
    sessions.c.ended_at,
    sessions.c.end_reason,
    sessions.c.reuse_detected_at,
    sessions.c.authenticated_at,
    sessions.c.amr,
    sessions.c.impersonator_id,
    sessions.c.impersonation_reason,
)
_END_REASON: dict[str | None, EndReason | None] = {reason.value: reason for reason in EndReason}
_END_REASON[None] = None  # a reason that is not here is one of a newer release


def session_from(values: Sequence[Any]) -> Session:
    """The session in the values of `SESSION_COLUMNS`."""
    return Session(
        id=values[0],
        user_id=values[1],
        organization_id=values[2],
        created_at=values[3],
        expires_at=values[4],
        absolute_expires_at=values[5],
        last_used_at=values[6],
        scopes=tuple(values[7]),
        user_epoch=values[8],
        origin=SessionOrigin(client_id=values[9], user_agent=values[10], ip_address=values[11]),
        refresh_counter=values[12],
        recent_rotations=tuple(values[13]),
        ended_at=values[14],
        end_reason=_END_REASON.get(values[15], EndReason.UNKNOWN),
        reuse_detected_at=values[16],
        authenticated_at=values[17],
        amr=tuple(values[18]),
        impersonator_id=values[19],
        impersonation_reason=values[20],
    )
