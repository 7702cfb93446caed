"""A row of the table ``users`` as a user."""

from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.postgres.tables import users
from auth_core.kernel import Email, Username
from auth_core.users import User, UserStatus

decode_json = msgspec.json.Decoder(dict[str, Any]).decode
encode_json = msgspec.json.Encoder().encode

USER_COLUMNS = (
    users.c.id,
    users.c.organization_id,
    users.c.username,
    users.c.email,
    users.c.email_verified,
    users.c.display_name,
    users.c.status,
    users.c.roles,
    users.c.is_dev_user,
    users.c.created_at,
    users.c.updated_at,
    users.c.last_login_at,
    users.c.version,
    users.c.epoch,
    users.c.locale,
    users.c.time_zone,
    users.c.picture_url,
    users.c.claims,
    users.c.delete_after,
)
USER_WIDTH = len(USER_COLUMNS)


_STATUS = {status.value: status for status in UserStatus}


def user_from(values: Sequence[Any]) -> User:
    """The user in the values of `USER_COLUMNS`. They were valid when they were stored."""
    return User(
        id=values[0],
        organization_id=values[1],
        username=Username(values[2]),
        email=Email(values[3]),
        email_verified=values[4],
        display_name=values[5],
        status=_STATUS[values[6]],
        roles=tuple(values[7]),
        is_dev_user=values[8],
        created_at=values[9],
        updated_at=values[10],
        last_login_at=values[11],
        version=values[12],
        epoch=values[13],
        locale=values[14],
        time_zone=values[15],
        picture_url=values[16],
        claims={} if values[17] is None else decode_json(values[17]),
        delete_after=values[18],
    )
