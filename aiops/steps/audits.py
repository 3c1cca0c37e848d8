"""What a playbook that only looks may do by itself, and how often."""

from datetime import datetime, timedelta
from typing import Final

from aiops.domain.plan import Plan
from aiops.ports import IncidentServices

AUDIT: Final = "audit"
"""The step under which a report stands in a timeline."""
REST: Final = timedelta(hours=1)
A_DAY: Final = 20
AT_ONCE: Final = 3
"""Limits of what is audited by itself: one an hour on a host, three at a time, twenty a day, so that an attack on everything
does not become our own load. From the measured rule for log spikes."""


def only_looks(plan: Plan, services: IncidentServices) -> bool:
    """Whether the plan's playbook changes nothing."""
    remediation = services.catalogue.get(plan.remediation)
    return remediation is not None and remediation.risk == "read_only"


def enough_audits(plan: Plan, services: IncidentServices) -> str:
    """Why nobody should be audited by himself now; empty when nothing speaks against it."""
    now = services.clock()
    ended: list[tuple[datetime, tuple[str, ...]]] = []
    running = 0
    for incident in services.ledger.search(since=now - timedelta(days=1), limit=500):
        known = services.ledger.plan_of(incident.id)
        if known and known.id != plan.id and only_looks(known, services) and services.ledger.approval(known.id):
            running += services.ledger.outcome(known.id) is None
        # The plan of an audit gives way to what was proposed after it; its report stays.
        ended += [(entry.at, incident.hosts) for entry in services.ledger.timeline(incident.id) if entry.step == AUDIT]
    recent = [at for at, hosts in ended if now - at < REST and set(hosts) & set(plan.hosts)]
    if recent:
        return f"{', '.join(plan.hosts)} was audited at {max(recent):%H:%M} UTC already"
    if running >= AT_ONCE:
        return f"{AT_ONCE} audits are at work"
    if len(ended) + running >= A_DAY:
        return f"there were {A_DAY} audits within a day"
    return ""
