"""The contract of `PersonalDataRepository`."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from auth_core.audit import AuditAction, AuditRecord
from auth_core.kernel import ConcurrentUpdate, EventId, SessionId, UserId
from auth_core.privacy import PRESENT, PersonalData
from auth_core.sessions import EndReason, SessionOrigin
from auth_core.testing.contracts.making import (
    RACERS,
    RecordedEvents,
    UnitOfWorkFactory,
    fresh_id,
    new_hash,
    new_session,
    now,
    read_back,
    stored_session,
    stored_user,
    user_created,
)
from auth_core.users import User, UserStatus

LONG_AGO = timedelta(days=20_000)
"""Long before anything that other tests leave behind is due."""


class PersonalDataContract:
    """Needs the fixtures ``unit_of_work`` and ``recorded_events``."""

    @pytest.mark.sec("SEC-71")
    async def test_an_export_has_every_record_of_the_person_and_of_nobody_else(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        origin = SessionOrigin(client_id="cli", user_agent="Firefox", ip_address="192.0.2.7")
        one = await stored_session(unit_of_work, user, origin=origin)
        two = await stored_session(unit_of_work, user, ended_at=now(), end_reason=EndReason.LOGOUT)
        await stored_session(unit_of_work, other)
        await _record(unit_of_work, user)
        at = now()

        exported = await _export(unit_of_work, user.id, at)

        assert exported is not None
        assert (1, user.id, ()) == (
            exported.schema_version,
            exported.user_id,
            exported.truncated,
        )
        assert at == datetime.fromisoformat(exported.generated_at)
        (account,) = exported.records["users"]
        assert (str(user.id), user.username.value, user.email.value, user.display_name) == tuple(
            account[name] for name in ("id", "username", "email", "display_name")
        )
        assert user.created_at.isoformat() == account["created_at"]
        sessions = {session["id"]: session for session in exported.records["sessions"]}
        # newest first, which is in the order of ids; those of one millisecond have no other
        assert sorted(map(str, (one.id, two.id)), reverse=True) == list(sessions)
        told = sessions[str(one.id)]
        assert ("cli", "Firefox", "192.0.2.7") == tuple(
            told[name] for name in ("client_id", "user_agent", "ip_address")
        )
        (event,) = exported.records["outbox"]
        (audited,) = exported.records["audit_records"]
        assert ("user.created", "session:reuse_detected") == (event["type"], audited["action"])
        msgspec.json.encode(exported)

    @pytest.mark.sec("SEC-71", "SEC-67")
    async def test_of_a_secret_an_export_tells_that_it_is_there(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, password_hash = await stored_user(unit_of_work), new_hash()
        before = await _export(unit_of_work, user.id)
        async with unit_of_work() as uow:
            await uow.credentials.set_password(user.id, password_hash)
            await uow.commit()

        after = await _export(unit_of_work, user.id)

        assert before is not None
        assert after is not None
        assert [] == list(before.records["password_credentials"])
        (credential,) = after.records["password_credentials"]
        assert PRESENT == credential["password_hash"]
        assert password_hash.reveal() not in msgspec.json.encode(after).decode()

    async def test_of_an_unknown_person_there_is_no_export(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        assert None is await _export(unit_of_work, UserId(fresh_id()))

    @pytest.mark.sec("SEC-71")
    async def test_an_erasure_leaves_what_names_the_person_by_id_only(
        self, unit_of_work: UnitOfWorkFactory, recorded_events: RecordedEvents
    ) -> None:
        user = await _deleted(unit_of_work)
        other = await stored_user(unit_of_work)
        mine = await stored_session(unit_of_work, user)
        theirs = await stored_session(unit_of_work, other)
        async with unit_of_work() as uow:
            await uow.credentials.set_password(user.id, new_hash())
            await uow.commit()
        await _record(unit_of_work, user)

        assert [mine.id] == await _erase(unit_of_work, user.id)

        assert [None, None, None] == await read_back(unit_of_work, user)
        assert [other, other, other] == await read_back(unit_of_work, other)
        async with unit_of_work() as uow:
            assert None is await uow.credentials.account(user.username)
            assert None is await uow.sessions.state(mine.id, now())
            assert await uow.sessions.state(theirs.id, now())
        assert ["user.created"] == [kind for _, kind in await recorded_events(user.id)]

    @pytest.mark.sec("SEC-71")
    async def test_an_erasure_empties_what_was_remarked_about_the_person(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, other = await _deleted(unit_of_work), await stored_user(unit_of_work)
        for subject, detail in ((user, "they asked us to look"), (other, "so did they")):
            await _record(unit_of_work, subject, detail)
        async with unit_of_work() as uow:
            assert "they asked us to look" in str(await uow.personal_data.export(user.id, now()))

        await _erase(unit_of_work, user.id)

        again = await stored_user(unit_of_work, id=user.id)  # so that there is somebody to export
        for subject, left in ((again, [None]), (other, ["so did they"])):
            exported = await _export(unit_of_work, subject.id)
            assert exported is not None
            assert left == [one["detail"] for one in exported.records["audit_records"]]

    async def test_the_names_of_the_erased_are_free(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = await _deleted(unit_of_work)
        await _erase(unit_of_work, user.id)

        again = await stored_user(unit_of_work, username=user.username, email=user.email)

        assert user.id != again.id

    @pytest.mark.sec("SEC-29")
    async def test_the_endings_of_an_erased_user_are_told_as_long_as_they_matter(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, at = await _deleted(unit_of_work), now()
        ended = {
            (age, reason): await stored_session(
                unit_of_work, user, ended_at=at - age, end_reason=reason
            )
            for age, reason in (
                (timedelta(hours=2), EndReason.LOGOUT),
                (timedelta(0), EndReason.LOGOUT),
                (timedelta(0), EndReason.EXPIRED),
            )
        }
        since = at - timedelta(hours=1)

        cached = await _erase(unit_of_work, user.id, endings_since=since)

        told = ended[timedelta(0), EndReason.LOGOUT]
        assert {told.id, ended[timedelta(0), EndReason.EXPIRED].id} == set(cached or ())
        async with unit_of_work() as uow:
            since_long = await uow.sessions.ended_since(at - timedelta(days=1))
        assert [(told.id, told.ended_at)] == [
            (one.session_id, one.ended_at) for one in since_long if one.user_id == user.id
        ]

    async def test_what_is_left_of_ended_sessions_is_swept_like_sessions(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, ended_at = await _deleted(unit_of_work), now() - LONG_AGO
        session = await stored_session(
            unit_of_work, user, ended_at=ended_at, end_reason=EndReason.LOGOUT
        )
        await _erase(unit_of_work, user.id, endings_since=ended_at)

        async with unit_of_work() as uow:
            await uow.sessions.sweep(ended_at, 1000)
            assert session.id in {
                one.session_id for one in await uow.sessions.ended_since(ended_at)
            }
            await uow.sessions.sweep(ended_at + timedelta(microseconds=1), 1000)
            await uow.commit()

        async with unit_of_work() as uow:
            left = await uow.sessions.ended_since(ended_at)
        assert session.id not in {one.session_id for one in left}

    @pytest.mark.parametrize("status", sorted(set(UserStatus) - {UserStatus.DELETED}))
    async def test_an_account_that_is_not_deleted_is_not_erased(
        self, unit_of_work: UnitOfWorkFactory, status: UserStatus
    ) -> None:
        user = await stored_user(unit_of_work, status=status)

        assert None is await _erase(unit_of_work, user.id)

        assert [user, user, user] == await read_back(unit_of_work, user)

    async def test_an_unknown_account_is_not_erased(self, unit_of_work: UnitOfWorkFactory) -> None:
        assert None is await _erase(unit_of_work, UserId(fresh_id()))

    async def test_an_erasure_that_is_rolled_back_erased_nothing(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await _deleted(unit_of_work)
        session = await stored_session(unit_of_work, user)
        async with unit_of_work() as uow:
            assert await uow.personal_data.erase(user.id, endings_since=now())

        assert [user, user, user] == await read_back(unit_of_work, user)
        async with unit_of_work() as uow:
            assert await uow.sessions.state(session.id, now())

    async def test_of_racing_erasures_one_erases(self, unit_of_work: UnitOfWorkFactory) -> None:
        user = await _deleted(unit_of_work)

        outcomes = await asyncio.gather(*(_erase(unit_of_work, user.id) for _ in range(RACERS)))

        assert [[]] == [outcome for outcome in outcomes if outcome is not None]

    async def test_due_are_those_whose_grace_is_over_the_longest_first(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        start = now() - LONG_AGO
        second = await _deleted(unit_of_work, start + timedelta(hours=1))
        first = await stored_user(unit_of_work, delete_after=start)  # leaving, by their own wish
        await stored_user(unit_of_work)
        await stored_user(unit_of_work, status=UserStatus.DELETED)

        claimed = []
        for at in (start, start, start + timedelta(hours=1)):
            async with unit_of_work() as uow:
                user_id = await uow.personal_data.claim_due(at)
                if user_id is not None:
                    await uow.personal_data.erase(user_id, endings_since=at)
                await uow.commit()
            claimed.append(user_id)

        assert [first.id, None, second.id] == claimed

    async def test_who_is_claimed_is_passed_over_by_others(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        start = now() - 2 * LONG_AGO
        users = {(await _deleted(unit_of_work, start)).id for _ in range(2)}

        async with unit_of_work() as one, unit_of_work() as two, unit_of_work() as three:
            claimed = [await uow.personal_data.claim_due(start) for uow in (one, two, three)]
            for uow, user_id in zip((one, two), claimed, strict=False):
                assert user_id is not None
                await uow.personal_data.erase(user_id, endings_since=start)
                await uow.commit()

        assert (users, None) == (set(claimed[:2]), claimed[2])

    async def test_a_session_cannot_begin_after_its_account_is_gone(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        """A sign-in that had read the account just before."""
        user = await _deleted(unit_of_work)
        session = new_session(user)

        async def sign_in() -> None:
            async with unit_of_work() as uow:
                await uow.users.get(user.id)
                await uow.sessions.add(session)
                await uow.users.record_login(user.id, now(), epoch=user.epoch)
                await uow.commit()

        async with unit_of_work() as uow:
            await uow.personal_data.erase(user.id, endings_since=now())
            signing_in = asyncio.create_task(sign_in())
            await asyncio.wait([signing_in], timeout=0.05)
            await uow.commit()

        with pytest.raises(ConcurrentUpdate):
            await signing_in
        async with unit_of_work() as uow:
            assert None is await uow.sessions.state(session.id, now())


async def _deleted(unit_of_work: UnitOfWorkFactory, delete_after: datetime | None = None) -> User:
    changes: dict[str, Any] = {"status": UserStatus.DELETED, "delete_after": delete_after}
    return await stored_user(unit_of_work, **changes)


async def _export(
    unit_of_work: UnitOfWorkFactory, user_id: UserId, at: datetime | None = None
) -> PersonalData | None:
    async with unit_of_work() as uow:
        return await uow.personal_data.export(user_id, at or now())


async def _erase(
    unit_of_work: UnitOfWorkFactory, user_id: UserId, *, endings_since: datetime | None = None
) -> list[SessionId] | None:
    async with unit_of_work() as uow:
        erased = await uow.personal_data.erase(user_id, endings_since=endings_since or now())
        await uow.commit()
    return erased


async def _record(unit_of_work: UnitOfWorkFactory, user: User, detail: str | None = None) -> None:
    record = AuditRecord(
        id=EventId(fresh_id()),
        occurred_at=now(),
        action=AuditAction.SESSION_REUSE_DETECTED,
        reason="superseded_token",
        user_id=user.id,
        detail=detail,
    )
    async with unit_of_work() as uow:
        await uow.outbox.add([user_created(user.id)])
        await uow.audit.append(record)
        await uow.commit()
