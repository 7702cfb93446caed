"""What the suites work with: fresh identities that no other test and no earlier run has used."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from auth_core.core import CoreUnitOfWork
from auth_core.kernel import (
    Email,
    EventId,
    OrganizationId,
    Secret,
    SessionId,
    UserId,
    Username,
    uuid7,
)
from auth_core.keys import KeyStatus, KeyUse, SealedKey
from auth_core.sessions import Session, SessionOrigin, SessionState
from auth_core.users import User, UserCreated, UserUpdated

UnitOfWorkFactory = Callable[[], CoreUnitOfWork]
RecordedEvents = Callable[[UserId], Awaitable[list[tuple[EventId, str]]]]
Flush = Callable[[], Awaitable[None]]

RACERS = 12
"""Enough to collide, few enough for a small connection pool."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The real time, with microseconds: caches may refuse what has expired by their own clock."""
    moment = datetime.now(UTC)  # noqa: TID251 - there is no clock to take
    return moment.replace(microsecond=moment.microsecond or 1)


def fresh_id(at: datetime | None = None) -> UUID:
    """A random UUIDv7 of now or of ``at``."""
    milliseconds = ((at or now()) - _EPOCH) // timedelta(milliseconds=1)
    return uuid7(milliseconds, secrets.token_bytes(10))


def fresh_name() -> str:
    """A user name that is nobody's."""
    return f"u-{secrets.token_hex(8)}"


def new_user(*, id: UUID | None = None, **changes: Any) -> User:  # noqa: A002
    """A user nobody has stored."""
    name, at = fresh_name(), now()
    user = User(
        id=UserId(id or fresh_id(at)),
        username=Username.parse(name),
        email=Email.parse(f"{name}@example.com"),
        display_name="Zoë O'Brien 🦊 \"; DROP TABLE users; --",
        created_at=at,
        updated_at=at,
    )
    return msgspec.structs.replace(user, **changes)


def new_session(user: User, **changes: Any) -> Session:
    """A session of ``user`` that began a minute ago and lives for an hour."""
    at = now()
    began = at - timedelta(minutes=1)
    session = Session(
        id=SessionId(fresh_id(at)),
        user_id=user.id,
        created_at=began,
        expires_at=at + timedelta(hours=1),
        absolute_expires_at=at + timedelta(days=30),
        last_used_at=began,
        user_epoch=user.epoch,
    )
    return msgspec.structs.replace(session, **changes)


def new_state(**changes: Any) -> SessionState:
    """A live state in which no field has its default."""
    at = now()
    user = new_user(
        updated_at=at + timedelta(microseconds=1),
        email_verified=True,
        roles=("admin", "user"),
        is_dev_user=True,
        organization_id=OrganizationId(fresh_id()),
        last_login_at=at - timedelta(microseconds=1),
        locale="pt-BR",
        time_zone="Europe/Berlin",
        picture_url="https://example.com/p.png",
        claims={"floor": 3, "tags": ["a"]},
        version=7,
        epoch=2,
    )
    session = new_session(
        user,
        organization_id=user.organization_id,
        refresh_counter=3,
        recent_rotations=(at - timedelta(seconds=2), at - timedelta(seconds=1)),
        scopes=("personal", "team"),
        authenticated_at=at,
        amr=("pwd",),
        impersonator_id=UserId(fresh_id()),
        impersonation_reason="ticket 4711",
        origin=SessionOrigin(client_id="cli", user_agent="Firefox", ip_address="192.0.2.0/24"),
    )
    state = SessionState(session=session, user=user, live_sessions=2)
    return msgspec.structs.replace(state, **changes)


def new_sealed_key(use: KeyUse, **changes: Any) -> SealedKey:
    """An active key whose sealed part is any bytes."""
    kid = secrets.token_urlsafe(32)
    key = SealedKey(
        kid=kid,
        use=use,
        algorithm="RS256",
        status=KeyStatus.ACTIVE,
        created_at=now(),
        sealed_private_jwk=bytes(range(256)) + secrets.token_bytes(32),
        public_jwk={"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": "AQAB"},
    )
    return msgspec.structs.replace(key, **changes)


def new_hash() -> Secret[str]:
    """What looks like a PHC string."""
    return Secret(f"$argon2id$v=19$m=19456,t=2,p=1${secrets.token_urlsafe(16)}")


def user_created(user_id: UserId) -> UserCreated:
    """An event about ``user_id``."""
    return UserCreated(id=EventId(fresh_id()), occurred_at=now(), user_id=user_id)


def user_updated(user_id: UserId) -> UserUpdated:
    """Another event about ``user_id``."""
    return UserUpdated(
        id=EventId(fresh_id()), occurred_at=now(), user_id=user_id, fields=("display_name",)
    )


async def stored_user(unit_of_work: UnitOfWorkFactory, **changes: Any) -> User:
    """A committed user."""
    user = new_user(**changes)
    async with unit_of_work() as uow:
        await uow.users.add(user)
        await uow.commit()
    return user


async def stored_session(unit_of_work: UnitOfWorkFactory, user: User, **changes: Any) -> Session:
    """A committed session."""
    session = new_session(user, **changes)
    async with unit_of_work() as uow:
        await uow.sessions.add(session)
        await uow.commit()
    return session


async def read_back(unit_of_work: UnitOfWorkFactory, user: User) -> list[User | None]:
    """What a new transaction finds by the user's id, user name and address."""
    async with unit_of_work() as uow:
        return [
            await uow.users.get(user.id),
            await uow.users.find(user.username),
            await uow.users.find(user.email),
        ]
