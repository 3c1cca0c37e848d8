"""Each process as deployed, idle: what it holds in memory, and that what is heavy or opens a way out is only where it belongs.

How long they take to start is measured by ``make footprint`` and is no test.
"""

import pytest

from bench.footprint import BUDGETS, Footprint, measure

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FOREIGN = {
    "detect": {"ansible", "ansible_runner", "telegram", "flower"},
    "incidents": {"ansible", "ansible_runner", "fabric", "telegram", "flower"},
    "remediation": {"telegram", "flower"},
    "bridge": {"ansible", "ansible_runner", "fabric", "telegram", "flower", "celery", "kombu"},
    "beat": {"ansible", "ansible_runner", "fabric", "telegram", "flower", "paho", "httpx"},
}
"""Beside litellm: what a process has no use for, whether or not it is installed here."""


@pytest.mark.parametrize("name", FOREIGN)
def test_an_idle_process_stays_within_its_memory_and_loads_nothing_of_the_others(name: str) -> None:
    found = measure(name)
    assert found.memory <= BUDGETS[name].mebibytes, shown(found)
    # An import that failed is named by Python as well, so this holds where litellm is not installed.
    assert not found.tried & ({"litellm", "openai"} | FOREIGN[name]), shown(found)
    assert {"pydantic", "redis"} <= found.loaded, shown(found)
    assert found.processes == (3 if name == "remediation" else 1), shown(found)


@pytest.mark.litellm
def test_triage_alone_loads_litellm_and_stays_within_its_memory() -> None:
    found = measure("triage")
    assert "litellm" in found.loaded, shown(found)
    assert found.memory <= BUDGETS["triage"].mebibytes, shown(found)
    assert not found.tried & {"ansible", "ansible_runner", "fabric", "telegram", "flower"}, shown(found)


def shown(found: Footprint) -> str:
    return f"{found.name}: {found.memory:.1f} MiB in {found.processes} processes; loaded: {sorted(found.loaded)}"
