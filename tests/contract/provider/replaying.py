"""A provider that answers as a pact's own examples say, but for one thing."""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

import msgspec

from tests.contract.provider.callbacks import listening

Json = Any
Place = tuple[str | int, ...]
UNWANTED = "all_sessions_ended"
CASE = "X-Case"
"""The header of a request that says which answer it is to get."""


class Answer(msgspec.Struct, frozen=True):
    """What a provider says: an answer of HTTP, or a message."""

    status: int | None
    headers: dict[str, list[str]]
    content: Json
    names_described: bool = False
    """The body is one of which the pact describes the names. Of such Pact misses no field: it is
    there to say which must not be.
    """

    @classmethod
    def of(cls, interaction: Json) -> Self:
        """The example of an interaction."""
        said = interaction.get("response") or {"body": interaction["contents"]}
        body = said.get("body", {}).get("content")
        rules = said.get("matchingRules", {}).get("body", {}).get("$", {}).get("matchers", ())
        described = any(rule["match"] == "eachKey" for rule in rules)
        return cls(said.get("status"), said.get("headers", {}), body, described)

    def changed(self) -> Iterator[tuple[str, Self]]:
        """This answer, each time with one thing missing or of another kind, by what it is."""
        if self.status is not None:
            yield "status", msgspec.structs.replace(self, status=self.status + 1)
        for name in self.headers:
            others = {key: values for key, values in self.headers.items() if key != name}
            yield f"no {name}", msgspec.structs.replace(self, headers=others)
        for what, content in self._other_contents():
            yield what, msgspec.structs.replace(self, content=content)

    def _other_contents(self) -> Iterator[tuple[str, Json]]:
        if self.names_described:
            yield f"added {UNWANTED}", {**self.content, UNWANTED: False}
            return
        for place in _places(self.content):
            content, name = copy.deepcopy(self.content), ".".join(map(str, place))
            holder = _holder(content, place)
            held = holder.pop(place[-1])
            yield f"no {name}", content
            if not isinstance(held, dict | list):
                content = copy.deepcopy(self.content)
                _holder(content, place)[place[-1]] = {"not": "this"}
                yield f"other {name}", content


def asking_for(case: str, interaction: Json) -> Json:
    """The interaction as it is, but for asking for that answer, in any state."""
    asked = {**copy.deepcopy(interaction), "providerStates": [], "description": case}
    if "request" in asked:
        asked["request"].pop("generators", None)
        asked["request"].setdefault("headers", {})[CASE] = [case]
    return asked


@contextmanager
def replaying(answers: Mapping[str, Answer]) -> Iterator[int]:
    """The port of loopback where these answers are given to who asks for them."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            message = CASE not in self.headers
            given = answers[json.loads(asked)["description"] if message else self.headers[CASE]]
            body = b"" if given.content is None else json.dumps(given.content).encode()
            self.send_response(given.status or 200)
            for name, values in given.headers.items():
                self.send_header(name, ", ".join(values))
            if message:
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with listening(Handler) as port:
        yield port


def _places(content: Json) -> Iterator[Place]:
    if isinstance(content, dict | list):
        for key in content if isinstance(content, dict) else range(len(content)):
            yield (key,)
            yield from ((key, *place) for place in _places(content[key]))


def _holder(content: Json, place: Place) -> Json:
    for key in place[:-1]:
        content = content[key]
    return content
