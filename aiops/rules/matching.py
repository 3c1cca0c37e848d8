"""Asks the rules about one finding."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from aiops.domain.finding import Finding
from aiops.domain.rule import Judgement, Ruling
from aiops.domain.severity import Severity
from aiops.rules.reading import FOREIGN, Reading, read

SUSPICIOUS: Final = "text-that-talks-to-us"
"""The one rule that is code: no file of rules can switch it off."""


def judge(
    finding: Finding, rules: Sequence[Judgement], *, role: str = "", playbooks: Collection[str] = ()
) -> Ruling | None:
    """What the first matching rule says; None when no rule knows this.

    ``certain`` is False for a default: it is what is done when nobody knows better.
    """
    foreign = finding.kind.startswith(FOREIGN)
    reading = read(finding, playbooks) if foreign else None
    if reading and reading.suspicion:
        return Ruling(
            rule=SUSPICIOUS,
            action="alert_human",
            severity=_at_least_warning(finding, reading, rules, role),
            reason=f"the text holds {reading.suspicion}: it decides nothing, a human looks",
            guard=True,
        )
    for rule in rules:
        if _matches(rule, finding, reading, role):
            return Ruling(
                rule=rule.id,
                action=rule.action,
                playbook=rule.playbook,
                severity=rule.severity,
                reason=rule.reason,
                certain=rule.tier != "default",
                guard=rule.tier == "guard",
            )
    return None


def _at_least_warning(finding: Finding, reading: Reading, rules: Sequence[Judgement], role: str) -> Severity:
    """The severity of what the machine itself said, and never less than a warning."""
    machine = replace(reading, said=reading.machine, suspicion="", figures=reading.machine_figures)
    for rule in rules:
        if rule.tier != "benign" and _matches(rule, finding, machine, role):
            return max(rule.severity, Severity.WARNING, key=lambda severity: severity.rank)
    return Severity.WARNING


def _matches(rule: Judgement, finding: Finding, reading: Reading | None, role: str) -> bool:
    places = (
        (rule.detectors, finding.detector),
        (rule.kinds, finding.kind),
        (rule.hosts, finding.host),
        (rule.roles, role),
    )
    if not all(not patterns or any(fnmatchcase(value, pattern) for pattern in patterns) for patterns, value in places):
        return False
    if rule.severities and finding.severity not in rule.severities:
        return False
    if reading is None:
        return not _speaks_of_text(rule) and _evidence(rule, finding) and _bounds(rule, _numbers(finding))
    if rule.evidence or (rule.action == "drop" and finding.severity is Severity.CRITICAL):
        return False
    if rule.action == "drop":
        # A stranger's number may keep something from being dropped, and never get it dropped.
        figures = _bounds(rule, reading.machine_figures) and _bounds(rule, reading.figures)
        return figures and _text(rule, reading.machine, reading.said)
    return _bounds(rule, reading.figures) and _text(rule, reading.said, reading.said)


def _speaks_of_text(rule: Judgement) -> bool:
    return bool(rule.all_of or rule.any_of or rule.none_of)


def _evidence(rule: Judgement, finding: Finding) -> bool:
    return all(
        re.fullmatch(pattern, str(finding.evidence.get(key, ""))) is not None for key, pattern in rule.evidence.items()
    )


def _numbers(finding: Finding) -> Mapping[str, float]:
    return {
        key: float(value)
        for key, value in finding.evidence.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _bounds(rule: Judgement, figures: Mapping[str, float]) -> bool:
    return all(limits.hold(figures.get(name)) for name, limits in rule.figures.items())


def _text(rule: Judgement, text: str, everything: str) -> bool:
    """What has to be there is looked for in ``text``, what must not be there in everything."""
    return (
        all(_compiled(pattern).search(text) for pattern in rule.all_of)
        and (not rule.any_of or any(_compiled(pattern).search(text) for pattern in rule.any_of))
        and not any(_compiled(pattern).search(everything) for pattern in rule.none_of)
    )


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)
