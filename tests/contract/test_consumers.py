"""Consumers against Pact's mock server: each uses what its pact says, and the pact is committed.

`WRITE_PACTS=1` writes what the consumers say (`make pact`); without it the files are compared.
"""

import os

import pytest

from tests.contract.consumers.agreeing import PACTS, Consumer
from tests.contract.consumers.browser_extension_sign_in import EXTENSION
from tests.contract.consumers.chat_agent import AGENT
from tests.contract.consumers.dashboard import DASHBOARD
from tests.contract.consumers.event_consumer import EVENTS
from tests.contract.consumers.gateway import GATEWAY

CONSUMERS = (GATEWAY, EXTENSION, DASHBOARD, AGENT, EVENTS)

GIVEN: tuple[str, ...] = ()
"""Files that teams have sent us, by name: their consumers are elsewhere."""


@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda consumer: consumer.name)
def test_what_a_consumer_says_is_what_is_committed(consumer: Consumer) -> None:
    said = consumer.pact()
    if os.environ.get("WRITE_PACTS"):
        consumer.committed.write_text(said)

    assert consumer.committed.read_text() == said, "`make pact` writes it"


def test_every_committed_pact_has_its_consumer() -> None:
    written = {each.committed.name for each in CONSUMERS}
    assert written | {*GIVEN} == {path.name for path in PACTS.iterdir()}
