"""Where an account can go from where it is."""

from datetime import UTC, datetime

import msgspec
import pytest

from auth_core.kernel import LifecycleConflict
from auth_core.testing.contracts.making import new_user
from auth_core.users import UserStatus

AT = datetime(2026, 11, 23, tzinfo=UTC)
WAYS = {
    ("pending", "active"),
    ("pending", "disabled"),
    ("pending", "deleted"),
    ("active", "disabled"),
    ("active", "deleted"),
    ("disabled", "active"),
    ("disabled", "deleted"),
}
MOVES = {"active": "activated", "disabled": "disabled", "deleted": "deleted"}


@pytest.mark.parametrize("before", [status.value for status in UserStatus])
@pytest.mark.parametrize("after", MOVES)
def test_an_account_moves_along_its_lifecycle_and_nowhere_else(before, after):
    user = msgspec.structs.replace(new_user(), status=UserStatus(before), version=3)
    move = getattr(user, MOVES[after])

    if (before, after) in WAYS:
        moved = move(at=AT)
        assert (UserStatus(after), 4, AT) == (moved.status, moved.version, moved.updated_at)
        assert moved.is_active == (after == "active")
    else:
        with pytest.raises(LifecycleConflict):
            move(at=AT)
