"""Whether a skill is about a finding."""

import re

from aiops.domain.finding import Finding
from aiops.domain.skill import Skill


def fits(skill: Skill, finding: Finding, role: str) -> bool:
    """Its kind is named and every condition holds. What is not known fulfils no condition."""
    known = {"role": role, "detector": finding.detector}
    known |= {f"evidence.{key}": str(value) for key, value in finding.evidence.items() if value is not None}
    return finding.kind in skill.kinds and all(
        re.fullmatch(pattern, known.get(place, "")) is not None for place, pattern in skill.conditions.items()
    )
