"""A Litestar service whose routes need our access tokens.

Settings: AUTH_URL, AUTH_CLIENT_ID, AUTH_CLIENT_SECRET. Run it with any ASGI server.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, get
from litestar.di import NamedDependency, Provide
from litestar.middleware import DefineMiddleware
from litestar.types import Scope

from auth_core import AccessClaims, Secret
from auth_core.tokens.verify import BearerMiddleware, HttpIssuer, TokenVerifier

issuer = HttpIssuer(
    os.environ["AUTH_URL"],
    client_id=os.environ["AUTH_CLIENT_ID"],
    client_secret=Secret(os.environ["AUTH_CLIENT_SECRET"]),
)
verifier = TokenVerifier(
    issuer="https://auth.faultmaven.ai",
    audience="faultmaven-api",
    keys=issuer,
    revocations=issuer,
)


@asynccontextmanager
async def lifespan(_: Litestar) -> AsyncIterator[None]:
    """Keys and revocations are followed while the service runs."""
    async with verifier:
        yield


def provide_claims(scope: Scope) -> AccessClaims:
    """The claims that the middleware left."""
    claims: AccessClaims = scope["auth"]
    return claims


@get("/orders")
async def orders(claims: NamedDependency[AccessClaims]) -> dict[str, str]:
    """Whose orders these are."""
    return {"of": claims.username}


@get("/health")
async def health() -> dict[str, bool]:
    """Open to everybody."""
    return {"ready": verifier.ready}


app = Litestar(
    [orders, health],
    lifespan=[lifespan],
    dependencies={"claims": Provide(provide_claims, sync_to_thread=False)},
    middleware=[DefineMiddleware(BearerMiddleware, verifier=verifier, exempt=["/health"])],
    openapi_config=None,
)
