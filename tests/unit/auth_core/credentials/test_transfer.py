"""Accounts on the move: what a batch stores, and how each line that it does not store is named."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from adapters.crypto.passwords import StoredHashes
from auth_core.credentials import AccountTransfer, Entry, TransferRecord
from auth_core.kernel import UserId
from auth_core.testing import InMemoryCore, in_memory_core
from auth_core.users import UserStatus

WHEN = datetime(2025, 1, 2, tzinfo=UTC)
# argon2id with m=8, t=1
HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43


@pytest.fixture
def core() -> InMemoryCore:
    return in_memory_core()


@pytest.fixture
def transfer(core: InMemoryCore) -> AccountTransfer:
    return AccountTransfer(core.unit_of_work, StoredHashes(), core.clock, core.ports.ids)


def entry(line: int, *, text_values: bool = False, **fields: object) -> Entry:
    new_id = UserId(uuid4())
    return Entry(line=line, fields={**fields}, new_id=new_id, text_values=text_values)


async def test_what_was_taken_in_is_given_out_whole(core, transfer):
    user_id, organization_id = uuid4(), uuid4()
    told = {
        "username": "jane.roe",
        "user_id": str(user_id),
        "email": "jane@example.com",
        "email_verified": True,
        "display_name": "Jane",
        "status": "disabled",
        "roles": ["user", "admin"],
        "organization_id": str(organization_id),
        "locale": "de",
        "claims": {"department": "sales"},
        "created_at": WHEN.isoformat(),
        "password_hash": HASH,
        "password_failures": 3,
        "password_must_change": True,
    }

    assert [] == await transfer.take_in([entry(1, **told)])

    [account] = await transfer.page(after=None, limit=10)
    record = TransferRecord.of(account)
    assert (user_id, organization_id, HASH) == (
        record.user_id,
        record.organization_id,
        record.password_hash,
    )
    assert (UserStatus.DISABLED, 3, True) == (
        record.status,
        record.password_failures,
        record.password_must_change,
    )
    assert {"department": "sales"} == record.claims
    assert ["user.created"] == [event.type for event in core.published]
    assert [] == await transfer.page(after=account.user.id, limit=10)


async def test_the_fewest_fields_make_an_account_of_today_under_the_new_id(core, transfer):
    bare = entry(1, username="jane.roe")

    assert [] == await transfer.take_in([bare])

    [account] = await transfer.page(after=None, limit=10)
    assert (bare.new_id, None) == (account.user.id, account.password_hash)
    assert core.clock.now() == account.user.created_at == account.user.updated_at


async def test_text_values_are_read_as_what_they_mean(transfer):
    line = entry(
        1, text_values=True, username="jane.roe", email_verified="true", password_failures="2"
    )
    strict = entry(2, username="john.doe", email_verified="true")

    [refusal] = await transfer.take_in([line, strict])

    assert (2, "malformed") == (refusal.line, refusal.code)
    assert "email_verified is not what it should be" == refusal.reason


@pytest.mark.sec("SEC-09", "SEC-67")
@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"username": "x"}, "too_short", "3"),
        ({"username": "jane.roe", "status": "asleep"}, "malformed", "status is not"),
        ({"username": "jane.roe", HASH: "1"}, "malformed", "no account has"),
        ({}, "malformed", "fields are missing"),
        ({"username": "jane.roe", "password_hash": "md5:canary"}, "unknown_format", "unknown kind"),
        (
            {"username": "jane.roe", "password_hash": HASH.replace("m=8", "m=99999999")},
            "too_costly",
            "larger parameters",
        ),
    ],
)
async def test_a_line_that_is_not_taken_is_named_and_quotes_nothing(
    core, transfer, fields, code, reason
):
    [refusal] = await transfer.take_in([entry(7, **fields)])

    assert (7, code) == (refusal.line, refusal.code)
    assert reason in refusal.reason
    assert "canary" not in refusal.reason
    assert HASH not in refusal.reason
    assert [] == core.published


async def test_a_line_that_cannot_be_read_does_not_keep_the_others_out(transfer):
    unread = Entry(line=1, fields=None, new_id=UserId(uuid4()))

    [refusal] = await transfer.take_in([unread, entry(2, username="jane.roe")])

    assert (1, "malformed", "the line cannot be read") == (
        refusal.line,
        refusal.code,
        refusal.reason,
    )
    assert 1 == len(await transfer.page(after=None, limit=10))


async def test_of_two_accounts_with_one_id_or_name_the_first_is_stored(core, transfer):
    one = str(uuid4())
    await transfer.take_in([entry(1, username="jane.roe", user_id=one, email="jane@example.com")])

    refusals = await transfer.take_in(
        [
            entry(1, username="jane.roe", user_id=one, email="jane@example.com"),
            entry(2, username="jane.roe"),
            entry(3, username="other", email="jane@example.com"),
            entry(4, username="another", user_id=(twice := str(uuid4()))),
            entry(5, username="yet.another", user_id=twice),
        ]
    )

    assert {
        1: "already_there",
        2: "username_taken",
        3: "email_taken",
        5: "user_id_taken",
    } == {refusal.line: refusal.code for refusal in refusals}
    assert 2 == len(await transfer.page(after=None, limit=10))
    assert 2 == len(core.published)


async def test_a_dry_run_names_the_same_and_stores_nothing(core, transfer):
    await transfer.take_in([entry(1, username="jane.roe")])

    refusals = await transfer.take_in(
        [entry(1, username="jane.roe"), entry(2, username="john.doe")], dry_run=True
    )

    assert [(1, "username_taken")] == [(refusal.line, refusal.code) for refusal in refusals]
    assert 1 == len(await transfer.page(after=None, limit=10)) == len(core.published)


@pytest.mark.sec("SEC-67")
def test_no_repr_shows_an_account():
    record = TransferRecord(username="canary", password_hash=HASH)

    assert "canary" not in repr(record) + repr(entry(1, username="canary"))
