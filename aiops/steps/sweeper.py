"""The sweeper: a Celery message is a doorbell, never the record. What the ledger says is open is rung for again.

Bounded: at most ``AT_ONCE`` of each sort per round, each not before ``QUIET`` seconds have passed without news. Where more wait,
the round's are drawn by lot: six that wait for a host that is taken must not keep the seventh from being rung for.
"""

import random
from datetime import timedelta

from aiops.domain.fact import new_id
from aiops.domain.handover import Handover
from aiops.domain.heard import INGEST
from aiops.domain.incident import Incident, State
from aiops.domain.outcome import Outcome
from aiops.domain.sweep import Patrol
from aiops.domain.verdict import UNANSWERED, Verdict
from aiops.ports import IncidentServices
from aiops.steps.authorise import authorise, escalate
from aiops.steps.backup_order import ring_backups
from aiops.steps.baseline import digest
from aiops.steps.blindness import WATCH
from aiops.steps.conclude import again_session
from aiops.steps.consider import consider, question
from aiops.steps.dispatch import dispatch
from aiops.steps.held import ask_held
from aiops.steps.settle import ask_to_verify, renew, settle
from aiops.steps.storm import watch_storm
from aiops.steps.tell import tell_again

AT_ONCE = 6
QUIET = timedelta(seconds=20)
TRIAGE_PATIENCE = timedelta(seconds=120)
"""A question that was not answered for so long is answered without the LLM."""
VERIFY_PATIENCE = timedelta(minutes=15)
"""A repair that nobody could verify for so long is handed to a human."""
ASK_AGAIN = timedelta(minutes=10)
"""How often a question that no model answered is asked again: an outage of a provider lasts minutes to hours."""
OUTCOME_GRACE = timedelta(seconds=120)
"""Beyond a plan's own timeout and its latest start: then CT196 is taken to be gone."""


def sweep_up(services: IncidentServices) -> Handover:
    """One round."""
    now = services.clock()
    quiet = [incident for incident in services.ledger.live() if _rests(now - incident.changed_at)]
    rounds = (_again_new, _again_triaged, _again_waiting, _again_remediating, _again_verifying, _again_unanswered)
    handed = sum((again(quiet, services) for again in rounds), watch_storm(services) + digest(services))
    return handed + ask_held(services) + ring_backups(services) + tell_again(services)


def _rests(since: timedelta) -> bool:
    """Whether nothing has come of it for a while. A change that is still to come was written before the clock was set back."""
    return since >= QUIET or since < timedelta(0)


def look_again(services: IncidentServices) -> Handover:
    """A patrol for the detectors and hosts of every incident that is open: only a detector closes."""
    hosts: dict[tuple[str, ...], dict[str, None]] = {}
    for incident in services.ledger.live():
        if incident.state not in {State.REMEDIATING, State.VERIFYING}:
            detectors = tuple(sorted({finding.detector for finding in incident.states} - {WATCH, INGEST}))
            if not detectors:
                continue
            hosts.setdefault(detectors, {}).update(dict.fromkeys(incident.hosts))
    now = services.clock()
    return Handover(
        looks=tuple(
            Patrol(
                sweep=new_id("look", now),
                detectors=detectors,
                hosts=tuple(names),
                started_by="look_again",
                requested_at=now,
            )
            for detectors, names in hosts.items()
        )
    )


def _some(quiet: list[Incident], state: State, services: IncidentServices) -> list[Incident]:
    """Those of the state whose turn it is, oldest first. The lot follows from the clock alone, so a round can be replayed."""
    standing = [incident for incident in quiet if incident.state is state]
    lot = random.Random(services.clock().timestamp())  # noqa: S311 - fairness, no secret
    chosen = lot.sample(range(len(standing)), min(AT_ONCE, len(standing)))
    return [standing[place] for place in sorted(chosen)]


def _again_new(quiet: list[Incident], services: IncidentServices) -> Handover:
    handed = Handover()
    for incident in _some(quiet, State.NEW, services):
        if services.clock() - incident.opened_at < TRIAGE_PATIENCE:
            handed += consider(incident, services)
        else:
            verdict = Verdict(
                incident=incident.id,
                action="alert_human",
                source="fallback",
                reason=f"{UNANSWERED}triage did not answer",
            )
            handed += authorise(verdict, services)
    return handed


def _again_triaged(quiet: list[Incident], services: IncidentServices) -> Handover:
    handed = Handover()
    for incident in _some(quiet, State.TRIAGED, services):
        verdict = services.ledger.verdict(incident.id)
        grant = services.ledger.under_way(incident.id)
        if grant:
            handed += again_session(grant, services)
        elif verdict:
            handed += authorise(verdict, services)
    return handed


def _again_waiting(quiet: list[Incident], services: IncidentServices) -> Handover:
    """An approval whose doorbell was lost is rung for; a plan that waited too long is planned anew."""
    handed = Handover()
    held = {one.incident for one in services.ledger.held()}
    for incident in _some(quiet, State.AWAITING_APPROVAL, services):
        plan = services.ledger.plan_of(incident.id)
        if plan and services.ledger.approval(plan.id):
            handed += dispatch(plan.id, services)
        elif plan and plan.expires_at <= services.clock() and incident.id not in held:
            reason = (
                f"nobody decided on {plan.remediation} within its time; `aiops plan {incident.id}` makes a new plan"
            )
            handed += escalate(incident, "sweeper", reason, services)
    return handed


def _again_remediating(quiet: list[Incident], services: IncidentServices) -> Handover:
    handed = Handover()
    now = services.clock()
    for incident in _some(quiet, State.REMEDIATING, services):
        plan = services.ledger.plan_of(incident.id)
        if plan is None:
            continue
        approval, outcome = services.ledger.approval(plan.id), services.ledger.outcome(plan.id)
        if outcome:
            handed += settle(outcome, services)
        elif approval is None:
            handed += renew(incident, plan, "it has no approval", services)
        elif now < approval.at + timedelta(seconds=services.policy.start_within + plan.timeout) + OUTCOME_GRACE:
            handed += dispatch(plan.id, services)
        else:
            lost = Outcome(
                plan=plan.id,
                incident=incident.id,
                status="unknown",
                finished_at=now,
                reason="CT196 never said how it ended; look at the host before anything else",
            )
            handed += settle(lost, services)
    return handed


def _again_verifying(quiet: list[Incident], services: IncidentServices) -> Handover:
    handed = Handover()
    for incident in _some(quiet, State.VERIFYING, services):
        if services.clock() - incident.changed_at < VERIFY_PATIENCE:
            handed += ask_to_verify(incident, services.ledger.plan_of(incident.id), services)
        else:
            handed += escalate(incident, "sweeper", "the repair ran, but nobody could look at the host since", services)
    return handed


def _again_unanswered(quiet: list[Incident], services: IncidentServices) -> Handover:
    """What went to a human only because every model was silent is asked again, until one answers or the human acts."""
    asked = Handover()
    for incident in [incident for incident in quiet if incident.state is State.ESCALATED] if services.llm else []:
        verdict = services.ledger.verdict(incident.id)
        waits = verdict is not None and verdict.unanswered and services.ledger.plan_of(incident.id) is None
        if waits and services.ledger.ask_again(incident.id, services.clock(), ASK_AGAIN):
            asked += Handover(questions=(question(incident, services),))
        if len(asked.questions) == AT_ONCE:
            break
    return asked
