"""The states that consumers speak of (`given` in a pact), made in the running services.

A state gives back the values that the requests carry: tokens, names, ids.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

import httpx

from auth_core.keys import KeyUse
from tests.api.asking import claims_of, header_of
from tests.contract.provider.deployments import Deployments
from tests.contract.provider.happenings import Happenings
from tests.e2e.running import new_name, sql
from tests.security.forging import Forge, stolen_key

Values = dict[str, Any]
T = TypeVar("T")
_ENOUGH_WRONG_PASSWORDS = 20


class States:
    """Makes them. One for each verification: it knows which was made last."""

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments
        self._service = deployments.development
        self._happenings = Happenings(self)
        self._last: tuple[str, Values] = ("", {})
        self._makers: dict[str, Callable[..., Values]] = {
            "": dict,  # before and after each interaction
            "the database is away": dict,
            "outside development": dict,
            "a name that nobody has": lambda: {"username": new_name()},
            "a name and a password that nobody has": lambda: {
                "username": new_name(),
                "password": secrets.token_urlsafe(24),
            },
            "a user": self.user,
            "an access token": self.user,
            "a refresh token": self.user,
            "a user who is no administrator": lambda: self.user("user"),
            "a user with a password": self.user_with_password,
            "a user who is signed in twice": self._signed_in_twice,
            "a user who has logged out": self._logged_out,
            "a user whose access token has expired": self._expired,
            "a refresh token that was used before": self._used_before,
            "a user in an organization": self.user_in_organization,
            "an administrator and a user": self._administrator_and_user,
            "too many wrong passwords": self._too_many_wrong_passwords,
            "an event": self._happenings.happen,
        }

    def enter(self, asked: dict[str, Any]) -> Values:
        """The answer to the verifier: what requests of this state carry."""
        if asked.get("action") == "teardown":
            return {}
        made = self._makers[asked["state"]](**asked.get("params") or {})
        if asked["state"]:
            self._last = asked["state"], made
        return made

    def message(self, _: dict[str, Any]) -> Values:
        """What the last state was about: the inside of a token, or an event from the stream."""
        state, made = self._last
        if state == "an event":
            return self._happenings.published(self._deployments.environ["REDIS_URL"])
        token = made["access_token" if state == "an access token" else "refresh_token"]
        return {"header": header_of(token), "claims": claims_of(token)}

    @property
    def deployments(self) -> Deployments:
        """What they are made in."""
        return self._deployments

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Values:
        """The body of an answer, which must be one of success."""
        url = path if path.startswith("/") else f"/api/v1/auth/{path}"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # a connection of its own: the verifier calls from several threads
        with httpx.Client(base_url=self._service.url, timeout=60, trust_env=False) as client:
            answer = client.request(method, url, json=body, headers=headers)
        assert answer.is_success, answer.text
        return dict(answer.json()) if answer.content else {}

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the work returns, on a loop of its own: that of pytest-asyncio is left alone."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(work())).result()

    def user(self, role: str | None = None, password: str | None = None) -> Values:
        """Somebody who is signed in, once; without a role with those that development gives."""
        name = new_name()
        body = {"username": name, "email": f"{name}@example.com", "password": password}
        made = self.ask("POST", "dev-register", body)
        if role is not None:
            self.sql(
                "UPDATE users SET roles = $1 WHERE id = $2", [role], UUID(made["user"]["user_id"])
            )
            self.ask("POST", "logout", token=made["access_token"])
            made = self.ask("POST", "dev-login", {"username": name, "password": password})
        return _values(made)

    def user_with_password(self) -> Values:
        """Somebody who can sign in outside development."""
        password = secrets.token_urlsafe(24)
        return self.user(password=password) | {"password": password}

    def sql(self, statement: str, *arguments: object) -> list[Any]:
        """Rows, past the services."""
        return sql(self._deployments.owner_url, statement, *arguments)

    def _signed_in_twice(self) -> Values:
        user = self.user()
        self.ask("POST", "dev-login", {"username": user["username"]})
        return user

    def _logged_out(self) -> Values:
        user = self.user()
        self.ask("POST", "logout", token=user["access_token"])
        return user

    def _expired(self) -> Values:
        user = self.user()

        key = self.run(lambda: stolen_key(self._deployments.environ, KeyUse.ACCESS))
        forge = Forge.of(user["access_token"], key)
        now = forge.claims["iat"]
        return user | {"access_token": forge.with_claims(iat=now - 7200, exp=now - 3600)}

    def _used_before(self) -> Values:
        user = self.user()
        second = self.ask("POST", "refresh", {"refresh_token": user["refresh_token"]})
        self.ask("POST", "refresh", {"refresh_token": second["refresh_token"]})
        return user

    def user_in_organization(self) -> Values:
        """The owner of an organization, which is active."""
        user = self.user()
        body = {"name": "Acme", "slug": f"acme-{secrets.token_hex(6)}"}
        made = self.ask("POST", "/api/v1/organizations", body, user["access_token"])
        organization_id = made["organization"]["organization_id"]
        active = self.ask(
            "POST",
            "switch-organization",
            {"organization_id": organization_id},
            user["access_token"],
        )
        return _values(active) | {"organization_id": organization_id}

    def _administrator_and_user(self) -> Values:
        user, administrator = self.user(), self.user()
        return user | {"access_token": administrator["access_token"]}

    def _too_many_wrong_passwords(self) -> Values:
        user = self.user_with_password()
        body = {"username": user["username"], "password": "wrong and long enough"}
        for _ in range(_ENOUGH_WRONG_PASSWORDS):
            answer = httpx.post(
                f"{self._deployments.production.url}/api/v1/auth/login",
                json=body,
                timeout=60,
                trust_env=False,
            )
            if answer.status_code == 429:
                return user
        raise AssertionError(answer.text)


def _values(tokens: Values) -> Values:
    return {
        **{name: tokens[name] for name in ("access_token", "refresh_token", "session_id")},
        "username": tokens["user"]["username"],
        "email": tokens["user"]["email"],
        "user_id": tokens["user"]["user_id"],
    }
