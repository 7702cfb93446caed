"""Example values of the routes of organizations (see `app.api.examples`)."""

from typing import Final

from app.api.examples import Json

_ORGANIZATION_ID: Final = "0198f3b0-1d2e-7f3a-8b4c-5d6e7f8091a2"
_USER_ID: Final = "0198f39e-2b7c-7a44-8c53-1f6f0a9be2d1"
_TEAM_ID: Final = "0198f3b4-9c8d-7e6f-a5b4-c3d2e1f00918"
_AT: Final = "2026-01-15T09:30:00.123456+00:00"

NEW_ORGANIZATION: Final[Json] = {"name": "Acme", "slug": "acme"}
ORGANIZATION_CHANGES: Final[Json] = {"name": "Acme Corporation"}
ORGANIZATION: Final[Json] = {
    **NEW_ORGANIZATION,
    "organization_id": _ORGANIZATION_ID,
    "settings": {"domain_role": "member", "invitation_days": 7},
    "max_members": None,
    "max_teams": None,
    "created_at": _AT,
    "updated_at": _AT,
    "delete_after": None,
}
BELONGING: Final[Json] = {"organization": ORGANIZATION, "role": "owner"}
BELONGINGS: Final[Json] = {"items": [BELONGING], "next_cursor": None}
SWITCH: Final[Json] = {"organization_id": _ORGANIZATION_ID}
MEMBERSHIP: Final[Json] = {
    "organization_id": _ORGANIZATION_ID,
    "user_id": _USER_ID,
    "role": "member",
    "joined_at": _AT,
}
MEMBERS: Final[Json] = {
    "items": [
        {
            "user_id": _USER_ID,
            "username": "john.doe",
            "email": "john.doe@example.com",
            "display_name": "John Doe",
            "role": "member",
            "joined_at": _AT,
        }
    ],
    "next_cursor": None,
}
MEMBER_ROLE: Final[Json] = {"role": "member"}
TRANSFER: Final[Json] = {"new_owner_id": _USER_ID}
TEAM_NAME: Final[Json] = {"name": "Operations"}
TEAM: Final[Json] = {
    **TEAM_NAME,
    "team_id": _TEAM_ID,
    "organization_id": _ORGANIZATION_ID,
    "created_at": _AT,
    "updated_at": _AT,
}
TEAMS: Final[Json] = {"items": [TEAM], "next_cursor": None}
TEAM_ROLE: Final[Json] = {"role": "lead"}
TEAM_MEMBERSHIP: Final[Json] = {"team_id": _TEAM_ID, "user_id": _USER_ID, "role": "lead"}
TEAM_MEMBERS: Final[Json] = {
    "items": [
        {
            "user_id": _USER_ID,
            "username": "john.doe",
            "display_name": "John Doe",
            "role": "lead",
        }
    ],
    "next_cursor": None,
}
NEW_INVITATION: Final[Json] = {"email": "jane.roe@example.com", "role": "member"}
INVITATION: Final[Json] = {
    **NEW_INVITATION,
    "invitation_id": "0198f3b7-0a1b-7c2d-8e3f-405162738495",
    "organization_id": _ORGANIZATION_ID,
    "invited_by": _USER_ID,
    "created_at": _AT,
    "expires_at": "2026-01-22T09:30:00.123456+00:00",
}
INVITATIONS: Final[Json] = {"items": [INVITATION], "next_cursor": None}
NEW_DOMAIN: Final[Json] = {"domain": "acme.example"}
DOMAIN: Final[Json] = {
    **NEW_DOMAIN,
    "domain_id": "0198f3b9-5e6f-7a8b-9c0d-1e2f30415263",
    "organization_id": _ORGANIZATION_ID,
    "record_name": "_fm-auth-challenge.acme.example",
    "record_value": "fm-auth-domain=Zk3v0X1y…",
    "created_at": _AT,
    "verified_at": None,
}
DOMAINS: Final[Json] = {"items": [DOMAIN], "next_cursor": None}
ACCEPTANCE: Final[Json] = {"token": "… as the letter shows it …"}
