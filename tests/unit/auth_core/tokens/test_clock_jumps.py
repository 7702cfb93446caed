"""The clock of one node jumps: what it says and what it believes then."""

from datetime import timedelta

import pytest

from auth_core.kernel import InvalidToken, TokenExpired
from auth_core.testing import InMemoryCore
from auth_core.users import Registration

FAR = timedelta(hours=1)
"""Far beyond the leeway, and far below the life of a session."""


async def sign_in(core: InMemoryCore, name: str) -> str:
    signed_in = await core.sign_in.register(Registration.parse(username=name))
    return signed_in.tokens.access_token


@pytest.mark.sec("SEC-72", "SEC-27")
async def test_a_node_that_is_behind_refuses_what_right_nodes_issue(core: InMemoryCore) -> None:
    token = await sign_in(core, "alice")
    behind = core.another_worker()

    core.clock.advance(-FAR)
    with pytest.raises(InvalidToken):
        await behind.authenticator.authenticate(token)

    core.clock.advance(FAR)
    assert "alice" == str((await behind.authenticator.authenticate(token)).user.username)


@pytest.mark.sec("SEC-72", "SEC-27")
async def test_what_a_node_issues_that_is_ahead_no_right_node_takes(core: InMemoryCore) -> None:
    core.clock.advance(FAR)
    token = await sign_in(core, "alice")
    core.clock.advance(-FAR)

    with pytest.raises(InvalidToken):
        await core.another_worker().authenticator.authenticate(token)


@pytest.mark.sec("SEC-72", "SEC-27")
@pytest.mark.parametrize("warm", [True, False])
async def test_a_node_that_is_ahead_takes_tokens_for_expired_and_ends_no_session(
    core: InMemoryCore, *, warm: bool
) -> None:
    token = await sign_in(core, "alice")
    node = core.another_worker()
    if warm:
        await node.authenticator.authenticate(token)
    life = core.options.access_lifetime

    core.clock.advance(life)
    with pytest.raises(TokenExpired):
        await node.authenticator.authenticate(token)

    core.clock.advance(-life)
    assert "alice" == str((await node.authenticator.authenticate(token)).user.username)
