"""The browser extension: how people sign in with it. It is described beside the rest of it."""

from typing import Any

from pact import Pact

from tests.contract.consumers.agreeing import PROBLEM, asking, given, seconds, text, word
from tests.contract.consumers.browser_extension import (
    AUTH,
    EXTENSION,
    NAME,
    Extension,
    outcome_of,
)
from tests.contract.consumers.token_answer import TOKENS_ARE_NOT_STORED, tokens

PASSWORD = "an example: states say the real one"


@EXTENSION.relies_on
def a_developer_registers(pact: Pact) -> None:
    (
        pact.upon_receiving("a registration without a password")
        .given("a name that nobody has")
        .with_request("POST", f"{AUTH}/dev-register")
        .with_body({"username": given("username", NAME), "remember_me": True})
        .will_respond_with(201)
        .with_header(*TOKENS_ARE_NOT_STORED)
        .with_body(tokens())
    )
    with asking(pact) as client:
        assert NAME == Extension(client).sign_in("dev-register", username=NAME)["user"]["username"]


@EXTENSION.relies_on
def a_name_that_is_taken_is_no_account(pact: Pact) -> None:
    (
        pact.upon_receiving("a registration under a name that is taken")
        .given("a user")
        .with_request("POST", f"{AUTH}/dev-register")
        .with_body({"username": given("username", NAME), "remember_me": True})
        .will_respond_with(409)
        .with_body({"code": "username_taken", "detail": text("The user name is taken.")}, PROBLEM)
    )
    with asking(pact) as client:
        sign_in = Extension(client).sign_in
        assert "username_taken" == outcome_of(sign_in, "dev-register", username=NAME)


@EXTENSION.relies_on
def an_address_that_is_taken_is_no_account(pact: Pact) -> None:
    address = "jane.roe@example.com"
    other = "another-name-of-nobody"
    body = {"username": other, "email": given("email", address), "remember_me": True}
    (
        pact.upon_receiving("a registration of an address that is taken")
        .given("a user")
        .with_request("POST", f"{AUTH}/dev-register")
        .with_body(body)
        .will_respond_with(409)
        .with_body({"code": "email_taken", "detail": text("The address is taken.")}, PROBLEM)
    )
    with asking(pact) as client:
        sign_in = Extension(client).sign_in
        assert "email_taken" == outcome_of(sign_in, "dev-register", username=other, email=address)


@EXTENSION.relies_on
def a_developer_signs_in(pact: Pact) -> None:
    (
        pact.upon_receiving("a sign-in without a password")
        .given("a user")
        .with_request("POST", f"{AUTH}/dev-login")
        .with_body({"username": given("username", NAME), "remember_me": True})
        .will_respond_with(200)
        .with_header(*TOKENS_ARE_NOT_STORED)
        .with_body(tokens())
    )
    with asking(pact) as client:
        assert Extension(client).sign_in("dev-login", username=NAME)["refresh_token"]


@EXTENSION.relies_on
def a_developer_whom_nobody_knows_is_told_so(pact: Pact) -> None:
    (
        pact.upon_receiving("a sign-in of a person whom nobody knows")
        .given("a name that nobody has")
        .with_request("POST", f"{AUTH}/dev-login")
        .with_body({"username": given("username", NAME), "remember_me": True})
        .will_respond_with(401)
        .with_header("WWW-Authenticate", word("Bearer", "Bearer.*"))
        .with_body({"code": "authentication_failed", "detail": text("Unknown.")}, PROBLEM)
    )
    with asking(pact) as client:
        sign_in = Extension(client).sign_in
        assert "authentication_failed" == outcome_of(sign_in, "dev-login", username=NAME)


@EXTENSION.relies_on
def outside_development_nobody_signs_in_without_a_password(pact: Pact) -> None:
    (
        pact.upon_receiving("a sign-in without a password, outside development")
        .given("outside development")
        .with_request("POST", f"{AUTH}/dev-login")
        .with_body({"username": NAME, "remember_me": True})
        .will_respond_with(404)
        .with_body({"code": "endpoint_not_available", "detail": text("Not here.")}, PROBLEM)
    )
    with asking(pact) as client:
        sign_in = Extension(client).sign_in
        assert "endpoint_not_available" == outcome_of(sign_in, "dev-login", username=NAME)


def _with_password(password: Any) -> dict[str, Any]:
    return {"username": given("username", NAME), "password": password, "remember_me": True}


@EXTENSION.relies_on
def a_person_registers_with_a_password(pact: Pact) -> None:
    (
        pact.upon_receiving("a registration")
        .given("outside development")
        .given("a name and a password that nobody has")
        .with_request("POST", f"{AUTH}/register")
        .with_body(_with_password(given("password", PASSWORD)))
        .will_respond_with(201)
        .with_header(*TOKENS_ARE_NOT_STORED)
        .with_body(tokens())
    )
    with asking(pact) as client:
        kept = Extension(client).sign_in("register", username=NAME, password=PASSWORD)
        assert kept["session_id"]


@EXTENSION.relies_on
def a_person_signs_in_with_a_password(pact: Pact) -> None:
    (
        pact.upon_receiving("a sign-in")
        .given("outside development")
        .given("a user with a password")
        .with_request("POST", f"{AUTH}/login")
        .with_body(_with_password(given("password", PASSWORD)))
        .will_respond_with(200)
        .with_header(*TOKENS_ARE_NOT_STORED)
        .with_body(tokens())
    )
    with asking(pact) as client:
        kept = Extension(client).sign_in("login", username=NAME, password=PASSWORD)
        assert "bearer" == kept["token_type"]


@EXTENSION.relies_on
def a_wrong_password_is_told_as_such(pact: Pact) -> None:
    (
        pact.upon_receiving("a sign-in with a wrong password")
        .given("outside development")
        .given("a user with a password")
        .with_request("POST", f"{AUTH}/login")
        .with_body(_with_password("not the password"))
        .will_respond_with(401)
        .with_header("WWW-Authenticate", word("Bearer", "Bearer.*"))
        .with_body({"code": "authentication_failed", "detail": text("Wrong.")}, PROBLEM)
    )
    with asking(pact) as client:
        sign_in = Extension(client).sign_in
        wrong = {"username": NAME, "password": "not the password"}
        assert "authentication_failed" == outcome_of(sign_in, "login", **wrong)


@EXTENSION.relies_on
def it_waits_after_too_many_wrong_passwords(pact: Pact) -> None:
    (
        pact.upon_receiving("one wrong password too many")
        .given("too many wrong passwords")
        .with_request("POST", f"{AUTH}/login")
        .with_body(_with_password("not the password"))
        .will_respond_with(429)
        .with_header("Retry-After", seconds("60"))
    )
    with asking(pact) as client:
        sign_in = Extension(client).sign_in
        wrong = {"username": NAME, "password": "not the password"}
        assert "60" == outcome_of(sign_in, "login", **wrong)


@EXTENSION.relies_on
def it_waits_while_the_database_is_away(pact: Pact) -> None:
    (
        pact.upon_receiving("a sign-in without a database")
        .given("the database is away")
        .with_request("POST", f"{AUTH}/dev-login")
        .with_body({"username": NAME, "remember_me": True})
        .will_respond_with(503)
        .with_header("Retry-After", seconds("1"))
    )
    with asking(pact) as client:
        assert "1" == outcome_of(Extension(client).sign_in, "dev-login", username=NAME)
