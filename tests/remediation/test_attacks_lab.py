"""The attack corpus against the executor itself: every playbook is handed texts that its manifest would never let through.

Check mode only, on a real host: a permit that is gone stops the run right after it.
"""

import time
from pathlib import Path
from typing import Any

import pytest

from aiops.domain.host import Host
from aiops.ports import Claim
from aiops.remediations import SHIPPED, load
from tests.attacks import example
from tests.plans import NOON, approved
from tests.remediation.fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(300)]

MARK = "/tmp/aiops-was-executed"
TEXT = (
    f"{{{{ lookup('pipe', 'touch {MARK}') }}}}{{% set x = lookup('pipe', 'touch {MARK}') %}}"
    f"$(touch {MARK})`touch {MARK}`;touch {MARK};|touch {MARK}\n- ansible.builtin.command: touch {MARK}\n"
    f'!!python/object/apply:os.system ["touch {MARK}"]'
)
"""Template, shell and YAML in one text: what any of them would do leaves the same file."""
CATALOGUE = load(SHIPPED)


def hostile(name: str) -> dict[str, Any]:
    entry = CATALOGUE[name]
    values: dict[str, Any] = dict(example(entry))
    for param, spec in entry.params.items():
        if spec.type in ("str", "list"):
            values[param] = [TEXT] if spec.type == "list" else TEXT
        elif param not in values and spec.default is not None:
            values[param] = spec.default
    return values


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.params])
def test_the_executor_takes_no_text_for_a_template_or_a_command(fleet: Fleet, name: str) -> None:
    plan = approved(remediation=name, hosts=(fleet.name,), params=hostile(name), timeout=120)
    host = Host(name=fleet.name, address=fleet.state["hosts"][fleet.name]["address"])
    fleet.gate.open = False
    try:
        claim = Claim(plan.plan.id, time.time_ns(), NOON, (fleet.name,))
        outcome = fleet.executor.run(plan, CATALOGUE[name], [host], claim, lambda: True)
    finally:
        fleet.gate.open = True
    assert outcome.started_at is None
    assert outcome.recap, "the playbook was really played"
    assert not fleet.inside.exists(MARK), "executed on the host"
    assert not Path(MARK).exists(), "executed on this side"
