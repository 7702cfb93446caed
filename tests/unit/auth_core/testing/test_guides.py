"""The programs in the guides to the port kit, as they stand there."""

import importlib.util
import re
from textwrap import indent

import httpx
import pytest
from fastapi import FastAPI

from auth_core.core import Options
from auth_core.kernel import InvalidToken, Username
from auth_core.tokens.verify import BearerMiddleware, TokenVerifier
from tests.e2e.running import ROOT

GUIDES = ("docs/guides/testing-your-service.md", "docs/guides/writing-an-adapter.md")
BLOCKS = {
    f"{guide.rpartition('/')[2]}-{number}": block
    for guide in (*GUIDES, "auth_core/README.md")
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```$", (ROOT / guide).read_text(), re.DOTALL | re.MULTILINE)
    )
}


@pytest.fixture
async def client(fm_auth):
    path = ROOT / "docs" / "examples" / "guarded_project" / "orders.py"
    spec = importlib.util.spec_from_file_location("orders_of_the_guide", path)
    orders = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(orders)
    transport = httpx.ASGITransport(orders.create_app(fm_auth.verifier))
    async with httpx.AsyncClient(transport=transport, base_url="http://orders") as client:
        yield client


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
async def test_every_program_in_the_guides_runs(fm_auth, client, block):
    names = {
        "ASGITransport": httpx.ASGITransport,
        "AsyncClient": httpx.AsyncClient,
        "BearerMiddleware": BearerMiddleware,
        "FastAPI": FastAPI,
        "InvalidToken": InvalidToken,
        "Options": Options,
        "TokenVerifier": TokenVerifier,
        "Username": Username,
        "client": client,
        "fm_auth": fm_auth,
        "pytest": pytest,
    }
    if block.startswith(("import", "from", "def", "async def", "@")):
        exec(block, names)
        if "def test_a_logout_holds_at_once" in block:
            names["test_a_logout_holds_at_once"](fm_auth)
        return
    exec(
        f"async def program():\n    jane = fm_auth.as_user('jane')\n{indent(block, '    ')}", names
    )
    await names["program"]()


def test_the_guides_have_programs():
    assert 10 <= len(BLOCKS)
