"""Limits per route: every handler says what class it is of, the gate counts (ADR 0021)."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from litestar.types import HTTPScope

from app.proxies import Proxies
from app.settings import LimitSettings
from auth_core.kernel import Hit, Limit, RateLimiter, Verdict, enforce
from auth_core.tokens import Principal

OPTION = "limit"
LEFT = "limits_left"
"""Where a scope has the headers that tell what is left."""
_ORGANIZATION_TIMES = 10


class RouteClass(StrEnum):
    """What a route costs, and whom."""

    NONE = "none"
    """Never counted: probes and what relying services must always be able to read."""
    READ = "read"
    """Not counted: reads by bearer token and questions of registered callers. Gateways ask them for
    all of their users from one address, and each costs less than a count in Redis would.
    """
    GENERAL = "general"
    """Counts per user and active organization with a bearer token, per address without one."""
    SIGN_IN = "sign-in"
    """Checks a credential."""
    REGISTER = "register"
    """Makes an account."""
    MAIL = "mail"
    """Sends a letter."""
    TOKEN = "token"  # noqa: S105 - a class
    """Gives tokens for tokens. Nothing else at the same address uses up its limit (SEC-12)."""


LIMIT_NONE: dict[str, Any] = {OPTION: RouteClass.NONE}
LIMIT_READ: dict[str, Any] = {OPTION: RouteClass.READ}
LIMIT_GENERAL: dict[str, Any] = {OPTION: RouteClass.GENERAL}
LIMIT_SIGN_IN: dict[str, Any] = {OPTION: RouteClass.SIGN_IN}
LIMIT_REGISTER: dict[str, Any] = {OPTION: RouteClass.REGISTER}
LIMIT_MAIL: dict[str, Any] = {OPTION: RouteClass.MAIL}
LIMIT_TOKEN: dict[str, Any] = {OPTION: RouteClass.TOKEN}

# Wide enough for an office behind one address; an attacker meets the limits per account first.
_PER_SOURCE: Mapping[RouteClass, Limit] = {
    RouteClass.SIGN_IN: Limit(name="sign-in", requests=100, period=60),
    RouteClass.REGISTER: Limit(name="register", requests=50, period=3600),
    RouteClass.MAIL: Limit(name="mail", requests=50, period=3600),
    RouteClass.TOKEN: Limit(name="token", requests=300, period=60),
}

# A record is a commit, and reading is not limited: nobody fills the trail with what they may not.
_REFUSALS = Limit(name="refusals", requests=60, period=60)


def route_class(opt: Mapping[str, Any], method: str) -> RouteClass:
    """The class of a handler; one that does not say is limited unless it only reads."""
    if method == "OPTIONS":
        return RouteClass.NONE
    declared = opt.get(OPTION)
    if isinstance(declared, RouteClass):
        return declared
    return RouteClass.READ if method == "GET" else RouteClass.GENERAL


class RouteLimits:
    """Counts a request for its user and the organization that is active, or for its address."""

    def __init__(self, limiter: RateLimiter, proxies: Proxies, settings: LimitSettings) -> None:
        self._limiter = limiter
        self._proxies = proxies
        requests, period = settings.requests, settings.period
        general = Limit(name="general", requests=requests, period=period)
        self._organization = Limit(
            name="organization", requests=_ORGANIZATION_TIMES * requests, period=period
        )
        self._by_class: Mapping[RouteClass, tuple[Limit, ...]] = {
            RouteClass.GENERAL: (general,),
            **{each: (limit, general) for each, limit in _PER_SOURCE.items()},
            RouteClass.TOKEN: (_PER_SOURCE[RouteClass.TOKEN],),
        }

    async def count_refusal(self, principal: Principal) -> None:
        """Count what somebody was refused. Raises TooManyRequests: enough of it is on record."""
        enforce(await self._limiter.hit([Hit(_REFUSALS, principal.user.id.hex)]))

    async def admit(self, scope: HTTPScope) -> None:
        """Count the request in one round trip, or none if its class is not counted.

        Leaves in ``scope`` what the edge tells the client of how much is left: whoever answers, it
        is on every answer, problems included. Raises TooManyRequests.
        """
        limits = self._by_class.get(route_class(scope["route_handler"].opt, scope["method"]))
        if limits is None:
            return
        tightest = enforce(await self._limiter.hit(self._hits(scope, limits)))
        if tightest is not None:
            scope[LEFT] = _headers(tightest)  # type: ignore[literal-required]

    def _hits(self, scope: HTTPScope, limits: Sequence[Limit]) -> list[Hit]:
        principal = scope.get("auth")
        if not isinstance(principal, Principal):
            source = self._proxies.source(scope).limited
            return [Hit(limit, source) for limit in limits]
        # by user: nobody else at their address, gateways above all, uses up what they have
        hits = [Hit(limit, principal.user.id.hex) for limit in limits]
        active = principal.organization
        if active is not None:
            hits.append(Hit(self._organization, active.organization_id.hex))
        return hits


def _headers(verdict: Verdict) -> list[tuple[bytes, bytes]]:
    return [
        (b"ratelimit-limit", str(verdict.limit.requests).encode()),
        (b"ratelimit-remaining", str(verdict.remaining).encode()),
        (b"ratelimit-reset", str(verdict.reset).encode()),
    ]
