"""A deletion that an administrator takes back, over HTTP."""

from uuid import UUID

import asyncpg
import pytest

from auth_core.kernel import MailTemplate
from tests.api.asking import AUTH, PASSWORD, ask_at_once, expect_problem
from tests.api.people import USERS, People, Person
from tests.mailbox import Mailbox
from tests.serving import Client


async def leave(client: Client, person: Person) -> str:
    body = {"password": PASSWORD}
    left = await client.request("DELETE", f"{AUTH}/me", json=body, headers=person.token)
    assert 200 == left.status_code, left.text
    return str(left.json()["delete_after"])


@pytest.mark.sec("SEC-29", "SEC-66")
async def test_who_is_kept_can_sign_in_and_has_no_session_back(
    client: Client, second_worker: Client, people: People, database: asyncpg.Connection
) -> None:
    admin, one = await people.admin(), await people.user()
    me, path = f"{AUTH}/me", f"{USERS}/{one.id}"
    for worker in (client, second_worker):
        assert 200 == (await worker.get(me, headers=one.token)).status_code
    delete_after = await leave(client, one)
    seen = await client.get(path, headers=admin.token)

    kept = await second_worker.post(f"{path}/restore", headers=admin.token)

    assert (delete_after, False) == (seen.json()["delete_after"], seen.json()["is_active"])
    assert (200, None, True) == (
        *(kept.status_code, kept.json()["delete_after"]),
        kept.json()["is_active"],
    )
    read = await client.get(path, headers=admin.token)
    assert (kept.json(), kept.headers["etag"]) == (read.json(), read.headers["etag"])
    for worker in (client, second_worker):
        expect_problem(await worker.get(me, headers=one.token), 401, "invalid_token")
        body = {"refresh_token": one.tokens["refresh_token"]}
        expect_problem(
            await worker.post(f"{AUTH}/refresh", json=body), 401, "invalid_refresh_token"
        )
    again = await people.again(one.name)
    for worker in (client, second_worker):
        assert 200 == (await worker.get(me, headers=again.token)).status_code
    record = await database.fetchrow(
        "SELECT reason, actor_id, via_session_id FROM audit_records"
        " WHERE user_id = $1 AND action = 'user:deletion_cancelled'",
        UUID(one.id),
    )
    expected = "by_administrator", UUID(admin.id), UUID(admin.session_id)
    assert expected == tuple(record)


async def test_who_is_kept_is_told_by_mail(
    client: Client, people: People, database: asyncpg.Connection, mailbox: Mailbox
) -> None:
    admin, one = await people.admin(), await people.user()
    email = f"{one.name}@example.com"
    await database.execute("UPDATE users SET email = $1 WHERE id = $2", email, UUID(one.id))
    await leave(client, await people.again(one.name))

    await client.post(f"{USERS}/{one.id}/restore", headers=admin.token)

    assert [MailTemplate.DELETION_SCHEDULED, MailTemplate.DELETION_CANCELLED] == [
        letter.template for letter in await mailbox.letters(email)
    ]


@pytest.mark.sec("SEC-57")
async def test_what_cannot_be_restored_is_refused(client: Client, people: People) -> None:
    boss, admin, one = await people.platform_admin(), await people.admin(), await people.user()
    path = f"{USERS}/{one.id}/restore"
    active = await client.post(path, headers=admin.token)
    expect_problem(active, 409, "lifecycle_conflict")
    other = await people.platform_admin()
    await leave(client, other)
    ranking = await client.post(f"{USERS}/{other.id}/restore", headers=admin.token)
    expect_problem(ranking, 403, "permission_denied")
    assert 200 == (await client.post(f"{USERS}/{other.id}/restore", headers=boss.token)).status_code
    expect_problem(await client.post(path, headers=one.token), 403, "permission_denied")
    await client.delete(f"{USERS}/{one.id}", headers=admin.token)

    deleted = await client.post(path, headers=admin.token)
    unknown = await client.post(f"{USERS}/{UUID(int=7)}/restore", headers=admin.token)

    expect_problem(deleted, 409, "lifecycle_conflict")
    expect_problem(unknown, 404, "user_not_found")


async def test_of_ten_who_restore_at_once_one_does(
    client: Client, second_worker: Client, people: People, database: asyncpg.Connection
) -> None:
    admin, one = await people.admin(), await people.user()
    await leave(client, one)

    answers = await ask_at_once(
        [client, second_worker],
        "POST",
        f"{USERS}/{one.id}/restore",
        [dict(admin.token) for _ in range(10)],
    )

    statuses = [answer.status_code for answer in answers]
    assert (1, 9) == (statuses.count(200), statuses.count(409)), statuses
    done = "SELECT count(*) FROM audit_records WHERE user_id = $1 AND action = $2"
    assert 1 == await database.fetchval(done, UUID(one.id), "user:deletion_cancelled")
