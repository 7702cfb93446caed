"""When keys come and go: decisions only, from the keys at hand and the time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from auth_core.keys.model import Key, KeyStatus, KeyUse, SealedKey

SETTLING = timedelta(minutes=1)
"""Room for a change to reach the ring of every process, which takes seconds."""


class RotationPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long keys sign, and how long they are published before and after."""

    period: timedelta = timedelta(days=30)
    jwks_max_age: timedelta = timedelta(minutes=5)
    """How long relying services may keep a copy of the JWKS."""
    lifetimes: Mapping[KeyUse, timedelta]
    """The longest life of the tokens of each use."""

    @property
    def lead(self) -> timedelta:
        """From publishing a key to its first signature (SEC-45)."""
        return self.jwks_max_age + SETTLING

    def is_due(self, key: Key, now: datetime) -> bool:
        """Whether a next key has been published long enough to sign."""
        if key.status is not KeyStatus.NEXT:
            return False
        return (key.activates_at or key.created_at + self.lead) <= now

    def is_dead(self, key: Key, now: datetime) -> bool:
        """Whether the last token of a retired key has died."""
        if key.status is not KeyStatus.RETIRED or key.retired_at is None:
            return False
        return key.retired_at + self.lifetimes[key.use] + SETTLING <= now

    def is_old(self, key: Key, now: datetime) -> bool:
        """Whether it is time to publish the successor of an active key."""
        return (key.activated_at or key.created_at) + self.period - self.lead <= now


class KeyWork(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to do for the keys of one use now."""

    publish: bool = False
    activate: SealedKey | None = None
    remove: tuple[SealedKey, ...] = ()

    def __bool__(self) -> bool:
        return self.publish or self.activate is not None or bool(self.remove)


def work(
    keys: Sequence[SealedKey], policy: RotationPolicy, now: datetime, *, algorithm: str, fixed: bool
) -> KeyWork:
    """What there is to do for ``keys``, all of one use whose configured algorithm is ``algorithm``.

    ``fixed`` keys are replaced by the deployment, not by age. Another algorithm is a rotation like
    any other: published, then active.
    """
    dead = tuple(key for key in keys if policy.is_dead(key, now))
    active, upcoming = of_status(keys, KeyStatus.ACTIVE), of_status(keys, KeyStatus.NEXT)
    if active is None:  # the first ring of a process makes one
        return KeyWork(remove=dead)
    if upcoming is not None:
        return KeyWork(activate=upcoming if policy.is_due(upcoming, now) else None, remove=dead)
    outdated = active.algorithm != algorithm or policy.is_old(active, now)
    return KeyWork(publish=outdated and not fixed, remove=dead)


def of_status(keys: Sequence[SealedKey], status: KeyStatus) -> SealedKey | None:
    """The oldest key with this status, or None."""
    found = [key for key in keys if key.status is status]
    return min(found, key=lambda key: (key.created_at, key.kid), default=None)
