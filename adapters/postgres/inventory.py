"""What every column is with regard to persons: export and erasure are made from these tags.

A column declares itself with ``info=…``; a test refuses one that does not. How to choose:

`SUBJECT`
    The id of the person that the row is about (``user_id``; in the table ``users`` its own id).
`ADDRESS`
    The canonical e-mail address by which a row without a user id belongs to a person.
`PERSONAL`
    Says something of the person: a name, an address, a device, a time of theirs, a setting.
    Exported. Its row goes with the erasure.
`SECRET`
    Proves who the person is, or would let somebody else pass for them: a hash, a code, a sealed
    seed, a letter that carries a link. Exported as ``present``. Its row goes with the erasure.
`PSEUDONYM`
    About the person, and names them by ids only: no text that a person has typed, no address, no
    device. Exported. May outlive the person, in a table that has nothing personal.
`REMARK`
    Text about the person in a row that outlives them. Exported; the erasure empties it.
`OPERATIONAL`
    Of the service and not of a person: counters, versions, positions, the service's own keys. Not
    exported.

In doubt take PERSONAL. A table with a PERSONAL or SECRET column needs a SUBJECT or an ADDRESS, and
with a SUBJECT or an ADDRESS a primary key of one column.
"""

from enum import Enum
from typing import Any, Final

from sqlalchemy import Column, Table

_TAG: Final = "with_regard_to_persons"


class Kind(Enum):
    """What a column is with regard to persons."""

    SUBJECT = "subject"
    ADDRESS = "address"
    PERSONAL = "personal"
    SECRET = "secret"  # noqa: S105 - a kind
    PSEUDONYM = "pseudonym"
    REMARK = "remark"
    OPERATIONAL = "operational"


Info = dict[Any, Any]

SUBJECT: Final[Info] = {_TAG: Kind.SUBJECT}
ADDRESS: Final[Info] = {_TAG: Kind.ADDRESS}
PERSONAL: Final[Info] = {_TAG: Kind.PERSONAL}
SECRET: Final[Info] = {_TAG: Kind.SECRET}
PSEUDONYM: Final[Info] = {_TAG: Kind.PSEUDONYM}
REMARK: Final[Info] = {_TAG: Kind.REMARK}
OPERATIONAL: Final[Info] = {_TAG: Kind.OPERATIONAL}

_NOT_PERSONAL = {Kind.SUBJECT, Kind.PSEUDONYM, Kind.REMARK, Kind.OPERATIONAL}


def kind(column: Column[Any]) -> Kind:
    """The tag of a column. Raises TypeError when it has none."""
    tag = column.info.get(_TAG)
    if not isinstance(tag, Kind):
        message = f"{column} does not declare what it is with regard to persons: see {__name__}"
        raise TypeError(message)
    return tag


def columns_of(table: Table, *kinds: Kind) -> list[Column[Any]]:
    """The columns of these kinds, in their order."""
    return [column for column in table.columns if kind(column) in kinds]


def has_owner(table: Table) -> bool:
    """Whether rows of this table are about one person each."""
    return bool(columns_of(table, Kind.SUBJECT, Kind.ADDRESS))


def goes_with_the_person(table: Table) -> bool:
    """Whether an erasure removes the person's rows; other tables keep theirs, under the id."""
    return any(kind(column) not in _NOT_PERSONAL for column in table.columns)
