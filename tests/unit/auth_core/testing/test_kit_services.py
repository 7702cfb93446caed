"""A Litestar service guarded by the kit's verifier, on a loop in a thread of its own."""

from collections.abc import Iterator

import pytest
from litestar import Litestar, Request, get
from litestar.middleware import DefineMiddleware
from litestar.testing import TestClient

from auth_core.tokens.verify import BearerMiddleware


@get("/orders")
async def orders(request: Request) -> dict[str, str]:
    return {"of": request.scope["auth"].username}


@pytest.fixture
def client(fm_auth) -> Iterator[TestClient]:
    guard = DefineMiddleware(BearerMiddleware, verifier=fm_auth.verifier)
    app = Litestar([orders], middleware=[guard], openapi_config=None)
    with TestClient(app) as client:
        yield client


def test_it_lets_people_in_until_they_log_out(fm_auth, client):
    jane = fm_auth.as_user("jane")

    assert {"of": "jane"} == client.get("/orders", headers=jane.headers).json()
    jane.log_out()
    assert 401 == client.get("/orders", headers=jane.headers).status_code


@pytest.mark.sec("SEC-25", "SEC-26", "SEC-27", "SEC-28", "SEC-29")
def test_it_refuses_every_bad_token(fm_auth, client):
    for bad in fm_auth.bad_tokens:
        answer = client.get("/orders", headers=bad.headers)
        assert (bad.name, 401, bad.code) == (bad.name, answer.status_code, answer.json()["code"])
