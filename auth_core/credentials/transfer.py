"""Accounts on the move: in from elsewhere and out again, whole, password hashes included."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from auth_core.credentials.password import (
    Account,
    CollisionKind,
    CredentialsUnitOfWork,
    ForeignHashes,
)
from auth_core.kernel import Clock, EventId, Ids, InvalidInput, OrganizationId, UserId
from auth_core.users import Registration, User, UserCreated, UserStatus

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Role = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2_147_483_647)]
_PLACE = re.compile(r"at `\$\.([a-z_]+)")

_TAKEN = {
    CollisionKind.ID: "another account has this user_id",
    CollisionKind.USERNAME: "another account has this user name",
    CollisionKind.EMAIL: "another account has this e-mail address",
    CollisionKind.ALREADY_THERE: "this account is there already",
}


class TransferRecord(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """An account as it stands in a file. Only ``username`` is needed.

    ``password_hash`` is in any form that `ForeignHashes` accepts. A repr shows nothing of it.
    """

    username: str
    user_id: UUID | None = None
    email: str | None = None
    email_verified: bool = False
    display_name: str | None = None
    status: UserStatus = UserStatus.ACTIVE
    roles: tuple[_Role, ...] = ("user",)
    is_dev_user: bool = False
    organization_id: UUID | None = None
    locale: str | None = None
    time_zone: str | None = None
    picture_url: str | None = None
    claims: dict[str, object] | None = None
    delete_after: _Moment | None = None
    created_at: _Moment | None = None
    updated_at: _Moment | None = None
    last_login_at: _Moment | None = None
    password_hash: str | None = None
    password_failures: _Count = 0
    password_last_failed_at: _Moment | None = None
    password_disabled_at: _Moment | None = None
    password_must_change: bool = False

    def __repr__(self) -> str:
        return "TransferRecord(***)"

    @classmethod
    def of(cls, account: Account) -> "TransferRecord":
        """All of a stored account."""
        user, stored = account.user, account.password_hash
        return cls(
            username=user.username.value,
            user_id=user.id,
            email=user.email.value,
            email_verified=user.email_verified,
            display_name=user.display_name,
            status=user.status,
            roles=user.roles,
            is_dev_user=user.is_dev_user,
            organization_id=user.organization_id,
            locale=user.locale,
            time_zone=user.time_zone,
            picture_url=user.picture_url,
            claims=dict(user.claims) or None,
            delete_after=user.delete_after,
            created_at=user.created_at,
            updated_at=user.updated_at,
            last_login_at=user.last_login_at,
            password_hash=None if stored is None else stored.reveal(),
            password_failures=account.consecutive_failures,
            password_last_failed_at=account.last_failed_at,
            password_disabled_at=account.disabled_at,
            password_must_change=account.must_change,
        )


FIELDS = TransferRecord.__struct_fields__


class Entry(msgspec.Struct, frozen=True):
    """One line: its number, its fields (None when it could not be read), the id for a new account.

    ``text_values``: numbers and truths are still text, as in CSV.
    """

    line: int
    fields: Mapping[str, object] | None
    new_id: UserId
    text_values: bool = False

    def __repr__(self) -> str:
        return f"Entry(line={self.line}, ***)"


class Refusal(msgspec.Struct, frozen=True, order=True):
    """A line that was not taken, with a stable code and the reason in words. Quotes no value."""

    line: int
    code: str
    reason: str


class AccountTransfer:
    """Takes accounts in by batches and gives them out by pages."""

    def __init__(
        self,
        unit_of_work: Callable[[], CredentialsUnitOfWork],
        hashes: ForeignHashes,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._hashes = hashes
        self._clock = clock
        self._ids = ids

    async def take_in(self, entries: Sequence[Entry], *, dry_run: bool = False) -> list[Refusal]:
        """Store what can be stored of a batch, in one commit with its events; the rest is named.

        An account that is there already, with the same id and user name, is left as it is and named
        as ``already_there``. ``dry_run`` stores nothing. Raises Unavailable, and nothing is stored.
        """
        refusals: list[Refusal] = []
        accounts: dict[UserId, Account] = {}
        lines: dict[UserId, int] = {}
        for entry in entries:
            account = self._account(entry, refusals)
            if account is None:
                continue
            if account.user.id in accounts:
                refusals.append(_taken(entry.line, CollisionKind.ID))
                continue
            accounts[account.user.id], lines[account.user.id] = account, entry.line
        if accounts:
            async with self._unit_of_work() as uow:
                collisions = await uow.credentials.load(list(accounts.values()))
                for collision in collisions:
                    del accounts[collision.user_id]
                    refusals.append(_taken(lines[collision.user_id], collision.kind))
                if not dry_run:
                    await uow.outbox.add([self._created(user_id) for user_id in accounts])
                    await uow.commit()
        return sorted(refusals)

    async def page(self, *, after: UserId | None, limit: int) -> list[Account]:
        """Stored accounts in order of id, after ``after``."""
        async with self._unit_of_work() as uow:
            return await uow.credentials.portable(after=after, limit=limit)

    def _account(self, entry: Entry, refusals: list[Refusal]) -> Account | None:
        try:
            if entry.fields is None:
                refusals.append(Refusal(entry.line, "malformed", "the line cannot be read"))
                return None
            record = msgspec.convert(entry.fields, TransferRecord, strict=not entry.text_values)
            return self._parsed(record, entry.new_id)
        except msgspec.ValidationError as error:
            refusals.append(Refusal(entry.line, "malformed", _place(error)))
        except InvalidInput as error:
            code = error.problems[0].type
            refusals.append(Refusal(entry.line, code, error.message))
        return None

    def _parsed(self, record: TransferRecord, new_id: UserId) -> Account:
        names = Registration.parse(
            username=record.username, email=record.email, display_name=record.display_name
        )
        created_at = record.created_at or self._clock.now()
        organization = record.organization_id
        user = User(
            id=new_id if record.user_id is None else UserId(record.user_id),
            username=names.username,
            email=names.email,
            email_verified=record.email_verified,
            display_name=names.display_name,
            status=record.status,
            roles=record.roles,
            is_dev_user=record.is_dev_user,
            organization_id=None if organization is None else OrganizationId(organization),
            locale=record.locale,
            time_zone=record.time_zone,
            picture_url=record.picture_url,
            claims=record.claims or {},
            delete_after=record.delete_after,
            created_at=created_at,
            updated_at=record.updated_at or created_at,
            last_login_at=record.last_login_at,
        )
        if record.password_hash is None:
            return Account(user=user, password_hash=None)
        return Account(
            user=user,
            password_hash=self._hashes.accept(record.password_hash),
            consecutive_failures=record.password_failures,
            last_failed_at=record.password_last_failed_at,
            disabled_at=record.password_disabled_at,
            must_change=record.password_must_change,
        )

    def _created(self, user_id: UserId) -> UserCreated:
        return UserCreated(
            id=EventId(self._ids.uuid()), occurred_at=self._clock.now(), user_id=user_id
        )


def _taken(line: int, kind: CollisionKind) -> Refusal:
    return Refusal(line, kind.value, _TAKEN[kind])


def _place(error: msgspec.ValidationError) -> str:
    """Where the problem is; what stands there may be a hash in the wrong column."""
    matched = _PLACE.search(str(error))
    if matched and matched[1] in FIELDS:
        return f"{matched[1]} is not what it should be"
    return "fields are missing, or there are some that no account has"
