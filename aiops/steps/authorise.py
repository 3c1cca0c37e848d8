"""authorise: from a verdict to a plan, and from a plan to a decision by policy."""

from datetime import timedelta

from aiops.domain.fact import new_id
from aiops.domain.finding import Finding
from aiops.domain.handover import Handover
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.plan import Plan
from aiops.domain.policy import Decision
from aiops.domain.remediation import Remediation
from aiops.domain.verdict import Verdict
from aiops.errors import AiopsError, RefusedError, UnknownError
from aiops.ports import IncidentServices
from aiops.remediations import resolve
from aiops.steps.approve import approve_automatically
from aiops.steps.attest import attest
from aiops.steps.audits import enough_audits
from aiops.steps.autonomy import restrain
from aiops.steps.bound import bound, fills
from aiops.steps.dispatch import dispatch
from aiops.steps.doubt import doubt
from aiops.steps.known_fixes import candidates
from aiops.steps.outbox import whole
from aiops.steps.quiet import caution, notices
from aiops.steps.record import happened, move
from aiops.steps.session import begin_session
from aiops.steps.shadow import shade, would_have_done


def authorise(verdict: Verdict, services: IncidentServices) -> Handover:
    """Take the first verdict of an incident and do what it says, as far as policy allows.

    A doubled message finds the incident moved on and changes nothing. A verdict that comes late reopens what was escalated
    only because no model had answered, and nothing else.
    """
    verdict = verdict.model_copy(update={"playbook": resolve(services.catalogue, verdict.playbook)})
    if verdict.attempts:
        services.ledger.book(verdict.incident, verdict.attempts)
    incident = services.ledger.get(verdict.incident)
    verdict = attest(verdict, incident, services)
    if incident.state is State.ESCALATED:
        return _late(incident, verdict, services)
    services.ledger.store_verdict(verdict)
    if services.ledger.under_way(incident.id):
        return Handover()
    if incident.state is State.TRIAGED:
        return _act_on(incident, services.ledger.verdict(incident.id) or verdict, services)
    return _take(incident, State.NEW, verdict, services)


def _late(incident: Incident, verdict: Verdict, services: IncidentServices) -> Handover:
    """A model has answered after all. Its silence, said again, changes nothing: the human knows.

    Neither does an answer once there is a plan: then the human has taken it over.
    """
    known = services.ledger.verdict(incident.id)
    taken_over = services.ledger.plan_of(incident.id) is not None
    if known is None or not known.unanswered or verdict.unanswered or taken_over:
        return Handover()
    return _take(incident, State.ESCALATED, verdict, services)


def _take(incident: Incident, before: State, verdict: Verdict, services: IncidentServices) -> Handover:
    text = f"{verdict.action} by {verdict.source}: {verdict.reason}{_turns(verdict)}"
    triaged = move(incident, (before,), State.TRIAGED, "triage", text, services)
    if triaged is None:
        return Handover()
    # After the move: a crash between the two leaves the old verdict, which escalates again and is asked about again.
    services.ledger.replace_verdict(verdict)
    _publish(triaged, verdict, text, services)
    return _act_on(triaged, verdict, services)


def _turns(verdict: Verdict) -> str:
    """Who was asked, for how long and for how much, in a line's worth of words."""
    asked = [attempt for attempt in verdict.attempts if attempt.asked]
    if not asked:
        return ""
    cost = sum(attempt.cost or 0.0 for attempt in asked)
    unknown = ", and an answer whose price nobody knows" if any(attempt.cost is None for attempt in asked) else ""
    turns = ", ".join(f"{attempt.provider} {attempt.outcome} {attempt.seconds:.1f} s" for attempt in asked)
    return f" [{turns}; {cost:.4f} EUR{unknown}]"


def plan_for(incident: Incident, playbook: str, services: IncidentServices) -> Plan:
    """The plan for the incident's hosts that share the lead finding's parameters.

    :raises UnknownError: the playbook is not in the catalogue, or fixes nothing of this incident
    :raises RefusedError: a parameter is not what its manifest allows
    """
    remediation = services.catalogue.get(playbook)
    if remediation is None:
        raise UnknownError("playbook", playbook, "`aiops playbooks` lists them")
    fixable = [finding for finding in incident.findings if remediation.fix_for(finding.kind, finding.subject)]
    if not fixable:
        kinds = ", ".join(dict.fromkeys(fix.kind for fix in remediation.fixes))
        raise UnknownError("finding that it fixes", playbook, f"it repairs {kinds or 'no finding'}")
    # The first whose parameters are known: a certificate's file says less than the endpoint that serves it.
    lead = next((finding for finding in fixable if fills(remediation, finding, services)), fixable[0])
    params = bound(remediation, lead, services)
    alike = [
        finding
        for finding in fixable
        if finding.kind == lead.kind
        and fills(remediation, finding, services)
        and bound(remediation, finding, services) == params
    ]
    now = services.clock()
    return Plan(
        id=new_id("plan", now),
        incident=incident.id,
        remediation=playbook,
        playbook_digest=remediation.digest,
        hosts=tuple(dict.fromkeys(finding.host for finding in alike)),
        params=params,
        risk=remediation.risk,
        rationale=f"{remediation.title} because: {lead.summary}",
        verify=tuple(dict.fromkeys((*remediation.verify, *(finding.detector for finding in incident.states)))),
        timeout=remediation.timeout,
        created_at=now,
        expires_at=now + timedelta(seconds=services.policy.plan_lifetime),
    )


def decide(
    incident: Incident, plan: Plan, remediation: Remediation, services: IncidentServices, *, asked: bool = False
) -> tuple[Decision, str]:
    """Policy's answer for the plan, limited by the autonomy ladder; frozen means a human is asked.

    ``asked``: a human wants this plan himself.
    """
    decision, reason = _by_policy(incident, plan, remediation, services, asked=asked)
    why = shade(fixed(incident, remediation), services)
    if not why:
        return decision, reason
    word = {"auto": "would have been run", "ask": "would have been asked about", "never": "would not have been run"}
    text = f"{plan.remediation} on {', '.join(plan.hosts)} {word[decision]} ({reason})"
    would_have_done(incident.id, incident.severity, text, services)
    return "never", f"in shadow, {why}: {text}"


def fixed(incident: Incident, remediation: Remediation) -> list[Finding]:
    """The findings that the playbook is for; all of them where somebody wants it for none."""
    kinds = {fix.kind for fix in remediation.fixes}
    return [finding for finding in incident.findings if finding.kind in kinds] or list(incident.findings)


def _by_policy(
    incident: Incident, plan: Plan, remediation: Remediation, services: IncidentServices, *, asked: bool
) -> tuple[Decision, str]:
    hosts = [services.inventory.find(name) for name in plan.hosts]
    kinds = [finding.kind for finding in incident.findings if finding.kind in {fix.kind for fix in remediation.fixes}]
    decision, reason = services.policy.decide(
        kinds, remediation, hosts, incident.severity, relapse=bool(incident.relapse_of), at=services.clock()
    )
    limited, limit = restrain(decision, remediation.id, hosts, services, asked=asked)
    if limit:
        return limited, limit
    if decision == "auto" and remediation.risk == "read_only" and (why := enough_audits(plan, services)):
        return "never", f"not audited by itself: {why}"
    frozen = services.ledger.frozen()
    if decision == "auto" and frozen:
        return "ask", f"frozen by {frozen}"
    against = (caution(incident, services) or doubt(incident, services)) if decision == "auto" else ""
    if against:
        return "ask", against
    return decision, reason


def await_approval(
    incident: Incident, plan: Plan, reason: str, services: IncidentServices, *, awake: bool = False
) -> Handover:
    """Park the plan until a human says yes or no, and tell the human; in quiet hours only one who is ``awake``."""
    if why := shade(incident.findings, services):
        would_have_done(incident.id, incident.severity, f"{plan.remediation} would have been asked about", services)
        return escalate(incident, "authorise", f"in shadow, {why}: {plan.remediation} is not asked about", services)
    before = (State.TRIAGED, State.ESCALATED, State.REMEDIATING)
    until = None if awake else services.policy.quiet_until(services.clock())
    text = f"waiting for approval ({reason}): {plan.remediation} on {', '.join(plan.hosts)}"
    if until:
        text += f"; nobody is asked before {until:%H:%M} UTC"
    with whole(services) as inside:
        waiting = move(incident, before, State.AWAITING_APPROVAL, "authorise", text, inside)
        if waiting is None:
            return Handover()
        if until:
            inside.ledger.hold(incident.id, until)
            happened(waiting, "plan.held", text, inside, plan=plan.model_dump(mode="json"), digest=plan.digest)
            return Handover()
        return _asked(waiting, plan, text, inside)


def ask(incident: Incident, plan: Plan, reason: str, services: IncidentServices) -> Handover:
    """Tell the human about a plan of an incident that waits already."""
    text = f"waiting for approval ({reason}): {plan.remediation} on {', '.join(plan.hosts)}"
    with whole(services) as inside:
        inside.ledger.note(incident.id, Entry(at=services.clock(), step="authorise", text=text))
        return _asked(incident, plan, text, inside)


def start(incident: Incident, plan: Plan, reason: str, services: IncidentServices) -> Handover:
    """Approve by policy, and sign."""
    approve_automatically(plan, services)
    happened(
        incident,
        "plan.approved",
        f"{plan.remediation} on {', '.join(plan.hosts)}: {reason}",
        services,
        plan=plan.id,
        by="policy",
    )
    return dispatch(plan.id, services)


def _asked(incident: Incident, plan: Plan, text: str, services: IncidentServices) -> Handover:
    notice = happened(
        incident,
        "plan.made",
        f"{text}. Approve with: aiops approve {incident.id}",
        services,
        plan=plan.model_dump(mode="json"),
        digest=plan.digest,
    )
    return Handover(notices=notices(incident, notice, services))


def escalate(incident: Incident, step: str, reason: str, services: IncidentServices) -> Handover:
    """Hand the incident to a human."""
    before = tuple(state for state in State if state.open and state is not State.ESCALATED)
    with whole(services) as inside:
        escalated = move(incident, before, State.ESCALATED, step, reason, inside)
        if escalated is None:
            return Handover()
        notice = happened(escalated, "incident.escalated", f"{escalated.title}: {reason}", inside)
        return Handover(notices=notices(escalated, notice, inside))


def _publish(incident: Incident, verdict: Verdict, text: str, services: IncidentServices) -> None:
    """The verdict, with the operator's word for the action: his subscribers know three and not four."""
    happened(
        incident,
        "verdict.given",
        text,
        services,
        action="spawn_claude" if verdict.action in {"remediate", "investigate"} else verdict.action,
        verdict=verdict.action,
        playbook=verdict.playbook,
        reason=verdict.reason,
        confidence=verdict.confidence,
        evidence=list(verdict.evidence),
        judged_by=verdict.source,
        related_hosts=list(incident.hosts),
    )


def _act_on(incident: Incident, verdict: Verdict, services: IncidentServices) -> Handover:
    if verdict.action == "drop":
        move(incident, (State.TRIAGED,), State.SUPPRESSED, "authorise", f"dropped: {verdict.reason}", services)
        return Handover()
    if verdict.action != "remediate":
        return _no_repair(incident, verdict, services)
    try:
        plan = plan_for(incident, verdict.playbook, services)
        decision, reason = decide(incident, plan, services.catalogue[plan.remediation], services)
    except AiopsError as error:
        return escalate(incident, "authorise", f"{verdict.playbook} cannot be planned: {error}", services)
    services.ledger.store_plan(plan)
    text = f"plan {plan.id}: {plan.remediation} on {', '.join(plan.hosts)} with {plan.params}; {reason}"
    services.ledger.note(incident.id, Entry(at=services.clock(), step="authorise", text=text))
    if decision == "never":
        return escalate(incident, "authorise", reason, services)
    if decision == "ask":
        return await_approval(incident, plan, reason, services)
    return start(incident, plan, reason, services)


def _no_repair(incident: Incident, verdict: Verdict, services: IncidentServices) -> Handover:
    """An agent looks closer where one is wanted and set up; else a human."""
    if verdict.action != "investigate" or services.sessions is None or shade(incident.findings, services):
        return escalate(incident, "authorise", verdict.reason, services)
    try:
        return begin_session(incident, verdict.source, verdict.reason, services)
    except RefusedError as refusal:
        return escalate(incident, "authorise", f"{verdict.reason} (no agent looks: {refusal.text})", services)


def replan(incident: str, playbook: str, services: IncidentServices) -> tuple[Plan, Handover]:
    """A human asks for a new plan: with the playbook named, or the one of the verdict. It still needs an approval.

    :raises UnknownError: no such incident, or no playbook to plan with
    :raises RefusedError: policy or the incident's state forbids it
    """
    known = services.ledger.get(incident)
    verdict = services.ledger.verdict(incident)
    name = resolve(services.catalogue, playbook or (verdict.playbook if verdict else ""))
    if not name:
        fitting = (
            ", ".join(remediation.id for remediation, _, _ in candidates(known, services)) or "none in the catalogue"
        )
        raise UnknownError("playbook in the verdict of", incident, f"name one with --playbook; fitting: {fitting}")
    if known.state not in {State.ESCALATED, State.AWAITING_APPROVAL}:
        raise RefusedError(
            "state", f"{incident} is {known.state.value}; only what waits for a human can be planned anew"
        )
    made = plan_for(known, name, services)
    decision, reason = decide(known, made, services.catalogue[name], services, asked=True)
    if decision == "never":
        raise RefusedError("policy", reason)
    services.ledger.store_plan(made)
    if known.state is State.AWAITING_APPROVAL:
        services.ledger.note(incident, Entry(at=services.clock(), step="authorise", text=f"new plan {made.id}: {name}"))
        return made, Handover()
    return made, await_approval(known, made, "a human asked for it", services, awake=True)
