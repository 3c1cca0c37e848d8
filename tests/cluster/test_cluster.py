"""What Celery promises when parts of it die, and what it may not do, by pytest-celery's own setup over our own workers."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_celery import CeleryTestWorker
from redis.exceptions import NoPermissionError

from aiops.adapters.redis_pulse import KEY
from aiops.domain.watch import canary
from tasks.config import LONGEST_TASK
from tests.cluster.conftest import SilentHost
from tests.cluster.nodes import OurSetup

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE = 90.0
"""Seconds: on a machine that is busy otherwise a worker may take half a minute to start."""


def until(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.05)
    return seen


def sings(setup: OurSetup, queue: str) -> None:
    """The queue's worker does a task that is sent now."""
    key = KEY + canary(queue)
    setup.redis.delete(key)
    setup.app.send_task(f"canary_{queue}")
    until(lambda: setup.redis.exists(key), f"the worker of {queue} has done its task")


def test_what_a_killed_worker_was_doing_is_done_again_and_told_once(celery_setup: OurSetup, host: SilentHost) -> None:
    assert celery_setup.ready(docker=True)
    celery_setup.app.send_task("patrol", args=[["disk"]])
    until(host.visited.is_set, "the worker looks at the host")
    until(lambda: celery_setup.under_way("detect") == 1, "nothing but that sweep is under way")

    celery_setup.worker.kill()
    assert celery_setup.worker.container.status == "exited"
    assert (celery_setup.left("incidents"), celery_setup.under_way("detect")) == (0, 1)

    host.close()
    _age(celery_setup, "detect", 2 * LONGEST_TASK)
    celery_setup.worker.restart()
    until(lambda: celery_setup.left("incidents") == 1, "the sweep is done again and handed on")
    until(lambda: celery_setup.under_way("detect") == 0, "it is acknowledged")
    sings(celery_setup, "detect")
    assert celery_setup.left("incidents") == 1
    assert celery_setup.left("detect") == 0


def _age(setup: OurSetup, queue: str, seconds: float) -> None:
    """Let the un-acknowledged messages be as old as if that much time had passed: redelivery waits for the longest task twice."""
    index = f"{queue}.unacked_index"
    for tag, at in setup.redis.zrange(index, 0, -1, withscores=True):
        setup.redis.zadd(index, {tag: at - seconds})


def test_a_worker_goes_on_when_its_broker_was_restarted(celery_setup: OurSetup) -> None:
    assert celery_setup.ready(docker=True)
    sings(celery_setup, "detect")
    before = celery_setup.worker.container._container.pid

    celery_setup.broker.kill()
    celery_setup.broker.restart()
    sings(celery_setup, "detect")
    assert celery_setup.worker.container._container.pid == before


def test_what_waits_in_a_queue_outlives_broker_and_worker(celery_setup: OurSetup) -> None:
    assert celery_setup.ready(docker=True)
    celery_setup.worker.kill()
    celery_setup.redis.delete(KEY + canary("detect"))
    celery_setup.app.send_task("canary_detect")
    celery_setup.broker.restart()
    assert celery_setup.left("detect") == 1

    celery_setup.worker.restart()
    until(lambda: celery_setup.redis.exists(KEY + canary("detect")), "the message that waited is done")


@pytest.mark.parametrize("accounts", [(("remediation", "detect"),)])
def test_a_detection_container_that_was_taken_over_cannot_drain_remediation(
    celery_setup: OurSetup, start_worker: Callable[[str, str], CeleryTestWorker]
) -> None:
    celery_setup.app.send_task("canary_remediation")
    until(lambda: _refused(celery_setup, "detect", "remediation"), "the server refuses it the queue")
    assert celery_setup.left("remediation") == 1
    assert not celery_setup.redis.exists(KEY + canary("remediation"))

    celery_setup.worker.kill()
    start_worker("remediation", "remediation")
    until(lambda: celery_setup.left("remediation") == 0, "its owner takes the message")
    until(lambda: celery_setup.redis.exists(KEY + canary("remediation")), "and does it")


def _refused(setup: OurSetup, account: str, key: str) -> bool:
    """Whether the server has written down that the account wanted the key and did not get it."""
    return any(
        entry["username"] == account and entry["reason"] == "key" and key in entry["object"]
        for entry in setup.redis.acl_log()
    )


def test_nobody_controls_a_worker_from_afar(celery_setup: OurSetup) -> None:
    assert celery_setup.ready(docker=True)
    sings(celery_setup, "detect")
    before = celery_setup.worker.container._container.pid

    assert celery_setup.app.control.ping(timeout=1) == []
    celery_setup.app.control.shutdown()
    celery_setup.app.control.rate_limit("canary_detect", "1/h")
    sings(celery_setup, "detect")
    sings(celery_setup, "detect")
    assert celery_setup.worker.container._container.pid == before


def test_the_accounts_of_workers_cannot_even_say_it(celery_setup: OurSetup, place: Any) -> None:
    password = (place / "redis" / "detect.password").read_text().strip()
    with (
        celery_setup.redis as looking,
        type(looking)(port=celery_setup.broker.container.port, username="detect", password=password) as client,
    ):
        assert client.ping()
        with pytest.raises(NoPermissionError):
            client.publish("/0.celery.pidbox", "{}")
