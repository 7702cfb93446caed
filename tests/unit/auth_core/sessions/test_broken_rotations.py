"""The machine and the race explorer can fail: each finds every defect that it is there to find."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.auth_core.sessions.broken_rotations import SEEN_BY_BOTH, SEEN_BY_THE_MACHINE
from tests.unit.auth_core.sessions.refresh_machine import RefreshMachine
from tests.unit.auth_core.sessions.test_refresh_interleavings import explore


@pytest.mark.parametrize("broken", SEEN_BY_THE_MACHINE, ids=lambda broken: broken.__name__)
def test_the_machine_finds_a_rotation_with(broken, monkeypatch):
    broken(monkeypatch)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            RefreshMachine,
            settings=settings(
                max_examples=200,
                stateful_step_count=40,
                derandomize=True,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # found is enough, it need not be small
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.parametrize("broken", SEEN_BY_BOTH, ids=lambda broken: broken.__name__)
def test_the_race_explorer_finds_a_rotation_with(broken, monkeypatch):
    broken(monkeypatch)

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        explore(2_000, rounds=2_000)
