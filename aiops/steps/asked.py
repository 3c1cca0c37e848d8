"""What a human asks for without a trouble behind it: an incident of its own, so that it is planned, approved and recorded.

It holds no state, only the occurrence that somebody asked: no detector could find it gone. It ends when its plan has ended well,
or when the human puts it away.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from aiops.domain.fact import new_id
from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.plan import Plan
from aiops.domain.remediation import ParamValue, Remediation
from aiops.domain.severity import Severity
from aiops.ports import IncidentServices
from aiops.steps.record import happened, move

ASKED = "request"
"""The detector of what humans ask for: no detection worker knows it."""
PLAYBOOK, UNDO = "request.playbook", "request.undo"


def open_asked(
    kind: str, subject: str, hosts: Sequence[str], text: str, who: str, services: IncidentServices
) -> Incident:
    """A new incident that says who asked for what on which hosts; it stands where a verdict would have put it."""
    now = services.clock()
    findings = tuple(
        Finding(
            kind=kind,
            detector=ASKED,
            host=host,
            subject=subject,
            severity=Severity.INFO,
            summary=text,
            persistence="occurrence",
            cursor=now.isoformat(),
            evidence={"who": who},
            seen_at=now,
        )
        for host in hosts
    )
    incident = Incident(
        id=new_id("inc", now),
        state=State.NEW,
        severity=Severity.INFO,
        title=f"{text} on {', '.join(hosts)}",
        findings=findings,
        opened_at=now,
        changed_at=now,
        last_seen_at=now,
    )
    services.ledger.open(incident, Entry(at=now, step=ASKED, text=text, state=State.NEW, who=who))
    happened(incident, "incident.opened", incident.title, services, findings=[kind], who=who)
    return move(incident, (State.NEW,), State.TRIAGED, ASKED, "a human asked for it", services, who=who) or incident


def plan_asked(
    incident: Incident,
    remediation: Remediation,
    params: Mapping[str, ParamValue],
    rationale: str,
    services: IncidentServices,
) -> Plan:
    """The plan, kept; ``params`` are checked and whole."""
    now = services.clock()
    plan = Plan(
        id=new_id("plan", now),
        incident=incident.id,
        remediation=remediation.id,
        playbook_digest=remediation.digest,
        hosts=incident.hosts,
        params=dict(params),
        risk=remediation.risk,
        rationale=rationale,
        verify=remediation.verify,
        timeout=remediation.timeout,
        created_at=now,
        expires_at=now + timedelta(seconds=services.policy.plan_lifetime),
    )
    services.ledger.store_plan(plan)
    return plan


def asked_for(incident: Incident) -> bool:
    """Whether there is nothing behind it but that somebody asked."""
    return not incident.states and incident.findings[0].detector == ASKED


def finish(incident: Incident, plan: Plan, services: IncidentServices) -> Handover:
    """Its plan has ended well, and the playbook has proved that itself: there was no trouble that a detector could look for."""
    text = f"{plan.remediation} succeeded, as was asked for; nothing is left to do"
    if incident.state is State.REMEDIATING:
        move(incident, (State.REMEDIATING,), State.VERIFYING, "settle", f"{plan.remediation} succeeded", services)
    move(incident, (State.VERIFYING, State.ESCALATED), State.RESOLVED, "close", text, services)
    return Handover()
