"""GET /me/export: everything that is stored about the signed-in user."""

from typing import Any, Self
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency

from app.api.answers import Timestamp
from app.api.examples import PERSONAL_DATA
from app.api.responses import answer, errors
from app.limits import LIMIT_GENERAL
from app.security import BY_BEARER, OWN_SESSION_ONLY
from auth_core.kernel import ImpersonationRefused
from auth_core.privacy import PersonalData, PersonalDataService
from auth_core.tokens import Principal

_AS_A_FILE = ResponseHeader(
    name="Content-Disposition",
    value='attachment; filename="my-data.json"',
    description="A browser saves it.",
)


class AuthPersonalData(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stored about you. A secret is told as ``present``, never with its value.

    ``records`` holds the rows of each table, newest first. ``truncated`` names the tables of which
    only the newest 10,000 rows are here.
    """

    schema_version: int
    generated_at: Timestamp
    user_id: UUID
    records: dict[str, list[dict[str, Any]]]
    truncated: tuple[str, ...]

    @classmethod
    def of(cls, exported: PersonalData) -> Self:
        """The document of an export."""
        return cls(
            schema_version=exported.schema_version,
            generated_at=exported.generated_at,
            user_id=exported.user_id,
            records={name: list(map(dict, rows)) for name, rows in exported.records.items()},
            truncated=exported.truncated,
        )


class MyDataController(Controller):
    """The signed-in user's data."""

    path = "/api/v1/auth/me/export"
    tags = ("Profile",)
    opt = OWN_SESSION_ONLY | LIMIT_GENERAL
    security = BY_BEARER

    @get(
        responses={
            200: answer(AuthPersonalData, PERSONAL_DATA),
            **errors(401, 403, 429, 503, likely={403: ImpersonationRefused()}),
        },
        response_headers=[_AS_A_FILE],
        summary="Export your data",
    )
    async def export(
        self,
        principal: NamedDependency[Principal],
        personal_data: NamedDependency[PersonalDataService],
    ) -> AuthPersonalData:
        """Export your data: everything that is stored about you, as one document."""
        return AuthPersonalData.of(await personal_data.export(principal.user.id))
