"""A pact against running services."""

import json
import re
import tempfile
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

from pact import Verifier

from tests.contract.consumers.agreeing import PROVIDER
from tests.contract.provider.callbacks import MESSAGE, STATE, answering
from tests.contract.provider.deployments import Deployments
from tests.contract.provider.states import States

HOST = "127.0.0.1"
_COLOUR = re.compile(r"\x1b\[\d*m")


class Broken(AssertionError):
    """The provider does not keep to a pact; says what Pact's verifier found."""


class Results:
    """What Pact's verifier found."""

    def __init__(self, found: dict[str, Any], output: str) -> None:
        results = found["interactionResults"]
        self.kept = [each["description"] for each in results if each["result"] == "OK"]
        self.broken = [each["description"] for each in results if each["result"] != "OK"]
        self.explained = _COLOUR.sub("", output[output.find("Failures:") :])


def verify(pact: dict[str, Any], deployments: Deployments, *, port: int | None = None) -> list[str]:
    """The interactions that the services keep to, sorted. Raises Broken.

    Each is asked of the service that its states are about, or all of them of ``port``.
    """
    by_port: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for interaction in pact["interactions"]:
        states = [state["name"] for state in interaction.get("providerStates", ())]
        by_port[port or deployments.of(states).port].append(interaction)
    return sorted(
        description
        for asked, interactions in by_port.items()
        for description in _verify({**pact, "interactions": interactions}, deployments, asked)
    )


def _verify(pact: dict[str, Any], deployments: Deployments, port: int) -> list[str]:
    states, failures = States(deployments), list[str]()
    answers = {STATE: states.enter, MESSAGE: states.message}
    with answering(answers, failures) as callbacks:
        found = results(pact, port=port, messages=callbacks, states=callbacks)
    if failures or found.broken:
        raise Broken("\n".join([*failures, found.explained]))
    return found.kept


def results(
    pact: dict[str, Any], *, port: int, messages: int, states: int | None = None
) -> Results:
    """What Pact's verifier finds when it asks for the interactions of a pact."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pact.json"
        path.write_text(json.dumps(pact))
        verifier = (
            Verifier(PROVIDER, host=HOST)
            .add_transport(protocol="http", port=port, scheme="http")
            .add_transport(protocol="message", port=messages, path=MESSAGE, scheme="http")
            .add_source(path)
            .set_request_timeout(60_000)
            .set_coloured_output(enabled=False)
        )
        if states:
            verifier.state_handler(f"http://{HOST}:{states}{STATE}", body=True)
        with suppress(RuntimeError):  # something is broken; the results say what
            verifier.verify()
        return Results(verifier.results, verifier.output())
