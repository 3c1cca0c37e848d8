"""The paper trail of CT196: what the execution ledger says has ended is written up, committed and pushed.

The ledger is the queue: a worker killed between the end of a run and its record writes it up when it is back.
"""

import hashlib
import json
from zoneinfo import ZoneInfo

from aiops.condense.scrub import scrub, scrub_tree
from aiops.domain.event import Event
from aiops.domain.outcome import Outcome
from aiops.domain.plan import ApprovedPlan
from aiops.domain.record import Pushed, Record
from aiops.domain.remediation import Remediation
from aiops.domain.severity import Severity
from aiops.errors import LedgerBusyError
from aiops.ports import RemediationServices

AT_ONCE = 20
"""Records of one round, so that a long outage does not become one long round."""


def file_records(services: RemediationServices) -> None:
    """One round: write up what has ended, then push. A trouble is an event when it begins and when it is over."""
    if services.records is None:
        return
    try:
        for approved, outcome in services.executions.unfiled(AT_ONCE):
            file, transcript = services.records.keep(write_up(approved, outcome, services))
            services.executions.file(approved.plan.id, file, transcript, services.clock())
        pushed = services.records.push()
    except LedgerBusyError as error:
        pushed = Pushed(waiting=len(services.executions.unfiled(AT_ONCE)), reason=str(error))
    before = services.executions.note_push(pushed, services.clock())
    if pushed.reason and not before.reason:
        _tell("records.waiting", Severity.WARNING, f"records wait here: {pushed.reason}", pushed, services)
    elif pushed.sent:
        _tell("records.pushed", Severity.INFO, f"{pushed.sent} commits of records have arrived", pushed, services)


def write_up(approved: ApprovedPlan, outcome: Outcome, services: RemediationServices) -> Record:
    """The transcript in both forms and the journal's entry, without secrets. The same run always gives the same texts."""
    plan = approved.plan
    lines = _lines(approved, outcome)
    local = outcome.finished_at.astimezone(ZoneInfo(services.timezone))
    title = f"{plan.remediation} on {', '.join(plan.hosts)}: {outcome.status}"
    markdown = scrub(_markdown(approved, outcome, lines))
    head = services.executions.audit_head()
    return Record(
        incident=plan.incident,
        plan=plan.id,
        at=outcome.finished_at,
        month=f"{local:%Y-%m}",
        name=f"{outcome.finished_at:%Y-%m-%d-%H%M%S}-{plan.incident}-{plan.id}",
        title=title,
        markdown=markdown,
        lines=lines,
        entry=_entry(approved, outcome, f"{local:%Y-%m-%d %H:%M}", markdown, services) if _changed(outcome) else "",
        trailers=(f"Incident: {plan.incident}", f"Plan: {plan.id}", f"Audit: {head}"),
    )


def _changed(outcome: Outcome) -> bool:
    """Whether it may have changed a host: the run began, or nobody saw the end."""
    return outcome.started_at is not None or outcome.status == "unknown"


def _lines(approved: ApprovedPlan, outcome: Outcome) -> str:
    said = outcome.model_dump(mode="json", exclude={"transcript", "changes"})
    facts = (
        {"what": "plan", **approved.plan.model_dump(mode="json"), "digest": approved.plan.digest},
        {"what": "approval", **approved.approval.model_dump(mode="json", exclude={"nonce"})},
        {"what": "check", "changes": outcome.changes},
        *({"what": "line", "n": n, "text": line} for n, line in enumerate(outcome.transcript.splitlines(), start=1)),
        {"what": "outcome", **said},
    )
    return "".join(json.dumps(scrub_tree(fact), ensure_ascii=False, sort_keys=True) + "\n" for fact in facts)


def _markdown(approved: ApprovedPlan, outcome: Outcome, lines: str) -> str:
    plan, approval = approved.plan, approved.approval
    body = (
        outcome.transcript or f"# {plan.remediation}\n\nNobody wrote a transcript: {outcome.reason or 'it never ran'}"
    )
    facts = [
        f"- incident {plan.incident}, plan {plan.id}, digest {plan.digest}",
        f"- {plan.remediation} on {', '.join(plan.hosts)} with {json.dumps(scrub_tree(plan.params), sort_keys=True)}",
        f"- why: {plan.rationale}",
        f"- approved by {approval.by} ({approval.mode}) at {approval.at:%Y-%m-%d %H:%M:%S} UTC",
        f"- ended {outcome.status} at {outcome.finished_at:%Y-%m-%d %H:%M:%S} UTC{f': {outcome.reason}' * bool(outcome.reason)}",
        f"- the same as JSON lines has the SHA-256 {hashlib.sha256(lines.encode()).hexdigest()}",
    ]
    return "\n".join([body.rstrip(), "", "## Record", "", *facts, ""])


def _entry(approved: ApprovedPlan, outcome: Outcome, when: str, markdown: str, services: RemediationServices) -> str:
    plan, approval = approved.plan, approved.approval
    known = services.catalogue.get(plan.remediation)
    lines = [
        f"## {when} · {plan.remediation} on {', '.join(plan.hosts)} · {outcome.status}",
        "",
        f"- who: CT196, approved by {approval.by} ({approval.mode})",
        f"- why: {_line(plan.rationale)}",
        f"- evidence: {plan.incident}, {plan.id}, transcript SHA-256 {hashlib.sha256(markdown.encode()).hexdigest()}",
        f"- undo: {_undo(plan.incident, known)}",
        "",
        "",
    ]
    return scrub("\n".join(lines))


def _undo(incident: str, known: Remediation | None) -> str:
    if known is None:
        return "the catalogue no longer has this playbook"
    command = f"`aiops undo {incident}`; " if known.undo else ""
    return command + _line(known.rollback)


def _line(text: str) -> str:
    return " ".join(text.split())


def _tell(kind: str, severity: Severity, text: str, pushed: Pushed, services: RemediationServices) -> None:
    services.events.publish(
        Event(
            source="claude",
            cron="guardian-records",
            severity=severity,
            timestamp=services.clock(),
            host="ct196",
            symptom=text,
            type=kind,
            context={"sent": pushed.sent, "waiting": pushed.waiting, "reason": pushed.reason},
        )
    )
