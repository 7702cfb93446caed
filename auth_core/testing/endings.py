"""Bad tokens that were good: nothing about them is wrong, but what they stand for is over."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from auth_core.kernel import InvalidRefreshToken
from auth_core.testing.signed_in import SignedInUser

if TYPE_CHECKING:
    from auth_core.testing.kit import Kit


class Ending(msgspec.Struct, frozen=True):
    """How a token of this kind is made in a core. ``sec`` is the behaviour that it breaks."""

    sec: str
    make: Callable[["Kit"], str]


def _over(end: Callable[[SignedInUser], None]) -> Callable[["Kit"], str]:
    def make(kit: "Kit") -> str:
        # everybody their own: some of these can happen to a person only once
        user = kit.as_user(f"gone-{len(kit.core.store.users)}")
        end(user)
        return user.access_token

    return make


def _impersonation_ended(kit: "Kit") -> str:
    admin = kit.as_user("gone-admin", roles=("admin",))
    session = kit.impersonate(kit.as_user("gone-somebody"), by=admin)
    session.log_out()
    return session.access_token


def _refresh_token_stolen(kit: "Kit") -> str:
    victim = kit.as_user("gone-victim")
    stolen = victim.refresh_token
    victim.refresh()
    victim.refresh()
    kit.clock.advance(kit.options.refresh_parallel_window * 2)
    try:
        kit.run(kit.core.refresh.redeem(stolen))
    except InvalidRefreshToken:
        return victim.access_token
    raise AssertionError("a refresh token was redeemed twice")


ENDINGS: Final[Mapping[str, Ending]] = MappingProxyType(
    {
        "logged_out": Ending("SEC-29", _over(SignedInUser.log_out)),
        "logged_out_everywhere": Ending("SEC-29", _over(SignedInUser.log_out_everywhere)),
        "password_changed": Ending("SEC-29", _over(SignedInUser.change_password)),
        "user_disabled": Ending("SEC-29", _over(SignedInUser.disable)),
        "user_deleted": Ending("SEC-29", _over(SignedInUser.delete)),
        "impersonation_ended": Ending("SEC-70", _impersonation_ended),
        "refresh_token_stolen": Ending("SEC-30", _refresh_token_stolen),
    }
)
"""They need the core that made the tokens, and end sessions there. The theft takes some seconds of
its clock.
"""
