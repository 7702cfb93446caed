"""The state machine of refresh rotation on the core in memory (SEC-30 to SEC-34, SEC-50)."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.auth_core.sessions.refresh_machine import RefreshMachine


@pytest.mark.sec("SEC-29", "SEC-30", "SEC-31", "SEC-32", "SEC-33", "SEC-34", "SEC-50")
def test_the_honest_are_never_logged_out_and_a_thief_never_gets_by():
    run_state_machine_as_test(
        RefreshMachine,
        settings=settings(
            max_examples=200,
            stateful_step_count=40,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
