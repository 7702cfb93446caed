"""Every bad token that the port kit ships, made with the service's own key, over HTTP."""

import time
from collections.abc import Callable

import pytest

from auth_core.keys import KeyUse
from auth_core.testing.bad_tokens import forgeries
from auth_core.testing.forge import Forge
from tests.api.asking import AUTH, expect_problem, sign_up
from tests.security.forging import stolen_key
from tests.serving import Client, bearer


@pytest.mark.sec("SEC-25", "SEC-26", "SEC-27", "SEC-28")
async def test_the_service_refuses_what_the_kit_says_that_it_refuses(
    environ: dict[str, str], client: Client, new_name: Callable[[], str]
) -> None:
    tokens = await sign_up(client, new_name())
    key = await stolen_key(environ, KeyUse.ACCESS)
    forge = Forge.of(
        tokens["access_token"],
        key,
        refresh_token=tokens["refresh_token"],
        now=int(time.time()),  # noqa: TID251 - the service lives by the machine's clock
    )

    for token in (forge.token, forge.with_claims(), forge.with_header()):
        assert 200 == (await client.get(f"{AUTH}/me", headers=bearer(token))).status_code
    for bad in forgeries(forge):
        expect_problem(await client.get(f"{AUTH}/me", headers=bad.headers), 401, bad.code)
