"""Who schemathesis is when it calls, and which objects it may find: loaded by SCHEMATHESIS_HOOKS.

It calls as a user who owns an organization with a team, a role, a webhook and an invitation, and
who is an administrator, as every user of a development service is. When a call has ended the
session or the organization, everything is made anew.
"""

import os
from base64 import b64encode
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import schemathesis

_CALLER = f"Basic {b64encode(os.environ['FM_AUTH_CALLER'].encode()).decode()}"
_numbers = count()
_api = httpx.Client(base_url=os.environ["FM_AUTH_URL"], timeout=60, trust_env=False)


class Owner:
    """One user and what belongs to them, by the names that path parameters have."""

    def __init__(self) -> None:
        name = f"owner-{os.getpid()}-{next(_numbers)}"
        registered = self._made("/api/v1/auth/dev-register", {"username": name}, token="")
        self.token: str = registered["access_token"]
        made = self._made("/api/v1/organizations", {"name": name, "slug": name})
        organization_id = made["organization"]["organization_id"]
        place = f"/api/v1/organizations/{organization_id}"
        team = self._made(f"{place}/teams", {"name": "Night shift"})
        role = self._made(f"{place}/roles", {"name": "auditor", "permissions": ["audit:read"]})
        webhook = self._made(
            f"{place}/webhooks", {"url": "https://127.0.0.1:9/", "event_types": ["team.*"]}
        )
        invitation = self._made(f"{place}/invitations", {"email": f"{name}@example.com"})
        domain = self._made(f"{place}/domains", {"domain": f"{name}.example"})
        self.place = place
        self.known = {
            "organization_id": organization_id,
            "team_id": team["team_id"],
            "role_id": role["role_id"],
            "webhook_id": webhook["webhook_id"],
            "invitation_id": invitation["invitation_id"],
            "domain_id": domain["domain_id"],
            "user_id": registered["user"]["user_id"],
            "session_id": registered["session_id"],
        }

    def _made(self, path: str, body: dict[str, Any], token: str | None = None) -> Any:
        answer = _api.post(path, json=body, headers=_bearer(self.token if token is None else token))
        assert answer.is_success, (path, answer.text)
        return answer.json()

    def lives(self) -> bool:
        """Whether the session and the organization are still there."""
        answers = (
            _api.get(path, headers=_bearer(self.token))
            for path in ("/api/v1/auth/me", self.place, f"{self.place}/teams")
        )
        return all(answer.is_success for answer in answers)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


_owners: list[Owner] = []


def owner() -> Owner:
    """The one who calls now."""
    if not _owners or not _owners[-1].lives():
        _owners.append(Owner())
    return _owners[-1]


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case: Any, context: Any) -> str:
        for_callers = case.operation.definition.raw.get("security") == [{"client": []}]
        return _CALLER if for_callers else f"Bearer {owner().token}"

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = data


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> Any:
    """Of two ids of the right form one becomes that of an object that is there."""
    for name, value in (path_parameters or {}).items():
        if name in owner().known and _is_id(value) and UUID(str(value)).int % 2:
            path_parameters[name] = owner().known[name]
    return path_parameters


def _is_id(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
