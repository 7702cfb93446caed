"""An orders service: every route but one needs an access token, one of them a permission as well.

Settings: AUTH_URL, AUTH_CLIENT_ID, AUTH_CLIENT_SECRET. Run ``orders:production`` as a factory of an
ASGI application.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request

from auth_core import AccessClaims, Secret
from auth_core.tokens.verify import BearerMiddleware, HttpIssuer, TokenVerifier


def create_app(verifier: TokenVerifier) -> FastAPI:
    """The service; whose tokens it believes, the caller decides."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with verifier:
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.add_middleware(BearerMiddleware, verifier=verifier, exempt=["/health"])

    @app.get("/orders")
    async def orders(claims: Annotated[AccessClaims, Depends(claims_of)]) -> dict[str, str]:
        return {"of": claims.username}

    @app.delete("/orders")
    async def cancel(claims: Annotated[AccessClaims, Depends(claims_of)]) -> dict[str, str]:
        if claims.act or "orders:cancel" not in (claims.permissions or ()):
            raise HTTPException(403)
        return {"cancelled by": claims.username}

    @app.get("/health")
    async def health() -> dict[str, bool]:
        return {"ready": verifier.ready}

    return app


def claims_of(request: Request) -> AccessClaims:
    """The claims that the middleware left."""
    claims: AccessClaims = request.scope["auth"]
    return claims


def production() -> FastAPI:
    """The service with the keys and the revocations of the auth service."""
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
    return create_app(verifier)
