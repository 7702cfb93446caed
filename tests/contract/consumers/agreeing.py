"""How a consumer says what it relies on, and the pact file that comes of it.

A consumer registers exchanges: functions that describe one request and its answer to a `Pact` of
their own, and then ask Pact's mock server with the consumer's own code.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pact import Pact, generate, match
from pact.match.matcher import AbstractMatcher, GenericMatcher

# Pact's library would tell its makers of every run
os.environ["PACT_DO_NOT_TRACK"] = "true"

PACTS = Path(__file__).parents[1] / "pacts"
PROVIDER = "fm-auth-service"
PROBLEM = "application/problem+json"

Exchange = Callable[[Pact], None]


class Consumer:
    """A program that calls the service, or reads its events."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._exchanges: list[Exchange] = []

    @property
    def committed(self) -> Path:
        """Where its pact is kept."""
        return PACTS / f"{self.name}-{PROVIDER}.json"

    def relies_on(self, exchange: Exchange) -> Exchange:
        """Register an exchange; they stand in the file in this order."""
        self._exchanges.append(exchange)
        return exchange

    def pact(self) -> str:
        """The text of its pact, once its own code has done every exchange.

        Raises AssertionError and pact's MismatchesError where the code does not ask what the
        exchange says, or cannot use the answer.
        """
        written = [self._written(exchange) for exchange in self._exchanges]
        whole = written[0]
        whole["interactions"] = [each for pact in written for each in pact["interactions"]]
        # which version of a library wrote it is nothing that the consumer says
        whole["metadata"] = {"pactSpecification": whole["metadata"]["pactSpecification"]}
        return json.dumps(whole, indent=2, sort_keys=True) + "\n"

    def _written(self, exchange: Exchange) -> dict[str, Any]:
        pact = Pact(self.name, PROVIDER).with_specification("V4")
        exchange(pact)
        with tempfile.TemporaryDirectory() as folder:
            pact.write_file(folder)
            [path] = Path(folder).iterdir()
            return dict(json.loads(path.read_text()))


@contextmanager
def asking(pact: Pact, **headers: str) -> Iterator[httpx.Client]:
    """A client of the mock server; at the end everything that was described has been asked."""
    with (
        pact.serve("127.0.0.1") as server,
        httpx.Client(base_url=str(server.url), headers=headers, trust_env=False) as client,
    ):
        yield client


def given(name: str, example: str, text: str = "") -> AbstractMatcher[str]:
    """A part of a request that the provider's state knows, such as a token.

    ``text`` is the whole of it, with ``${name}`` in it; without it, it is the value alone.
    """
    return GenericMatcher("equality", example, generate.provider_state(text or f"${{{name}}}"))


def bearer(scheme: str = "Bearer") -> AbstractMatcher[str]:
    """The header with the access token of the person whom the state is about."""
    return given("access_token", f"{scheme} {TOKEN}", f"{scheme} ${{access_token}}")


TOKEN = "access.token.example"
"""What stands in the files instead of an access token."""


class Digits(AbstractMatcher[int]):
    """An integer whose decimal digits a pattern describes, from the first to the last."""

    def __init__(self, example: int, pattern: str) -> None:
        self._example, self._pattern = example, f"^(?:{pattern})$"

    def to_integration_json(self) -> dict[str, Any]:
        """For Pact's library."""
        return {
            "pact:matcher:type": [
                {"pact:matcher:type": "integer", "value": self._example},
                {"pact:matcher:type": "regex", "regex": self._pattern},
            ],
            "value": self._example,
        }

    def to_matching_rule(self) -> dict[str, Any]:
        """For rules inside of rules, which we have none of."""
        raise NotImplementedError


def milliseconds() -> Digits:
    """A moment as an integer of milliseconds since 1970: 13 digits until the year 2286."""
    return Digits(1795560735000, r"\d{13}")


def exactly(value: str) -> AbstractMatcher[str]:
    """This text, also inside of what is matched by type, where plain values are only examples."""
    return GenericMatcher("equality", value)


def text(example: str) -> AbstractMatcher[str]:
    """Any text."""
    return match.str(example)


def word(example: str, pattern: str) -> AbstractMatcher[str]:
    """A text that the pattern describes from its first character to its last."""
    return match.regex(example, regex=f"^(?:{pattern})$")


def uuid(example: str = "01a20a9c-27fe-73d1-8481-47f172a4ac7a") -> AbstractMatcher[str]:
    """An id."""
    return match.uuid(example)


MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?"
"""A moment without its offset."""


def moment(example: str = "2026-11-23T22:52:15.742917+00:00") -> AbstractMatcher[str]:
    """A moment in ISO 8601, in UTC as `+00:00`, with fractions of a second or without."""
    return word(example, rf"{MOMENT}\+00:00")


def seconds(example: str) -> AbstractMatcher[str]:
    """A whole number of seconds, as headers have it."""
    return word(example, r"\d+")
