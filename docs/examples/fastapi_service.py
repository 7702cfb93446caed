"""A FastAPI (or Starlette) service whose routes need our access tokens.

Settings: AUTH_URL, AUTH_CLIENT_ID, AUTH_CLIENT_SECRET. Run it with any ASGI server.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request

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
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Keys and revocations are followed while the service runs."""
    async with verifier:
        yield


def claims_of(request: Request) -> AccessClaims:
    """The claims that the middleware left."""
    claims: AccessClaims = request.scope["auth"]
    return claims


app = FastAPI(lifespan=lifespan, openapi_url=None)
app.add_middleware(BearerMiddleware, verifier=verifier, exempt=["/health"])


@app.get("/orders")
async def orders(claims: Annotated[AccessClaims, Depends(claims_of)]) -> dict[str, str]:
    """Whose orders these are."""
    return {"of": claims.username}


@app.get("/health")
async def health() -> dict[str, bool]:
    """Open to everybody."""
    return {"ready": verifier.ready}
