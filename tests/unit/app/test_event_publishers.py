"""Who gets events, as the settings say."""

import sys

import pytest

from app.in_process import ConnectedCore
from app.options import options
from app.settings import load_settings
from auth_core.kernel import Misconfigured

SERVERS = {
    "DATABASE_URL": "postgresql://h/d",
    "REDIS_URL": "redis://h",
    "AUTH_MASTER_KEY": "0123456789abcdef" * 4,
}
NATS = {"AUTH_NATS_URL": "nats://user:canary@h:4222,nats://h2"}


def core(environ: dict[str, str]) -> ConnectedCore:
    settings = load_settings(SERVERS | environ)
    return ConnectedCore(settings, options(settings))


@pytest.mark.parametrize(
    ("environ", "publishers"),
    [
        ({}, ("redis",)),
        (NATS, ("redis", "nats")),
        (NATS | {"AUTH_EVENT_STREAM_LENGTH": "0"}, ("nats",)),
        ({"AUTH_EVENT_STREAM_LENGTH": "0"}, ()),
    ],
)
async def test_events_go_to_whom_the_settings_name(
    environ: dict[str, str], publishers: tuple[str, ...]
) -> None:
    made = core(environ)
    await made.close()

    streams = [name for name in made.events.publishers if name != "webhooks"]
    assert list(publishers) == streams


def test_nats_without_its_client_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.startswith("adapters.nats")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nats.aio.client", None)

    with pytest.raises(Misconfigured, match="fm-auth-service\\[nats\\]"):
        core(NATS)
