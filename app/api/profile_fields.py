"""The fields of a profile as requests carry them. The core checks what they hold."""

from typing import Annotated, Any

import msgspec

from auth_core.users.profile import LOCALE_MAX, PICTURE_URL_MAX


def _described(description: str, example: str, **schema: object) -> msgspec.Meta:
    return msgspec.Meta(
        description=description, examples=[example], extra_json_schema={"extra": schema}
    )


DisplayName = Annotated[
    str, msgspec.Meta(examples=["John Doe"], extra_json_schema={"extra": {"maxLength": 100}})
]
Locale = Annotated[str, _described("A language tag (BCP 47).", "pt-BR", maxLength=LOCALE_MAX)]
TimeZone = Annotated[str, _described("A name of the IANA time zone database.", "Europe/Berlin")]
PictureUrl = Annotated[
    str,
    _described(
        "Where a picture is; https only.",
        "https://images.example.com/john.png",
        maxLength=PICTURE_URL_MAX,
    ),
]
CustomClaims = Annotated[
    dict[str, Any],
    msgspec.Meta(description="All custom claims; which there may be, the deployment decides."),
]
