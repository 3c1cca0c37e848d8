"""Writes a skill down from what was recorded. Only facts: what happened, what fixed it, what proved it."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from aiops.domain.finding import Finding
from aiops.domain.remediation import Remediation
from aiops.domain.skill import Lesson


def name_of(kind: str, playbook: str) -> str:
    """One skill per kind and playbook, so that a second success refines the first and makes no second skill."""
    return re.sub(r"[^a-z0-9]+", "-", f"{playbook}-for-{kind}".lower()).strip("-")[:64].strip("-")


def draft(finding: Finding, remediation: Remediation, roles: Sequence[str], lesson: Lesson) -> str:
    """The text of the skill, with the record it stands on. Nothing in it was said by a machine: no evidence is quoted."""
    fix = next(fix for fix in remediation.fixes if fix.kind == finding.kind)
    conditions: dict[str, Any] = {"detector": re.escape(finding.detector)}
    if roles:
        conditions["role"] = "|".join(re.escape(role) for role in sorted(set(roles)))
    front = {
        "name": lesson.name,
        "description": f"{remediation.title} when {finding.detector} finds {finding.kind}. Learned from verified repairs.",
        "metadata": {
            "kinds": [finding.kind],
            "conditions": conditions,
            "playbook": remediation.id,
            "parameters": dict(fix.params),
        },
    }
    where = f" on hosts of role {', '.join(sorted(set(roles)))}" if roles else ""
    relapses = ", ".join(lesson.relapses) or "none so far"
    return (
        f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=110)}---\n"
        f"# {remediation.title} for {finding.kind}\n\n"
        f"## When to use\n\nThe guardian {finding.detector} reports `{finding.kind}`{where}.\n\n"
        f"## Procedure\n\nThe playbook `{remediation.id}`, with the parameters that its manifest takes from the finding. "
        f"{remediation.description}\n\n"
        f"## Pitfalls\n\nRollback: {remediation.rollback}\nRelapses: {relapses}.\n\n"
        f"## Verification\n\n{', '.join(remediation.verify)} must look again and find it gone.\n"
        f"Verified successes: {len(lesson.successes)} ({', '.join(lesson.successes)}).\n"
    )
