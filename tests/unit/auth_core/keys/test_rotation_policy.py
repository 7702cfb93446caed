"""When keys come and go: the decisions."""

from datetime import timedelta

import msgspec
import pytest

from auth_core.keys import KeyStatus, KeyUse
from auth_core.keys.rotation import RotationPolicy, work
from auth_core.testing.contracts.making import new_sealed_key, now

POLICY = RotationPolicy(
    lifetimes={KeyUse.ACCESS: timedelta(hours=1), KeyUse.REFRESH: timedelta(days=30)}
)
AT = now()


def key(**changes):
    return msgspec.structs.replace(new_sealed_key(KeyUse.ACCESS), created_at=AT, **changes)


@pytest.mark.parametrize("status", [KeyStatus.ACTIVE, KeyStatus.RETIRED])
def test_only_a_next_key_is_ever_due(status):
    assert not POLICY.is_due(key(status=status), AT + timedelta(days=1000))


@pytest.mark.parametrize(
    "found", [key(status=KeyStatus.ACTIVE), key(status=KeyStatus.RETIRED, retired_at=None)]
)
def test_only_a_retired_key_dies(found):
    assert not POLICY.is_dead(found, AT + timedelta(days=1000))


def test_without_an_active_key_there_is_nothing_to_rotate():
    todo = work([], POLICY, AT, algorithm="RS256", fixed=False)

    assert not todo


def test_a_fixed_key_is_never_replaced_by_age():
    old = [key(status=KeyStatus.ACTIVE)]
    later = AT + timedelta(days=1000)

    assert not work(old, POLICY, later, algorithm="RS256", fixed=True)
    assert work(old, POLICY, later, algorithm="RS256", fixed=False).publish
