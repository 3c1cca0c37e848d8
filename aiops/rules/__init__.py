"""Known judgements: rules as data (``<tier>.yml``), and the plain code that asks them. No token, no network, no surprise.

The tiers are asked in this order, and within one the first rule that matches decides: ``guard`` (a human, whatever else might
fit), ``benign`` (dropped), ``fix`` (a playbook) and ``default`` (what is left). Text that talks to us is nobody's but a human's.
"""

from pathlib import Path

from aiops.rules.loading import load
from aiops.rules.matching import SUSPICIOUS, judge
from aiops.rules.old_system import old_work
from aiops.rules.policies import POLICIES, Case, load_cases, load_policy
from aiops.rules.reading import FOREIGN, spoken

SHIPPED = Path(__file__).parent
"""The rules of this repository."""

__all__ = [
    "FOREIGN",
    "POLICIES",
    "SHIPPED",
    "SUSPICIOUS",
    "Case",
    "judge",
    "load",
    "load_cases",
    "load_policy",
    "old_work",
    "spoken",
]
