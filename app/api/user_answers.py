"""What administrators send and are told about accounts."""

from collections.abc import Mapping
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec

from app.api.answers import AuthUser, Timestamp, timestamp
from app.api.profile_fields import (
    CustomClaims,
    DisplayName,
    Locale,
    PictureUrl,
    TimeZone,
)
from auth_core.users import PLATFORM_ROLES, ProfileChanges, ProfilePolicy, User

Roles = Annotated[
    tuple[str, ...],
    msgspec.Meta(
        max_length=16,
        description=f"One or more of {', '.join(PLATFORM_ROLES)}.",
        extra_json_schema={
            "extra": {"minItems": 1, "items": {"type": "string", "enum": [*PLATFORM_ROLES]}}
        },
    ),
]


class AuthAccount(AuthUser, frozen=True, kw_only=True):
    """An account as administrators see it. ``version`` is what the `ETag` says; ``delete_after`` is
    when the account may be erased, if it was deleted or its owner has closed it.

    ``organization_id`` is where the person acted last; they may have left it since.
    """

    status: str
    email_verified: bool
    last_login: Timestamp | None
    updated_at: Timestamp
    delete_after: Timestamp | None
    organization_id: UUID | None
    locale: str | None
    time_zone: str | None
    picture_url: str | None
    claims: Mapping[str, Any]
    version: int

    @classmethod
    def of(cls, user: User) -> Self:
        """All that there is to see of an account."""
        shown = AuthUser.of(user)
        return cls(
            **{name: getattr(shown, name) for name in shown.__struct_fields__},
            status=user.status.value,
            email_verified=user.email_verified,
            last_login=None if user.last_login_at is None else timestamp(user.last_login_at),
            updated_at=timestamp(user.updated_at),
            delete_after=None if user.delete_after is None else timestamp(user.delete_after),
            organization_id=user.organization_id,
            locale=user.locale,
            time_zone=user.time_zone,
            picture_url=user.picture_url,
            claims=user.claims,
            version=user.version,
        )


class AuthAccounts(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts, oldest first. ``next_cursor`` is null on the last page."""

    items: list[AuthAccount]
    next_cursor: str | None


class AuthNewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to make. Without a password its user sets one by a reset."""

    username: Annotated[str, msgspec.Meta(examples=["jane.roe"])]
    email: str | None = None
    display_name: DisplayName | None = None
    password: str | None = None
    roles: Roles = ("user",)

    def __repr__(self) -> str:
        return "AuthNewAccount(…)"


class AuthAccountChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change. Absent fields stay as they are, null clears one."""

    display_name: DisplayName | msgspec.UnsetType = msgspec.UNSET
    locale: Locale | msgspec.UnsetType | None = msgspec.UNSET
    time_zone: TimeZone | msgspec.UnsetType | None = msgspec.UNSET
    picture_url: PictureUrl | msgspec.UnsetType | None = msgspec.UNSET
    claims: CustomClaims | msgspec.UnsetType | None = msgspec.UNSET
    roles: Roles | msgspec.UnsetType = msgspec.UNSET

    def checked(self, policy: ProfilePolicy) -> ProfileChanges:
        """The valid changes of the profile; raises InvalidInput."""
        return policy.changes(
            display_name=self.display_name,
            locale=self.locale,
            time_zone=self.time_zone,
            picture_url=self.picture_url,
            claims=self.claims,
        )


class AuthImpersonationRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Why, and for how long. The reason stays in the audit trail: a ticket, no personal data."""

    reason: Annotated[
        str, msgspec.Meta(extra_json_schema={"extra": {"minLength": 3, "maxLength": 200}})
    ]
    minutes: Annotated[
        int, msgspec.Meta(extra_json_schema={"extra": {"minimum": 1, "maximum": 60}})
    ] = 30
