"""A changed answer breaks the build: whatever a pact names is missed when it is not as it says."""

import json
from pathlib import Path

import pytest

from tests.contract.consumers.agreeing import PACTS
from tests.contract.provider.replaying import Answer, asking_for, replaying
from tests.contract.provider.verifying import results


@pytest.mark.parametrize("path", sorted(PACTS.iterdir()), ids=lambda path: path.stem)
def test_an_answer_that_differs_in_one_thing_is_found(path: Path) -> None:
    pact = json.loads(path.read_text())
    asked, good, bad, seen = [], dict[str, Answer](), dict[str, Answer](), []
    for interaction in pact["interactions"]:
        description, answer = interaction["description"], Answer.of(interaction)
        good[description] = answer
        expected = interaction.get("response", interaction)
        fresh = expected not in seen  # what it may answer to one question is tried once
        changed = {f"{description}: {what}": other for what, other in answer.changed() if fresh}
        seen.append(expected)
        bad |= changed
        asked += [asking_for(case, interaction) for case in (description, *changed)]

    with replaying(good | bad) as port:
        found = results({**pact, "interactions": asked}, port=port, messages=port)

    assert sorted(good) == sorted(found.kept)
    assert sorted(bad) == sorted(found.broken)
