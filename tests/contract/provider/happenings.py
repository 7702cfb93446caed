"""Events, by making them happen and reading the stream that the service writes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import redis

from app.container import Container
from app.settings import load_settings
from auth_core.kernel import UserId
from tests.e2e.running import eventually

if TYPE_CHECKING:
    from tests.contract.provider.states import States

Values = dict[str, Any]


class Happenings:
    """Makes them happen, to people whom only this event is about."""

    def __init__(self, states: "States") -> None:
        self._states = states
        self._type = self._user_id = ""

    def happen(self, type: str) -> Values:  # noqa: A002 - the parameter of the state
        """Make an event of this type happen."""
        makers: dict[str, Callable[[Values], object]] = {
            "session.revoked": self._log_out,
            "user.created": lambda _: None,
            "user.disabled": lambda user: self._administer(user, "POST", "/disable"),
            "user.deleted": lambda user: self._administer(user, "DELETE", ""),
            "user.erased": self._erase,
            "user.updated": self._rename,
            "role.assigned": lambda user: self._give_roles(user, "user", "admin"),
            "role.revoked": lambda user: self._give_roles(user, "admin"),
            "membership.removed": self._remove_member,
        }
        user = self._states.user("user" if type.startswith("role.") else None)
        makers[type](user)
        self._type, self._user_id = type, user["user_id"]
        return user

    def published(self, redis_url: str) -> Values:
        """That event, once it is in the stream."""

        def found() -> Values | None:
            with redis.Redis.from_url(redis_url) as client:
                entries = reversed(client.xrange("auth:events"))
                texts = [fields[b"event"] for _, fields in entries if self._is_it(fields)]
            return dict(msgspec.json.decode(texts[0])) if texts else None

        event = eventually(found)
        assert event is not None
        return event

    def _is_it(self, fields: dict[bytes, bytes]) -> bool:
        return (self._type, self._user_id) == (
            fields[b"type"].decode(),
            fields[b"subject"].decode(),
        )

    def _log_out(self, user: Values) -> None:
        self._states.ask("POST", "logout", token=user["access_token"])

    def _rename(self, user: Values) -> None:
        self._states.ask("PATCH", "me", {"display_name": "Jane Q."}, user["access_token"])

    def _give_roles(self, user: Values, *roles: str) -> None:
        self._administer(user, "PATCH", "", {"roles": list(roles)})

    def _administer(self, user: Values, method: str, path: str, body: Any = None) -> None:
        administrator = self._states.user("platform_admin")
        url = f"/api/v1/users/{user['user_id']}{path}"
        self._states.ask(method, url, body, administrator["access_token"])

    def _erase(self, user: Values) -> None:
        async def erase() -> None:
            container = Container(load_settings(self._states.deployments.environ))
            try:
                await container.core.personal_data.erase(UserId(UUID(user["user_id"])))
            finally:
                await container.close()

        self._states.run(erase)

    def _remove_member(self, user: Values) -> None:
        owner = self._states.user_in_organization()
        self._states.sql(
            "INSERT INTO memberships (organization_id, user_id, role, created_at, updated_at)"
            " VALUES ($1, $2, 'member', now(), now())",
            UUID(owner["organization_id"]),
            UUID(user["user_id"]),
        )
        url = f"/api/v1/organizations/{owner['organization_id']}/members/{user['user_id']}"
        self._states.ask("DELETE", url, token=owner["access_token"])
