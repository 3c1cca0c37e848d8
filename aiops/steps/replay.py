"""replay: decide again on what was recorded, in a ledger that is thrown away, and say what would be different today."""

from collections.abc import Callable, Sequence

from pydantic import Field

from aiops.domain.fact import Fact
from aiops.domain.incident import Entry, Incident, State
from aiops.domain.remediation import ParamValue
from aiops.domain.verdict import Question, Verdict
from aiops.ports import IncidentLedger, IncidentServices
from aiops.steps.authorise import authorise
from aiops.steps.brief import brief
from aiops.steps.consider import consider, question


class Decided(Fact):
    """What was decided about an incident, as a ledger has it. ``policy`` is auto, ask or never; empty without a plan."""

    judged_by: str
    action: str
    playbook: str = ""
    reason: str = ""
    hosts: tuple[str, ...] = ()
    params: dict[str, ParamValue] = Field(default_factory=dict)
    policy: str = ""


class Replay(Fact):
    """The decision then and now. ``remarks`` say what could not be replayed as it was."""

    incident: str
    then: Decided
    now: Decided
    remarks: tuple[str, ...] = ()

    @property
    def differences(self) -> tuple[tuple[str, str, str], ...]:
        """What is not the same: the field, then, now."""
        pairs = ((name, getattr(self.then, name), getattr(self.now, name)) for name in Decided.model_fields)
        return tuple((name, _text(then), _text(now)) for name, then, now in pairs if then != now)


def replay(
    incident: str,
    recorded: IncidentServices,
    scratch: IncidentServices,
    judge: Callable[[Question], Verdict] | None = None,
) -> Replay:
    """Run consider and authorise again. ``scratch`` has a ledger, an event log and a signer of its own.

    Without ``judge`` no model is asked: where the rules hand the question on, its recorded answer is taken again. Skills and
    rules are those of today, learned ones included.

    :raises UnknownError: no such incident
    :raises ThinkerError: ``judge`` gave no usable answer
    """
    known = recorded.ledger.get(incident)
    verdict = recorded.ledger.verdict(incident)
    for lesson in recorded.ledger.lessons():
        scratch.ledger.store_lesson(lesson)
    fresh = known.model_copy(update={"state": State.NEW, "resolved_at": None, "changed_at": known.opened_at})
    scratch.ledger.open(fresh, Entry(at=scratch.clock(), step="replay", text="replayed", state=State.NEW))
    handed = consider(fresh, scratch)
    remarks = _remarks(known, recorded)
    given: Verdict | None = handed.verdicts[0] if handed.verdicts else None
    if given is None and judge:
        given = judge(brief(question(known, recorded), recorded))
        remarks = (*remarks, *_turns(given))
    if given is None and verdict and verdict.source.startswith("llm:"):
        given = verdict
        remarks = (*remarks, f"{verdict.source} was not asked again: its recorded answer was taken")
    if given is None:
        now = Decided(judged_by="llm", action="ask", reason="the question would go to a model")
    else:
        authorise(given, scratch)
        now = decided(incident, scratch.ledger)
    return Replay(incident=incident, then=decided(incident, recorded.ledger), now=now, remarks=remarks)


def decided(incident: str, ledger: IncidentLedger) -> Decided:
    """What the ledger says was decided first."""
    verdict, plan = ledger.verdict(incident), ledger.plan_of(incident)
    if verdict is None:
        return Decided(judged_by="nobody", action="none", reason="nothing was decided")
    if plan is None or verdict.action != "remediate":
        return Decided(
            judged_by=verdict.source, action=verdict.action, playbook=verdict.playbook, reason=verdict.reason
        )
    return Decided(
        judged_by=verdict.source,
        action=verdict.action,
        playbook=plan.remediation,
        reason=verdict.reason,
        hosts=plan.hosts,
        params=plan.params,
        policy=_policy(incident, plan.id, ledger),
    )


def _turns(verdict: Verdict) -> tuple[str, ...]:
    """What asking has cost: it is not booked, since nothing of a replay is."""
    return tuple(
        f"{one.provider} was asked: {one.outcome} after {one.seconds:.1f} s, "
        f"{'an unknown price' if one.cost is None else f'{one.cost:.4f} EUR'}, not booked"
        for one in verdict.attempts
        if one.asked
    )


def _policy(incident: str, plan: str, ledger: IncidentLedger) -> str:
    """What policy answered, read from what followed: it approves by itself, it makes a human wait, or neither."""
    approval = ledger.approval(plan)
    if approval and approval.mode == "auto":
        return "auto"
    asked = any(entry.state is State.AWAITING_APPROVAL for entry in ledger.timeline(incident))
    return "ask" if asked else "never"


def _remarks(incident: Incident, services: IncidentServices) -> tuple[str, ...]:
    remarks: Sequence[str] = (
        "findings that joined later are part of it from the start"
        if len({finding.seen_at for finding in incident.findings}) > 1
        else "",
        f"everything is frozen ({services.ledger.frozen()}); the replay is not" if services.ledger.frozen() else "",
    )
    return tuple(remark for remark in remarks if remark)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
