"""A pytest plugin: the tests of the API ask two nodes of two workers through a balancer.

`serving`, which gives them the client of an application in their own process, gives them one that
goes through the balancer instead. What needs that application itself, or a request that no client
of HTTP makes, is left out (`NOT_THROUGH_A_BALANCER`), and so is whatever starts deployments of its
own: that would be two more nodes for each.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

import httpx
import pytest

import tests.api.asking
import tests.serving
from tests.e2e.running import ANSWER_SECONDS, eventually, services_in
from tests.operations.balancer import balancing

DEPLOYMENTS = {"client", "second_worker", "production"}
"""What a test asks: one of them at least. The first two are the same here."""
FIXTURES = DEPLOYMENTS | {
    *("database", "people", "new_name", "document", "here", "place", "receiver"),
    *("environ", "postgres_url", "redis_url", "servers", "tmp_path_factory", "request"),
    *("event_loop_policy", "faker_seed", "pytestconfig"),
}
"""What it may need beside that."""
NOT_THROUGH_A_BALANCER: Mapping[str, str] = {
    "tests/api/test_bad_input.py": "bytes that a client of HTTP does not send",
    "tests/api/test_headers.py": "header values that a client of HTTP does not send",
    "test_an_unknown_path_is_not_found_and_not_echoed": "paths that it does not send",
    "test_whoever_has_the_keys_already_is_told_so": "a header value that it does not send",
    "test_each_kind_of_problem_arises_on_the_real_routes": "one body is too large: the node answers"
    " and closes with bytes unread, and a reset may overtake the answer in the balancer",
    "test_backing_off_and_disabled_look_like_an_unknown_name_and_sessions_live_on": "compares all"
    " header fields of two answers, and the server adds the date",
}
"""Modules and tests that ask for no more than that, and why they are left out nevertheless."""
NODES, WORKERS = 2, "2"
PUBLIC_URL = "http://127.0.0.1:8000"
"""Of all nodes: what they say of themselves is the same. It is what these tests expect, too."""

_base_urls: dict[tuple[tuple[str, str], ...], str] = {}


@asynccontextmanager
async def serving(environ: Mapping[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of two nodes with these settings, which other clients with them share."""
    key = tuple(sorted(environ.items()))
    if key in _base_urls:
        async with _client(_base_urls[key]) as client:
            yield client
        return
    with services_in(Path(mkdtemp(prefix="fm-e2e-"))) as services:
        settings = {"AUTH_PUBLIC_URL": PUBLIC_URL, **environ, "WORKERS": WORKERS}
        nodes = [services(settings).spawn() for _ in range(NODES)]
        for node in nodes:
            await asyncio.to_thread(node.up)
        with balancing([node.port for node in nodes]) as balancer:
            await asyncio.to_thread(eventually, lambda: len(balancer.ready) == NODES)
            _base_urls[key] = f"http://127.0.0.1:{balancer.port}"
            async with _client(_base_urls[key]) as client:
                yield client
            assert set(balancer.connections) == {node.port for node in nodes}


def _client(base_url: str) -> httpx.AsyncClient:
    # a connection for each request: the next one is another node's
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(
        base_url=base_url, timeout=ANSWER_SECONDS, trust_env=False, limits=limits
    )


async def ask_raw(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    chunks: Iterable[bytes] = (b"",),
) -> httpx.Response:
    """The answer to a request; several may be under way at once."""
    return await client.request(method, path, headers=[*headers], content=b"".join(chunks))


tests.serving.serving = serving  # type: ignore[assignment]
tests.api.asking.ask_raw = ask_raw  # type: ignore[assignment]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what can be asked through a balancer."""
    kept, left_out = [], []
    for item in items:
        (kept if _fits(item) else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def _fits(item: pytest.Item) -> bool:
    info = getattr(item, "_fixtureinfo")  # noqa: B009 - private, and there is no other way
    parameters = getattr(item, "callspec", None)
    needed = {name for name in info.names_closure if not name.startswith("_")}
    needed -= set() if parameters is None else set(parameters.params)
    module, _, name = item.nodeid.partition("[")[0].partition("::")
    if "environ" in info.argnames or {module, name} & NOT_THROUGH_A_BALANCER.keys():
        return False
    return bool(needed & DEPLOYMENTS) and needed <= FIXTURES
