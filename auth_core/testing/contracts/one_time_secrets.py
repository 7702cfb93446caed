"""The contract of `OneTimeSecretRepository`."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auth_core.credentials import (
    LIFETIMES,
    MAX_ATTEMPTS,
    OF_AN_ACCOUNT,
    OneTimeSecret,
    OneTimeSecretId,
    Purpose,
)
from auth_core.kernel import Email, UserId
from auth_core.testing.contracts.making import (
    UnitOfWorkFactory,
    fresh_id,
    fresh_name,
    now,
)

MANY = 50
HOUR = timedelta(hours=1)


def new_secret(purpose: Purpose = Purpose.RESET_PASSWORD, **changes: Any) -> OneTimeSecret:
    """A secret of a user whom nobody knows, made a moment ago."""
    user_id = UserId(fresh_id())
    secret = OneTimeSecret(
        id=OneTimeSecretId(fresh_id()),
        purpose=purpose,
        subject=str(user_id),
        digest=secrets.token_bytes(32),
        email=Email.parse(f"{fresh_name()}@example.com"),
        user_id=user_id,
        created_at=now() - timedelta(seconds=1),
        expires_at=now() + LIFETIMES[purpose],
    )
    return msgspec.structs.replace(secret, **changes)


def new_code(**changes: Any) -> OneTimeSecret:
    """The secret of a challenge."""
    return new_secret(Purpose.SIGN_IN_CODE, code_digest=secrets.token_bytes(32), **changes)


class OneTimeSecretRepositoryContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    async def test_what_is_issued_is_found_whole_and_stays(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        secret = new_secret(sealed_payload=bytes(range(256)))
        await _issue(unit_of_work, secret)

        assert [secret, secret] == [await _find(unit_of_work, secret) for _ in range(2)]

    async def test_a_secret_is_redeemed_once(self, unit_of_work: UnitOfWorkFactory) -> None:
        secret, at = new_secret(), now()
        await _issue(unit_of_work, secret)

        redeemed = [await _redeem(unit_of_work, secret, at) for _ in range(2)]

        assert [msgspec.structs.replace(secret, consumed_at=at), None] == redeemed
        assert None is await _find(unit_of_work, secret)

    @pytest.mark.sec("SEC-16")
    async def test_of_fifty_racing_redemptions_one_gets_it(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        secret = new_secret()
        await _issue(unit_of_work, secret)

        redeemed = await asyncio.gather(*(_redeem(unit_of_work, secret) for _ in range(MANY)))

        assert MANY - 1 == redeemed.count(None)

    async def test_a_redemption_that_rolls_back_leaves_it_to_the_next(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        secret = new_secret()
        await _issue(unit_of_work, secret)
        async with unit_of_work() as uow:
            assert await uow.one_time_secrets.redeem(secret.purpose, secret.digest, now())
            waiting = asyncio.create_task(_redeem(unit_of_work, secret))
            await asyncio.wait([waiting], timeout=0.05)

        assert None is not await waiting

    @pytest.mark.parametrize("purpose", sorted(set(Purpose) - {Purpose.RESET_PASSWORD}))
    async def test_it_serves_no_other_purpose(
        self, unit_of_work: UnitOfWorkFactory, purpose: Purpose
    ) -> None:
        secret = new_secret()
        await _issue(unit_of_work, secret)

        other = msgspec.structs.replace(secret, purpose=purpose)

        assert [None, None] == [
            await _find(unit_of_work, other),
            await _redeem(unit_of_work, other),
        ]

    async def test_it_is_dead_from_its_expiry_on(self, unit_of_work: UnitOfWorkFactory) -> None:
        secret = new_secret()
        await _issue(unit_of_work, secret)
        just_before = secret.expires_at - timedelta(microseconds=1)

        assert None is await _redeem(unit_of_work, secret, secret.expires_at)
        assert None is not await _redeem(unit_of_work, secret, just_before)

    @pytest.mark.sec("SEC-16")
    async def test_a_new_one_takes_the_place_of_the_one_before(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        old = new_secret()
        new = msgspec.structs.replace(new_secret(), subject=old.subject, user_id=old.user_id)
        await _issue(unit_of_work, old)
        await _issue(unit_of_work, new)

        assert None is await _redeem(unit_of_work, old)
        assert None is not await _redeem(unit_of_work, new)

    async def test_a_new_one_lives_although_the_one_before_was_used_up(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        old = new_code(attempts=MAX_ATTEMPTS, consumed_at=now())
        new = msgspec.structs.replace(new_code(), subject=old.subject, user_id=old.user_id)
        await _issue(unit_of_work, old)
        await _issue(unit_of_work, new)

        assert new == await _find(unit_of_work, new)

    async def test_of_racing_issues_one_secret_is_left(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        first = new_secret()
        rivals = [
            msgspec.structs.replace(new_secret(), subject=first.subject, user_id=first.user_id)
            for _ in range(12)
        ]

        await asyncio.gather(*(_issue(unit_of_work, each) for each in rivals))

        found = [await _find(unit_of_work, each) for each in rivals]
        assert len(rivals) - 1 == found.count(None)

    async def test_a_resend_that_races_a_redemption_leaves_at_most_its_own(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        for _ in range(12):
            old = new_secret()
            new = msgspec.structs.replace(new_secret(), subject=old.subject, user_id=old.user_id)
            await _issue(unit_of_work, old)

            await asyncio.gather(_redeem(unit_of_work, old), _issue(unit_of_work, new))

            assert None is await _redeem(unit_of_work, old)
            assert new == await _find(unit_of_work, new)

    @pytest.mark.sec("SEC-16")
    async def test_voiding_ends_those_of_the_user_and_the_purposes_alone(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        mine = [new_secret(purpose) for purpose in sorted(OF_AN_ACCOUNT)]
        user_id = mine[0].user_id
        mine = [
            msgspec.structs.replace(each, user_id=user_id, subject=str(user_id)) for each in mine
        ]
        spared, theirs = mine.pop(), new_secret()
        for each in (*mine, spared, theirs):
            await _issue(unit_of_work, each)
        assert user_id is not None

        async with unit_of_work() as uow:
            await uow.one_time_secrets.void(user_id, {each.purpose for each in mine}, now())
            await uow.commit()

        assert [None] * len(mine) == [await _redeem(unit_of_work, each) for each in mine]
        assert [spared, theirs] == [await _find(unit_of_work, each) for each in (spared, theirs)]

    async def test_a_redemption_waits_for_whoever_voids(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        secret = new_secret()
        await _issue(unit_of_work, secret)
        assert secret.user_id is not None
        async with unit_of_work() as uow:
            await uow.one_time_secrets.void(secret.user_id, OF_AN_ACCOUNT, now())
            waiting = asyncio.create_task(_redeem(unit_of_work, secret))
            await asyncio.wait([waiting], timeout=0.05)
            await uow.commit()

        assert None is await waiting


class OneTimeCodeContract:
    """The part about codes. Needs the fixture ``unit_of_work``."""

    async def test_a_right_code_consumes_its_challenge(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        secret, at = new_code(), now()
        await _issue(unit_of_work, secret)

        tried = [await _try(unit_of_work, secret, at=at) for _ in range(2)]

        expected = msgspec.structs.replace(secret, attempts=1, consumed_at=at)
        assert [expected, None] == tried

    @pytest.mark.sec("SEC-20")
    async def test_five_wrong_codes_end_a_challenge(self, unit_of_work: UnitOfWorkFactory) -> None:
        secret = new_code()
        await _issue(unit_of_work, secret)

        wrong = [await _try(unit_of_work, secret, secrets.token_bytes(32)) for _ in range(7)]

        attempts = [None if tried is None else tried.attempts for tried in wrong]
        assert [1, 2, 3, 4, 5, None, None] == attempts
        assert None is await _try(unit_of_work, secret)

    @pytest.mark.sec("SEC-20")
    async def test_racing_guesses_get_five_tries_together(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        secret = new_code()
        await _issue(unit_of_work, secret)

        tried = await asyncio.gather(
            *(_try(unit_of_work, secret, secrets.token_bytes(32)) for _ in range(MANY))
        )

        assert MANY - MAX_ATTEMPTS == tried.count(None)

    @pytest.mark.sec("SEC-16", "SEC-19")
    async def test_of_fifty_right_codes_one_gets_it(self, unit_of_work: UnitOfWorkFactory) -> None:
        secret = new_code()
        await _issue(unit_of_work, secret)

        tried = await asyncio.gather(*(_try(unit_of_work, secret) for _ in range(MANY)))

        assert MANY - 1 == tried.count(None)

    async def test_a_challenge_is_no_link_and_a_link_no_challenge(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        code, link = new_code(), new_secret(Purpose.SIGN_IN_LINK)
        await _issue(unit_of_work, code)
        await _issue(unit_of_work, link)

        assert None is await _redeem(unit_of_work, code)
        assert None is await _try(unit_of_work, link, link.digest)

    async def test_a_sweep_takes_what_has_expired_and_no_more_than_asked(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        long_ago = now() - timedelta(days=20_000)
        over = [new_secret(expires_at=long_ago + timedelta(seconds=each)) for each in range(3)]
        live = new_secret()
        for each in (*over, live):
            await _issue(unit_of_work, each)

        async def sweep(limit: int) -> int:
            async with unit_of_work() as uow:
                swept = await uow.one_time_secrets.sweep(long_ago + HOUR, limit)
                await uow.commit()
                return swept

        assert [2, 1, 0] == [await sweep(2) for _ in range(3)]
        assert live == await _find(unit_of_work, live)


async def _issue(unit_of_work: UnitOfWorkFactory, secret: OneTimeSecret) -> None:
    async with unit_of_work() as uow:
        await uow.one_time_secrets.issue(secret)
        await uow.commit()


async def _find(unit_of_work: UnitOfWorkFactory, secret: OneTimeSecret) -> OneTimeSecret | None:
    async with unit_of_work() as uow:
        return await uow.one_time_secrets.find(secret.purpose, secret.digest, now())


async def _redeem(
    unit_of_work: UnitOfWorkFactory, secret: OneTimeSecret, at: Any = None
) -> OneTimeSecret | None:
    async with unit_of_work() as uow:
        redeemed = await uow.one_time_secrets.redeem(secret.purpose, secret.digest, at or now())
        await uow.commit()
        return redeemed


async def _try(
    unit_of_work: UnitOfWorkFactory,
    secret: OneTimeSecret,
    typed: bytes | None = None,
    *,
    at: Any = None,
) -> OneTimeSecret | None:
    async with unit_of_work() as uow:
        tried = await uow.one_time_secrets.try_code(
            secret.purpose, secret.digest, typed or secret.code_digest or b"", at or now()
        )
        await uow.commit()
        return tried
