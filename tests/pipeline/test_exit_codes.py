"""What a supervisor learns from the end of a worker."""

from collections.abc import Callable

import pytest

from tests.system import System

pytestmark = pytest.mark.slow


def test_a_worker_that_cannot_go_on_ends_with_an_error_and_one_that_is_told_to_stop_without(
    start_system: Callable[..., System],
) -> None:
    system = start_system(only=("notify", "triage"))
    system.wait_online("notify", "triage")
    broken, stopped = system.local.children
    assert broken.process
    assert stopped.process

    # It may not take from its queue any more: no reconnecting helps.
    system.client.execute_command("ACL", "SETUSER", "notify", "clearselectors")
    stopped.process.terminate()

    assert broken.process.wait(60) == 1
    assert stopped.process.wait(60) == 0
