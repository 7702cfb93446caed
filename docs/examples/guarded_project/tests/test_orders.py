"""Who gets in, who does not, and for how long."""

from httpx import AsyncClient

from auth_core.testing.bad_tokens import BadToken
from auth_core.testing.kit import Kit


async def test_whoever_is_signed_in_sees_their_orders(fm_auth: Kit, client: AsyncClient) -> None:
    jane = fm_auth.as_user("jane")

    assert (await client.get("/orders", headers=jane.headers)).json() == {"of": "jane"}


async def test_only_who_may_cancels(fm_auth: Kit, client: AsyncClient) -> None:
    viewer = fm_auth.as_user("eve", organization="acme", permissions=["orders:read"])
    clerk = fm_auth.as_user("jane", organization="acme", permissions=["orders:cancel"])

    assert (await client.delete("/orders", headers=viewer.headers)).status_code == 403
    assert (await client.delete("/orders", headers=clerk.headers)).status_code == 200


async def test_nobody_cancels_in_the_name_of_others(fm_auth: Kit, client: AsyncClient) -> None:
    clerk = fm_auth.as_user("jane", organization="acme", permissions=["orders:cancel"])
    acting = fm_auth.impersonate(clerk, by=fm_auth.as_user("ann", roles=["admin"]))

    assert (await client.get("/orders", headers=acting.headers)).json() == {"of": "jane"}
    assert (await client.delete("/orders", headers=acting.headers)).status_code == 403


async def test_every_bad_token_is_refused(client: AsyncClient, fm_auth_bad_token: BadToken) -> None:
    """Runs once for each kind."""
    answer = await client.get("/orders", headers=fm_auth_bad_token.headers)

    assert (answer.status_code, answer.json()["code"]) == (401, fm_auth_bad_token.code)


async def test_a_token_is_good_for_fifteen_minutes(fm_auth: Kit, client: AsyncClient) -> None:
    jane = fm_auth.as_user("jane")

    fm_auth.clock.advance(minutes=14)
    assert (await client.get("/orders", headers=jane.headers)).status_code == 200
    fm_auth.clock.advance(minutes=1)
    assert (await client.get("/orders", headers=jane.headers)).json()["code"] == "token_expired"


async def test_a_logout_holds_at_once(fm_auth: Kit, client: AsyncClient) -> None:
    jane = fm_auth.as_user("jane")
    assert (await client.get("/orders", headers=jane.headers)).status_code == 200

    jane.log_out()

    assert (await client.get("/orders", headers=jane.headers)).status_code == 401


async def test_without_the_auth_service_nobody_gets_in_for_long(
    fm_auth: Kit, client: AsyncClient
) -> None:
    jane = fm_auth.as_user("jane")
    assert (await client.get("/health")).json() == {"ready": True}

    fm_auth.issuer.up = False
    assert (await client.get("/orders", headers=jane.headers)).status_code == 200
    fm_auth.clock.advance(seconds=6)

    assert (await client.get("/orders", headers=jane.headers)).status_code == 503
    assert (await client.get("/health")).json() == {"ready": False}
