"""The contract of `MailQueue`: letters that leave only with a commit, and are lost by nobody."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from auth_core.kernel import Email, Letter, LetterId, MailTemplate
from auth_core.mail import LetterStatus, MailBacklog, QueuedLetter, written_at
from auth_core.testing.contracts.making import RACERS, UnitOfWorkFactory, fresh_id, now

_LEASE = timedelta(minutes=1)
_TICK = timedelta(microseconds=1)
_SECRET = "a-token-that-nobody-may-find"


def new_letter(at: datetime | None = None, **changes: Any) -> Letter:
    """A letter that nobody has enqueued."""
    letter = Letter(
        id=LetterId(fresh_id(at)),
        to=Email.parse("somebody@example.com"),
        template=MailTemplate.RESET_PASSWORD,
        values={"token": _SECRET, "minutes": "10", "ünï": '🦊"\\'},
        locale="de-AT",
    )
    return msgspec.structs.replace(letter, **changes)


class MailOutboxContract:
    """Needs the fixture ``unit_of_work``, over a store that holds no letters."""

    async def test_a_letter_is_stored_with_the_commit_and_due_at_once(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letter = await _enqueued(unit_of_work)

        stored = await _stored(unit_of_work, letter.id)

        assert stored is not None
        assert (letter.to, letter.template, "de-AT") == (stored.to, stored.template, stored.locale)
        written = written_at(letter.id)
        assert (written, written, 0) == (stored.created_at, stored.next_attempt_at, stored.attempts)
        assert (None, None, None) == (stored.claimed_at, stored.last_error, stored.dead_at)
        assert LetterStatus.WAITING is stored.status(now())

    async def test_the_backlog_is_what_lives(self, unit_of_work: UnitOfWorkFactory) -> None:
        old, dead = await _enqueued(unit_of_work, now() - _LEASE), await _enqueued(unit_of_work)
        for letter in await _claim(unit_of_work):
            if letter.id == dead.id:
                await _bury(unit_of_work, letter, now(), "smtp_550")

        async with unit_of_work() as uow:
            assert MailBacklog(1, written_at(old.id)) == await uow.mail.backlog()

    async def test_a_letter_of_a_rolled_back_change_never_leaves(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letter = new_letter()
        async with unit_of_work() as uow:
            await uow.mail.enqueue(letter)

        assert [] == await _claim(unit_of_work)
        assert None is await _stored(unit_of_work, letter.id)

    async def test_letters_leave_with_the_other_changes_of_their_transaction(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letters = [new_letter() for _ in range(3)]
        async with unit_of_work() as uow:
            for letter in letters:
                await uow.mail.enqueue(letter)
            await uow.commit()

        assert {letter.id for letter in letters} == {each.id for each in await _claim(unit_of_work)}

    @pytest.mark.sec("SEC-49", "SEC-67")
    async def test_what_a_letter_shows_is_sealed_and_hidden(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letter = await _enqueued(unit_of_work)
        stored = await _stored(unit_of_work, letter.id)
        assert stored is not None
        assert stored.sealed_values is not None

        assert _SECRET.encode() not in stored.sealed_values
        for shown in (repr(letter), repr(stored)):
            assert _SECRET not in shown
            assert letter.to.value not in shown

    async def test_a_claim_takes_the_longest_due_first_and_counts_an_attempt(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        at = now()
        old = await _enqueued(unit_of_work, at - timedelta(seconds=9))
        await _enqueued(unit_of_work, at - timedelta(seconds=3))

        [claimed] = await _claim(unit_of_work, at, limit=1)

        assert (old.id, 1, at) == (claimed.id, claimed.attempts, claimed.claimed_at)
        assert at + _LEASE == claimed.next_attempt_at
        assert LetterStatus.SENDING is claimed.status(at)
        assert claimed == await _stored(unit_of_work, old.id)

    async def test_what_is_not_due_is_not_claimed(self, unit_of_work: UnitOfWorkFactory) -> None:
        letter = await _enqueued(unit_of_work)
        written = written_at(letter.id)

        assert [] == await _claim(unit_of_work, written - _TICK)
        assert 1 == len(await _claim(unit_of_work, written))

    async def test_of_racing_claims_each_letter_goes_to_one(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letters = {(await _enqueued(unit_of_work)).id for _ in range(RACERS)}

        claims = await asyncio.gather(*(_claim(unit_of_work, limit=2) for _ in range(RACERS)))

        claimed = [letter.id for claim in claims for letter in claim]
        claimed += [letter.id for letter in await _claim(unit_of_work)]
        assert sorted(letters) == sorted(claimed)

    async def test_a_claim_does_not_wait_for_another_one(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        await _enqueued(unit_of_work, now() - timedelta(seconds=9))
        second = await _enqueued(unit_of_work)
        at = now()
        async with unit_of_work() as uow:
            assert 1 == len(await uow.mail.claim(at, at + _LEASE, 1))

            async with asyncio.timeout(20):
                assert [second.id] == [each.id for each in await _claim(unit_of_work, at)]

        assert 1 == len(await _claim(unit_of_work, at))  # the first one was never committed

    async def test_whoever_dies_with_a_letter_leaves_it_to_others_after_a_while(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letter, at = await _enqueued(unit_of_work), now()
        await _claim(unit_of_work, at)

        assert [] == await _claim(unit_of_work, at + _LEASE - _TICK)
        [again] = await _claim(unit_of_work, at + _LEASE)

        assert (letter.id, 2) == (again.id, again.attempts)

    @pytest.mark.sec("SEC-71")
    async def test_a_letter_that_was_sent_is_gone_even_if_it_was_claimed_again(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letter, at = await _enqueued(unit_of_work), now()
        [late] = await _claim(unit_of_work, at)
        [second] = await _claim(unit_of_work, at + _LEASE)

        for claimed in (late, second):
            async with unit_of_work() as uow:
                await uow.mail.sent(claimed)
                await uow.commit()

        assert None is await _stored(unit_of_work, letter.id)

    async def test_a_postponed_letter_is_due_at_the_new_time_with_its_reason(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letter, at = await _enqueued(unit_of_work), now()
        [claimed] = await _claim(unit_of_work, at)
        later = at + timedelta(seconds=5)

        await _postpone(unit_of_work, claimed, later, "smtp_451")

        stored = await _stored(unit_of_work, letter.id)
        assert stored is not None
        assert (later, "smtp_451", None) == (
            stored.next_attempt_at,
            stored.last_error,
            stored.claimed_at,
        )
        assert [] == await _claim(unit_of_work, later - _TICK)
        assert [2] == [each.attempts for each in await _claim(unit_of_work, later)]

    @pytest.mark.sec("SEC-71")
    async def test_a_dead_letter_keeps_nothing_of_what_it_said_and_stays_dead(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letter, at = await _enqueued(unit_of_work), now()
        [claimed] = await _claim(unit_of_work, at)

        await _bury(unit_of_work, claimed, at, "smtp_550")

        stored = await _stored(unit_of_work, letter.id)
        assert stored is not None
        assert (None, at, "smtp_550") == (stored.sealed_values, stored.dead_at, stored.last_error)
        assert LetterStatus.DEAD is stored.status(at)
        await _postpone(unit_of_work, claimed, at, "late")
        async with unit_of_work() as uow:
            assert 0 == await uow.mail.make_due(at)
            await uow.commit()
        assert [] == await _claim(unit_of_work, at + timedelta(days=9))
        assert stored == await _stored(unit_of_work, letter.id)

    async def test_who_comes_back_too_late_changes_nothing(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letter, at = await _enqueued(unit_of_work), now()
        [late] = await _claim(unit_of_work, at)
        [current] = await _claim(unit_of_work, at + _LEASE)

        await _postpone(unit_of_work, late, at, "late")
        await _bury(unit_of_work, late, at, "late")

        assert current == await _stored(unit_of_work, letter.id)

    async def test_waiting_letters_can_be_made_due_and_those_being_sent_cannot(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letters = [await _enqueued(unit_of_work) for _ in range(4)]
        at = now()
        later = at + timedelta(hours=1)
        for claimed in (await _claim(unit_of_work, at))[:3]:
            await _postpone(unit_of_work, claimed, later, "smtp_451")
        waiting = [
            stored.id
            for letter in letters
            if (stored := await _stored(unit_of_work, letter.id)) and stored.claimed_at is None
        ]

        made = []
        for ids in (waiting[:1], [LetterId(fresh_id())], [], None):
            async with unit_of_work() as uow:
                made.append(await uow.mail.make_due(at, ids))
                await uow.commit()

        assert [1, 0, 0, 3] == made
        assert sorted(waiting) == sorted(each.id for each in await _claim(unit_of_work, at))

    async def test_pages_follow_each_other_in_the_order_of_ids(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letters = sorted([(await _enqueued(unit_of_work)).id for _ in range(5)])

        found, after = [], None
        while True:
            async with unit_of_work() as uow:
                page = await uow.mail.page(after=after, limit=2)
            if not page:
                break
            found += [letter.id for letter in page]
            after = page[-1].id

        assert letters == found

    async def test_values_are_resealed_unless_they_changed_since(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        letter = await _enqueued(unit_of_work)
        before = await _stored(unit_of_work, letter.id)
        assert before is not None

        for sealed in (b"first", b"second"):
            async with unit_of_work() as uow:
                await uow.mail.reseal(before, sealed)
                await uow.commit()

        assert msgspec.structs.replace(before, sealed_values=b"first") == await _stored(
            unit_of_work, letter.id
        )

    @pytest.mark.sec("SEC-71")
    async def test_letters_of_before_the_moment_go_whatever_they_are_and_no_others(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        before = now().replace(microsecond=0)
        old = [await _enqueued(unit_of_work, before - timedelta(days=day)) for day in (3, 2, 1)]
        [dead] = await _claim(unit_of_work, before, limit=1)
        await _bury(unit_of_work, dead, before, "smtp_550")
        kept = await _enqueued(unit_of_work, before)

        swept = []
        for limit in (2, 10, 10):
            async with unit_of_work() as uow:
                swept.append(await uow.mail.sweep(before, limit))
                await uow.commit()

        assert [2, 1, 0] == swept
        assert [None] * 3 == [await _stored(unit_of_work, letter.id) for letter in old]
        assert None is not await _stored(unit_of_work, kept.id)

    @pytest.mark.sec("SEC-71")
    async def test_of_an_erased_person_no_letter_is_left(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        gone = Email.parse("gone@example.com")
        theirs = [await _enqueued(unit_of_work, to=gone) for _ in range(3)]
        other = await _enqueued(unit_of_work)
        claimed = await _claim(unit_of_work, limit=2)
        await _bury(unit_of_work, claimed[0], now(), "smtp_550")

        withdrawn = []
        for _ in range(2):
            async with unit_of_work() as uow:
                withdrawn.append(await uow.mail.withdraw(gone))
                await uow.commit()

        assert [3, 0] == withdrawn
        assert [None] * 3 == [await _stored(unit_of_work, letter.id) for letter in theirs]
        assert None is not await _stored(unit_of_work, other.id)


async def _enqueued(
    unit_of_work: UnitOfWorkFactory, at: datetime | None = None, **changes: Any
) -> Letter:
    letter = new_letter(at, **changes)
    async with unit_of_work() as uow:
        await uow.mail.enqueue(letter)
        await uow.commit()
    return letter


async def _stored(unit_of_work: UnitOfWorkFactory, letter_id: LetterId) -> QueuedLetter | None:
    async with unit_of_work() as uow:
        return await uow.mail.get(letter_id)


async def _claim(
    unit_of_work: UnitOfWorkFactory, at: datetime | None = None, limit: int = 100
) -> list[QueuedLetter]:
    moment = at or now()
    async with unit_of_work() as uow:
        claimed = await uow.mail.claim(moment, moment + _LEASE, limit)
        await uow.commit()
    return claimed


async def _postpone(
    unit_of_work: UnitOfWorkFactory, letter: QueuedLetter, at: datetime, reason: str
) -> None:
    async with unit_of_work() as uow:
        await uow.mail.postpone(letter, at, reason)
        await uow.commit()


async def _bury(
    unit_of_work: UnitOfWorkFactory, letter: QueuedLetter, at: datetime, reason: str
) -> None:
    async with unit_of_work() as uow:
        await uow.mail.bury(letter, at, reason)
        await uow.commit()
