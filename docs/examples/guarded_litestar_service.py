"""A Litestar service whose routes need permissions: what our access tokens say about them decides.

Settings: AUTH_URL, AUTH_CLIENT_ID, AUTH_CLIENT_SECRET. The auth service must put the claim into its
tokens: AUTH_PERMISSIONS_CLAIM_BYTES=2048. Run it with any ASGI server.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from litestar import Litestar, get
from litestar.middleware import DefineMiddleware
from litestar.params import FromPath

from adapters.litestar import Guards, in_organization, of_claims
from auth_core import PermissionRegistry, Secret
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
guards = Guards(of_claims, PermissionRegistry())


@asynccontextmanager
async def lifespan(_: Litestar) -> AsyncIterator[None]:
    """Keys and revocations are followed while the service runs."""
    async with verifier:
        yield


@get("/people", guards=[guards.requires("users:read")])
async def people() -> dict[str, str]:
    """For those who may read users on the platform."""
    return {"people": "of the platform"}


@get(
    "/organizations/{organization_id:uuid}/cases",
    guards=[guards.requires("cases:read", in_organization)],
)
async def cases(organization_id: FromPath[UUID]) -> dict[str, UUID]:
    """For those who may read the cases of this organization."""
    return {"of": organization_id}


@get("/health")
async def health() -> dict[str, bool]:
    """Open to everybody."""
    return {"ready": verifier.ready}


app = Litestar(
    [people, cases, health],
    lifespan=[lifespan],
    middleware=[DefineMiddleware(BearerMiddleware, verifier=verifier, exempt=["/health"])],
    openapi_config=None,
)
