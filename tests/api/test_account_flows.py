"""The flows of an account over HTTP, on real servers, with the letters that they send."""

from typing import Any

import asyncpg
import pytest

from app.container import Container
from app.settings import load_settings
from auth_core.kernel import Email, MailTemplate
from tests.api.asking import AUTH, PASSWORD, ask_at_once, expect_invalid, expect_problem
from tests.mailbox import Mailbox
from tests.serving import Client, bearer, serving

NEW_PASSWORD = "an altogether different sentence"
MANY = 50


class Person:
    """Somebody with an address of their own."""

    def __init__(self, client: Client, mailbox: Mailbox, name: str) -> None:
        self.client, self.mailbox, self.name = client, mailbox, name
        self.email = f"{name}@example.com"
        self.tokens: dict[str, Any] = {}

    async def post(self, path: str, **body: Any) -> Any:
        headers = bearer(self.tokens["access_token"]) if self.tokens else {}
        return await self.client.post(f"{AUTH}/{path}", json=body, headers=headers)

    async def register(self) -> Any:
        return await self.post("register", username=self.name, email=self.email, password=PASSWORD)

    async def token(self, template: MailTemplate, address: str | None = None) -> str:
        return await self.mailbox.token(address or self.email, template)

    async def sign_up(self) -> None:
        await self.register()
        token = await self.token(MailTemplate.VERIFY_REGISTRATION)
        answer = await self.post("verify-registration", token=token)
        assert 201 == answer.status_code, answer.text
        self.tokens = answer.json()

    async def log_in(self, password: str = PASSWORD) -> Any:
        return await self.client.post(
            f"{AUTH}/login", json={"email": self.email, "password": password}
        )


@pytest.fixture
def person(verified: Client, mailbox: Mailbox, new_name: Any) -> Person:
    return Person(verified, mailbox, new_name())


@pytest.fixture
async def alice(person: Person) -> Person:
    await person.sign_up()
    return person


@pytest.mark.sec("SEC-02", "SEC-51")
async def test_registering_makes_no_account_before_the_address_is_proven(
    person: Person, database: asyncpg.Connection
) -> None:
    answer = await person.register()

    assert 202 == answer.status_code
    assert {"message"} == set(answer.json())
    assert "no-store" == answer.headers["cache-control"]
    assert 0 == await database.fetchval("SELECT count(*) FROM users WHERE email = $1", person.email)
    expect_problem(await person.log_in(), 401, "authentication_failed")

    await person.sign_up()
    me = await person.client.get(f"{AUTH}/me", headers=bearer(person.tokens["access_token"]))
    assert (person.name, True) == (me.json()["username"], me.json()["email_verified"])


@pytest.mark.sec("SEC-02")
async def test_what_is_taken_answers_alike(alice: Person, new_name: Any) -> None:
    answers = [
        await alice.client.post(
            f"{AUTH}/register", json={"username": name, "email": email, "password": PASSWORD}
        )
        for name, email in (
            (new_name(), f"{new_name()}@example.com"),
            (new_name(), alice.email),
            (alice.name, f"{new_name()}@example.com"),
        )
    ]

    assert 3 * [(202, answers[0].content)] == [(each.status_code, each.content) for each in answers]
    assert 1 == len({_names(each) for each in answers})
    assert (
        MailTemplate.REGISTRATION_EXISTS is (await alice.mailbox.letters(alice.email))[-1].template
    )


@pytest.mark.sec("SEC-16", "SEC-61")
async def test_of_fifty_redemptions_one_makes_the_account(
    person: Person, second_verified: Client, database: asyncpg.Connection
) -> None:
    await person.register()
    token = await person.token(MailTemplate.VERIFY_REGISTRATION)

    answers = await ask_at_once(
        [person.client, second_verified],
        "POST",
        f"{AUTH}/verify-registration",
        [{"token": token}] * MANY,
    )

    statuses = [answer.status_code for answer in answers]
    assert (1, MANY - 1) == (statuses.count(201), statuses.count(400)), statuses
    refused = next(answer for answer in answers if answer.status_code == 400)
    expect_problem(refused, 400, "invalid_or_expired_link")
    assert 1 == await database.fetchval("SELECT count(*) FROM users WHERE email = $1", person.email)


@pytest.mark.sec("SEC-49", "SEC-67")
async def test_the_database_holds_no_secret_that_was_mailed(
    person: Person, database: asyncpg.Connection
) -> None:
    await person.register()
    token = await person.token(MailTemplate.VERIFY_REGISTRATION)

    rows = await database.fetch(
        "SELECT row_to_json(s)::text FROM one_time_secrets s"
        " UNION ALL SELECT row_to_json(m)::text FROM mail_outbox m"
    )

    everything = "\n".join(row[0] for row in rows)
    for secret in (token, PASSWORD):
        for form in (secret, secret.encode().hex()):
            assert form not in everything


@pytest.mark.sec("SEC-18")
async def test_a_reset_ends_everything_and_signs_nobody_in(alice: Person) -> None:
    answer = await alice.post("forgot-password", username=alice.name)
    assert 202 == answer.status_code
    token = await alice.token(MailTemplate.RESET_PASSWORD)

    short = await alice.post("reset-password", token=token, new_password="short")
    assert {("body.new_password", "too_short")} == expect_invalid(short)
    done = await alice.post("reset-password", token=token, new_password=NEW_PASSWORD)

    assert (200, {"message"}) == (done.status_code, set(done.json()))
    me = await alice.client.get(f"{AUTH}/me", headers=bearer(alice.tokens["access_token"]))
    expect_problem(me, 401, "invalid_token")
    refresh = {"refresh_token": alice.tokens["refresh_token"]}
    refused = await alice.client.post(f"{AUTH}/refresh", json=refresh)
    expect_problem(refused, 401, "invalid_refresh_token")
    expect_problem(await alice.log_in(), 401, "authentication_failed")
    assert 200 == (await alice.log_in(NEW_PASSWORD)).status_code
    again = await alice.post("reset-password", token=token, new_password=NEW_PASSWORD)
    expect_problem(again, 400, "invalid_or_expired_link")
    letters = await alice.mailbox.letters(alice.email)
    assert MailTemplate.PASSWORD_CHANGED is letters[-1].template


@pytest.mark.sec("SEC-16")
async def test_of_fifty_resets_one_counts(alice: Person, second_verified: Client) -> None:
    await alice.post("forgot-password", email=alice.email)
    token = await alice.token(MailTemplate.RESET_PASSWORD)

    answers = await ask_at_once(
        [alice.client, second_verified],
        "POST",
        f"{AUTH}/reset-password",
        [{"token": token, "new_password": f"{NEW_PASSWORD} {each}"} for each in range(10)],
    )

    statuses = [answer.status_code for answer in answers]
    assert (1, 9) == (statuses.count(200), statuses.count(400)), statuses
    won = f"{NEW_PASSWORD} {statuses.index(200)}"
    assert 200 == (await alice.log_in(won)).status_code


@pytest.mark.sec("SEC-02")
@pytest.mark.parametrize(
    "path", ["forgot-password", "verify-email/resend", "sign-in/link", "sign-in/code"]
)
async def test_who_has_an_account_is_not_told(alice: Person, path: str) -> None:
    known = await alice.client.post(f"{AUTH}/{path}", json={"email": alice.email})
    unknown = await alice.client.post(f"{AUTH}/{path}", json={"email": f"no-{alice.email}"})

    assert (202, 202) == (known.status_code, unknown.status_code)
    assert known.json()["message"] == unknown.json()["message"]
    assert (set(known.json()), _names(known)) == (set(unknown.json()), _names(unknown))
    assert len(known.content) == len(unknown.content)
    assert [] == await alice.mailbox.letters(f"no-{alice.email}")


async def test_a_changed_password_leaves_the_caller_signed_in_and_nobody_else(
    alice: Person,
) -> None:
    other = (await alice.log_in()).json()
    wrong = await alice.post("me/password", current_password="wrong", new_password=NEW_PASSWORD)
    expect_problem(wrong, 403, "reauthentication_failed")

    answer = await alice.post("me/password", current_password=PASSWORD, new_password=NEW_PASSWORD)

    assert 200 == answer.status_code
    for token, status in ((answer.json(), 200), (other, 401), (alice.tokens, 401)):
        me = await alice.client.get(f"{AUTH}/me", headers=bearer(token["access_token"]))
        assert status == me.status_code
    letters = await alice.mailbox.letters(alice.email)
    assert MailTemplate.PASSWORD_CHANGED is letters[-1].template


async def test_another_address_is_proven_and_the_old_one_told(alice: Person) -> None:
    new = f"new-{alice.email}"
    wrong = await alice.post("me/email", new_email=new, password="wrong")
    expect_problem(wrong, 403, "reauthentication_failed")
    asked = await alice.post("me/email", new_email=new, password=PASSWORD)
    assert 202 == asked.status_code
    token = await alice.token(MailTemplate.CHANGE_EMAIL, new)

    done = await alice.client.post(f"{AUTH}/me/email/confirm", json={"token": token})

    assert 200 == done.status_code
    me = await alice.client.get(f"{AUTH}/me", headers=bearer(alice.tokens["access_token"]))
    assert (new, True) == (me.json()["email"], me.json()["email_verified"])
    letters = await alice.mailbox.letters(alice.email)
    assert MailTemplate.EMAIL_CHANGED is letters[-1].template


async def test_a_link_and_a_code_sign_in(alice: Person) -> None:
    await alice.post("sign-in/link", email=alice.email)
    token = await alice.token(MailTemplate.SIGN_IN_LINK)
    link = await alice.post("sign-in/link/redeem", token=token)
    challenge = (await alice.post("sign-in/code", email=alice.email)).json()["challenge_id"]
    code = (await alice.mailbox.newest(alice.email, MailTemplate.SIGN_IN_CODE)).values["code"]
    by_code = await alice.post("sign-in/code/redeem", challenge_id=challenge, code=code)

    for answer in (link, by_code):
        assert 200 == answer.status_code, answer.text
        assert alice.name == answer.json()["user"]["username"]
    again = await alice.post("sign-in/code/redeem", challenge_id=challenge, code=code)
    expect_problem(again, 400, "invalid_code")


@pytest.mark.sec("SEC-20")
async def test_fifty_guesses_at_once_get_five_tries(
    alice: Person, second_verified: Client, database: asyncpg.Connection
) -> None:
    challenge = (await alice.post("sign-in/code", email=alice.email)).json()["challenge_id"]
    code = (await alice.mailbox.newest(alice.email, MailTemplate.SIGN_IN_CODE)).values["code"]
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"

    answers = await ask_at_once(
        [alice.client, second_verified],
        "POST",
        f"{AUTH}/sign-in/code/redeem",
        [{"challenge_id": challenge, "code": wrong}] * MANY,
    )

    assert {400} == {answer.status_code for answer in answers}
    late = await alice.post("sign-in/code/redeem", challenge_id=challenge, code=code)
    expect_problem(late, 400, "invalid_code")
    tries = await database.fetchval(
        "SELECT attempts FROM one_time_secrets WHERE email = $1 AND purpose = 'sign_in_code'",
        alice.email,
    )
    assert 5 == tries


async def test_leaving_closes_the_account_and_its_owner_may_come_back(alice: Person) -> None:
    headers = bearer(alice.tokens["access_token"])
    wrong = await alice.client.request(
        "DELETE", f"{AUTH}/me", json={"password": "wrong"}, headers=headers
    )
    expect_problem(wrong, 403, "reauthentication_failed")

    left = await alice.client.request(
        "DELETE", f"{AUTH}/me", json={"password": PASSWORD}, headers=headers
    )

    assert (200, {"message", "delete_after"}) == (left.status_code, set(left.json()))
    expect_problem(await alice.client.get(f"{AUTH}/me", headers=headers), 401, "invalid_token")
    expect_problem(await alice.log_in(), 401, "authentication_failed")
    body = {"email": alice.email, "password": "wrong"}
    refused = await alice.client.post(f"{AUTH}/me/restore", json=body)
    expect_problem(refused, 401, "authentication_failed")
    back = await alice.client.post(f"{AUTH}/me/restore", json={**body, "password": PASSWORD})
    assert 200 == back.status_code
    assert 200 == (await alice.log_in()).status_code


FIELDS = {
    "verify-registration": {"token": "x"},
    "verify-email": {"token": "x"},
    "verify-email/resend": {"email": "a@example.com"},
    "forgot-password": {"email": "a@example.com"},
    "reset-password": {"token": "x", "new_password": NEW_PASSWORD},
    "me/email/confirm": {"token": "x"},
    "me/restore": {"username": "nobody", "password": PASSWORD},
    "sign-in/link": {"email": "a@example.com"},
    "sign-in/link/redeem": {"token": "x"},
    "sign-in/code": {"email": "a@example.com"},
    "sign-in/code/redeem": {"challenge_id": "x", "code": "123456"},
    "me/password": {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    "me/email": {"new_email": "a@example.com", "password": PASSWORD},
}
SERVER_FIELDS = ["is_admin", "email_verified", "user_id", "roles", "created_at", "delete_after"]


@pytest.mark.sec("SEC-54")
@pytest.mark.parametrize("path", FIELDS)
async def test_no_body_carries_a_field_that_is_ours(alice: Person, path: str) -> None:
    for field in SERVER_FIELDS:
        answer = await alice.post(path, **FIELDS[path], **{field: True})
        expect_problem(answer, 422, "validation_failed")


@pytest.mark.sec("SEC-54")
async def test_a_registration_cannot_say_what_it_becomes(person: Person) -> None:
    """The contract has older clients' extra fields ignored."""
    await person.post(
        "register",
        username=person.name,
        email=person.email,
        password=PASSWORD,
        **dict.fromkeys(SERVER_FIELDS, True),
    )
    token = await person.token(MailTemplate.VERIFY_REGISTRATION)
    user = (await person.post("verify-registration", token=token)).json()["user"]

    assert (False, ["user"]) == (user["is_admin"], user["roles"])


@pytest.mark.sec("SEC-17")
@pytest.mark.parametrize("path", FIELDS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_no_route_takes_anything_by_get(verified: Client, path: str, method: str) -> None:
    answer = await verified.request(method, f"{AUTH}/{path}?token=x")

    assert answer.status_code in {401, 405}


@pytest.mark.sec("SEC-60")
async def test_where_mail_does_not_sign_in_it_does_not(production: Client) -> None:
    for path in ("link", "link/redeem", "code", "code/redeem"):
        answer = await production.post(f"{AUTH}/sign-in/{path}", json=FIELDS[f"sign-in/{path}"])
        expect_problem(answer, 403, "permission_denied")


@pytest.mark.sec("SEC-61")
async def test_of_fifty_registrations_of_one_identity_one_makes_the_account(
    person: Person, second_verified: Client, database: asyncpg.Connection
) -> None:
    variants = [person.name, person.name.upper(), person.name.title()]
    bodies = [
        {"username": name, "email": f"{name}@Example.com", "password": PASSWORD}
        for name in variants * 17
    ][:MANY]
    workers = [person.client, second_verified]

    asked = await ask_at_once(workers, "POST", f"{AUTH}/register", bodies)
    tokens = [letter.values["token"] for letter in await person.mailbox.letters(person.email)]
    taken = await ask_at_once(
        workers, "POST", f"{AUTH}/verify-registration", [{"token": token} for token in tokens]
    )

    assert {(202, asked[0].content)} == {(answer.status_code, answer.content) for answer in asked}
    assert MANY == len(tokens)
    statuses = [answer.status_code for answer in taken]
    assert (1, MANY - 1) == (statuses.count(201), statuses.count(400)), statuses
    assert 1 == await database.fetchval("SELECT count(*) FROM users WHERE email = $1", person.email)


@pytest.mark.sec("SEC-59")
async def test_an_invitation_makes_the_account_of_its_address(
    verified_environ: dict[str, str], mailbox: Mailbox, new_name: Any
) -> None:
    name = new_name()
    email = f"{name}@example.com"
    invite = verified_environ | {"REGISTRATION_MODE": "invite"}
    container = Container(load_settings(invite))
    await container.core.self_service.registration.invite(Email(email))
    await container.core.close()
    token = await mailbox.token(email, MailTemplate.REGISTRATION_INVITATION)
    body = {"username": name, "email": email, "password": PASSWORD}

    async with serving(invite) as client:
        without = await client.post(f"{AUTH}/register", json=body)
        assert {("body.invitation_token", "missing")} == expect_invalid(without)
        mine = {**body, "email": f"x{email}", "invitation_token": token}
        stolen = await client.post(f"{AUTH}/register", json=mine)
        expect_problem(stolen, 400, "invalid_or_expired_link")
        body["invitation_token"] = token
        made = await client.post(f"{AUTH}/register", json=body)
        assert 201 == made.status_code, made.text
        again = await client.post(f"{AUTH}/register", json={**body, "username": new_name()})
        expect_problem(again, 400, "invalid_or_expired_link")
        me = await client.get(f"{AUTH}/me", headers=bearer(made.json()["access_token"]))

    assert me.json()["email_verified"]


@pytest.mark.parametrize(
    ("settings", "registration", "reset"),
    [
        ({"REGISTRATION_MODE": "open"}, True, True),
        ({"REGISTRATION_MODE": "verified"}, True, True),
        ({"REGISTRATION_MODE": "invite"}, False, True),
        ({"REGISTRATION_MODE": "closed"}, False, True),
        ({"ENABLE_REGISTRATION": "false", "REGISTRATION_MODE": "open"}, False, True),
        ({"ENABLE_PASSWORD_AUTH": "false"}, False, False),
    ],
)
async def test_the_configuration_is_truthful(
    verified_environ: dict[str, str],
    settings: dict[str, str],
    registration: bool,  # noqa: FBT001
    reset: bool,  # noqa: FBT001
) -> None:
    async with serving(verified_environ | settings) as client:
        config = (await client.get(f"{AUTH}/config")).json()

    assert registration is config["supports_registration"]
    assert {
        "supports_registration": registration,
        "supports_password_reset": reset,
        "supports_email_verification": True,
        "requires_redirect": False,
    } == config["features"]


def _names(answer: Any) -> tuple[str, ...]:
    return tuple(sorted(answer.headers))
