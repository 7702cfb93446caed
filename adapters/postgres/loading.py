"""Many accounts in one statement, and which of them collide."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, column, func, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Text, Uuid

from adapters.postgres.statement import Statement
from adapters.postgres.tables import password_credentials, users
from adapters.postgres.transaction import Transaction
from adapters.postgres.user_row import USER_COLUMNS
from adapters.postgres.users import user_values
from auth_core.credentials import Account, Collision, CollisionKind
from auth_core.users import User

_encode = msgspec.json.Encoder(enc_hook=str).encode

_PASSWORD_NAMES = (
    "password_hash",
    "consecutive_failures",
    "last_failed_at",
    "disabled_at",
    "must_change",
)
_USER_NAMES = tuple(each.name for each in USER_COLUMNS)
# One JSON array carries any number of accounts, typed as the tables are.
_rows = (
    func.jsonb_to_recordset(bindparam("accounts", type_=JSONB))
    .table_valued(
        *(column(name, users.c[name].type) for name in _USER_NAMES),
        *(column(name, password_credentials.c[name].type) for name in _PASSWORD_NAMES),
        name="account",
    )
    .render_derived(with_types=True)
)
_added = (
    postgresql.insert(users)
    .from_select(_USER_NAMES, select(*(_rows.c[name] for name in _USER_NAMES)))
    .on_conflict_do_nothing()
    .returning(users.c.id)
    .cte("added")
)
_passwords = (
    postgresql.insert(password_credentials)
    .from_select(
        ("user_id", *_PASSWORD_NAMES, "updated_at"),
        select(_rows.c.id, *(_rows.c[name] for name in _PASSWORD_NAMES), func.now())
        .join(_added, _added.c.id == _rows.c.id)
        .where(_rows.c.password_hash.is_not(None)),
    )
    .cte("passwords")
)
_LOAD = Statement(select(_added.c.id).add_cte(_passwords), writes=True)
_COLLIDING = Statement(
    select(users.c.id, users.c.username, users.c.email).where(
        or_(
            users.c.id == func.any(bindparam("ids", type_=ARRAY(Uuid))),
            users.c.username == func.any(bindparam("usernames", type_=ARRAY(Text))),
            users.c.email == func.any(bindparam("emails", type_=ARRAY(Text))),
        )
    )
)


async def load(transaction: Transaction, accounts: Sequence[Account]) -> list[Collision]:
    """Store ``accounts`` but for those that collide, and name these."""
    rows = await transaction.rows(
        _LOAD, accounts=_encode([_values(account) for account in accounts]).decode()
    )
    added = {row[0] for row in rows}
    left_out = [account.user for account in accounts if account.user.id not in added]
    return await _collisions(transaction, left_out) if left_out else []


async def _collisions(transaction: Transaction, left_out: Sequence[User]) -> list[Collision]:
    rows = await transaction.rows(
        _COLLIDING,
        ids=[user.id for user in left_out],
        usernames=[user.username.value for user in left_out],
        emails=[user.email.value for user in left_out],
    )
    ids = {row[0]: row[1] for row in rows}
    usernames = {row[1] for row in rows}
    return [Collision(user.id, _kind(user, ids, usernames)) for user in left_out]


def _kind(user: User, ids: dict[Any, str], usernames: set[str]) -> CollisionKind:
    if user.id in ids:
        same = ids[user.id] == user.username.value
        return CollisionKind.ALREADY_THERE if same else CollisionKind.ID
    return CollisionKind.USERNAME if user.username.value in usernames else CollisionKind.EMAIL


def _values(account: Account) -> dict[str, object]:
    return {
        **user_values(account.user),
        "claims": account.user.claims or None,
        "password_hash": account.password_hash and account.password_hash.reveal(),
        "consecutive_failures": account.consecutive_failures,
        "last_failed_at": account.last_failed_at,
        "disabled_at": account.disabled_at,
        "must_change": account.must_change,
    }
