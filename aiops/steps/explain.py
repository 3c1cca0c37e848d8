"""explain: why it was decided so, in words, from the record alone."""

from collections.abc import Iterator, Sequence

from aiops.domain.fact import iso
from aiops.domain.finding import Finding
from aiops.domain.incident import Incident, State
from aiops.domain.plan import Plan
from aiops.domain.rule import Judgement
from aiops.domain.verdict import Verdict
from aiops.ports import IncidentServices
from aiops.rules import SUSPICIOUS


def explain(incident: str, services: IncidentServices) -> Sequence[str]:
    """One sentence a line: what was seen, who judged and by what, what was planned, who allowed it, what came of it.

    :raises UnknownError: no such incident
    """
    known = services.ledger.get(incident)
    verdict, plan = services.ledger.verdict(incident), services.ledger.plan_of(incident)
    lines = [*_seen(known)]
    lines += _judged(known, verdict, services) if verdict else ["Nobody has judged it yet."]
    if plan:
        lines += [*_planned(known, plan, services), *_allowed(known, plan, services), *_came_of(plan, services)]
    return [*lines, *_stands(known, services)]


def _seen(incident: Incident) -> Iterator[str]:
    for finding in incident.findings:
        sort = "state" if finding.persistence == "state" else "evidence"
        yield (
            f"{finding.detector} saw {finding.kind} on {finding.host} at {iso(finding.seen_at)} "
            f"({finding.severity.value}, {sort}): {finding.summary}"
        )
    if len(incident.findings) > 1:
        causes = sorted({finding.cause for finding in incident.findings if finding.cause})
        tie = f"they share the cause {', '.join(causes)}" if causes else "they were found together"
        yield f"These {len(incident.findings)} findings are one incident because {tie}."
    if incident.relapse_of:
        yield f"It is a relapse of {incident.relapse_of}: the same trouble came back after that repair."


def _judged(incident: Incident, verdict: Verdict, services: IncidentServices) -> Iterator[str]:
    yield f"The verdict was {verdict.action}{f' with {verdict.playbook}' if verdict.playbook else ''}: {verdict.reason}."
    yield _judge(incident, verdict, services)
    cited = [finding for finding in incident.findings if finding.fingerprint in verdict.evidence]
    if cited:
        yield f"It rests on {'; '.join(_cited(finding) for finding in cited)}."


def _judge(incident: Incident, verdict: Verdict, services: IncidentServices) -> str:
    sort, _, name = verdict.source.partition(":")
    if sort == "rule":
        return _by_rule(incident, verdict, name, services)
    if sort == "skill":
        lesson = services.ledger.lesson(name)
        record = f"{len(lesson.successes)} verified successes, {len(lesson.relapses)} relapses" if lesson else "shipped"
        return f"No model was asked: the skill {name} was learned for this ({record})."
    if sort == "llm":
        return f"The model {name} judged, with {verdict.confidence} confidence, since no rule and no skill knew this."
    return "Neither a rule nor a skill knew this, and no model gave a usable answer: so a human."


def _by_rule(incident: Incident, verdict: Verdict, name: str, services: IncidentServices) -> str:
    if name == SUSPICIOUS:
        return "No model was asked: text that talks to whoever judges decides nothing, and reaches no model."
    rule = next((rule for rule in services.rules if rule.id == name), None)
    if rule:
        return f"No model was asked: the rule {name} ({rule.tier}.yml) knows this. It holds: {_conditions(rule)}."
    if name == verdict.playbook:
        kinds = {finding.kind for finding in incident.findings}
        fixes = services.catalogue[name].fixes if name in services.catalogue else ()
        fix = next((fix for fix in fixes if fix.kind in kinds), None)
        said = f"names {fix.kind} with precedence {fix.precedence}" if fix else "named its kind"
        return f"No model was asked: the manifest of {name} {said}, and no other playbook fits better."
    return f"No model was asked: the rule {name} decided, which is not among today's rules."


def _conditions(rule: Judgement) -> str:
    given = rule.model_dump(mode="json", exclude_defaults=True)
    words = {key: value for key, value in given.items() if key not in {"id", "tier", "action", "severity", "reason"}}
    return "; ".join(f"{key} {value}" for key, value in words.items()) or "always"


def _planned(incident: Incident, plan: Plan, services: IncidentServices) -> Iterator[str]:
    yield f"The plan {plan.id} was {plan.remediation} on {', '.join(plan.hosts)} (risk {plan.risk})."
    remediation = services.catalogue.get(plan.remediation)
    kinds = {finding.kind for finding in incident.findings}
    fix = next((fix for fix in remediation.fixes if fix.kind in kinds), None) if remediation else None
    for name, value in plan.params.items():
        source = fix.params.get(name, "the manifest's default") if fix else "the manifest"
        yield f"Its parameter {name} is {value!r}, from {source if source[:1] != '=' else 'the manifest'}."


def _allowed(incident: Incident, plan: Plan, services: IncidentServices) -> Iterator[str]:
    for entry in services.ledger.timeline(incident.id):
        if entry.step == "authorise":
            yield f"Policy, at {iso(entry.at)}: {entry.text}."
    approval = services.ledger.approval(plan.id)
    if approval is None:
        yield "Nobody has approved it."
    elif approval.mode == "auto":
        yield f"Policy approved it by itself at {iso(approval.at)}, bound to the digest {approval.plan_digest[:12]}."
    else:
        yield f"{approval.by} approved it at {iso(approval.at)}, bound to the digest {approval.plan_digest[:12]}."


def _came_of(plan: Plan, services: IncidentServices) -> Iterator[str]:
    outcome = services.ledger.outcome(plan.id)
    if outcome is None:
        yield "CT196 has said nothing about it yet."
        return
    if outcome.status == "skipped":
        yield f"CT196 did not start it: {outcome.reason}. Its own limits (the floor) stand above every policy."
        return
    why = f": {outcome.reason}" if outcome.reason else ""
    yield f"CT196 found it within its own limits, started it as fence {outcome.fence}, and it ended {outcome.status}{why}."


def _stands(incident: Incident, services: IncidentServices) -> Iterator[str]:
    moves = [entry for entry in services.ledger.timeline(incident.id) if entry.state is incident.state]
    last = f": {moves[-1].text}" if moves else ""
    by = f" by {moves[-1].who}" if moves and moves[-1].who else ""
    ending = " Only a detector closes." if incident.state is not State.RESOLVED else ""
    yield f"It is {incident.state.value} since {iso(incident.changed_at)}{by}{last}.{ending}"


def _cited(finding: Finding) -> str:
    return f"{finding.kind} {finding.subject} on {finding.host}"
