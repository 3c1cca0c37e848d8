"""What was learned: skills as known fixes, and the loop that writes, confirms, demotes and forgets them.

A lesson needs an incident that was repaired, closed and verified by its detector. It is a draft until a human approves it. A
repair that did not hold contradicts the skill that chose it: it is not used by itself again. What nobody confirmed for long
expires.
"""

from collections.abc import Collection

from aiops.domain.incident import Entry, Incident
from aiops.domain.skill import Lesson, Skill
from aiops.domain.verdict import Verdict
from aiops.errors import AiopsError, RefusedError, UnknownError
from aiops.ports import IncidentServices
from aiops.skills import draft, fits, name_of, parse
from aiops.steps.doubt import doubt
from aiops.steps.guard import missed

_BY_SKILL = "skill:"


def learned_fix(incident: Incident, offered: Collection[str], services: IncidentServices) -> Verdict | None:
    """The verdict of the one skill that fits; two that disagree need judgement.

    So does a relapse, and so does evidence that looks as if it had been written for us.
    """
    if incident.relapse_of or doubt(incident, services):
        return None
    fitting = {
        skill.playbook: (skill, finding)
        for skill in usable(services)
        for finding in incident.states
        if skill.playbook in offered and fits(skill, finding, _role(finding.host, services))
    }
    if len(fitting) != 1:
        return None
    ((playbook, (skill, finding)),) = fitting.items()
    return Verdict(
        incident=incident.id,
        action="remediate",
        playbook=playbook,
        confidence="high",
        reason=f"{playbook} is what the skill {skill.name} says for {finding.kind}",
        evidence=(finding.fingerprint,),
        source=f"{_BY_SKILL}{skill.name}",
    )


def usable(services: IncidentServices) -> list[Skill]:
    """Skills that may be used by themselves: shipped ones and approved lessons, none demoted, none out of date.

    A lesson whose text the catalogue no longer agrees with is left out, as if it had never been approved.
    """
    lessons = {lesson.name: lesson for lesson in services.ledger.lessons()}
    found = {skill.name: skill for skill in services.skills}
    for lesson in lessons.values():
        if lesson.text:
            try:
                found[lesson.name] = parse(lesson.text, services.catalogue, lesson.name)
            except AiopsError:
                found.pop(lesson.name, None)
    return [skill for skill in found.values() if _stands(lessons.get(skill.name), services)]


def expired(lesson: Lesson, services: IncidentServices) -> bool:
    """Whether nothing has confirmed it for too long."""
    return services.clock() - lesson.confirmed_at > services.keep_lessons


def learn(incident: Incident, services: IncidentServices) -> None:
    """Draft, refine or confirm the skill behind a repair that its detector has just proved."""
    plan, verdict = services.ledger.plan_of(incident.id), services.ledger.verdict(incident.id)
    outcome = services.ledger.outcome(plan.id) if plan else None
    if plan is None or verdict is None or outcome is None or outcome.status != "success":
        return
    if verdict.source.startswith(_BY_SKILL) and verdict.playbook == plan.remediation:
        _confirm(verdict.source.removeprefix(_BY_SKILL), incident, services)
    elif not (verdict.source.startswith("rule:") and verdict.playbook == plan.remediation):
        _draft(incident, plan.remediation, services)


def hint_guard(incident: Incident, services: IncidentServices) -> None:
    """Note where the evidence says that it could have been seen earlier."""
    late = missed(incident)
    if late:
        text = f"its evidence {late.key} is about {late.hours:g} h older than its first sight; see: aiops guard {incident.id}"
        _note(incident.id, text, services)


def heed_relapse(incident: Incident, services: IncidentServices) -> None:
    """The same trouble came back: whatever skill had chosen the repair is contradicted."""
    if incident.relapse_of:
        try:
            contradict(services.ledger.get(incident.relapse_of), incident.id, services)
        except UnknownError:
            return


def contradict(repaired: Incident, by: str, services: IncidentServices) -> None:
    """The repair of that incident did not hold. Telling it twice changes nothing."""
    plan, verdict = services.ledger.plan_of(repaired.id), services.ledger.verdict(repaired.id)
    if plan is None or verdict is None:
        return
    named = verdict.source.removeprefix(_BY_SKILL) if verdict.source.startswith(_BY_SKILL) else ""
    names = {named} if named else {name_of(finding.kind, plan.remediation) for finding in repaired.states}
    for lesson in [lesson for lesson in services.ledger.lessons() if lesson.name in names]:
        if by not in lesson.relapses:
            changed = {"relapses": (*lesson.relapses, by), "standing": "demoted"}
            services.ledger.store_lesson(lesson.model_copy(update=changed))
            _note(by, f"the skill {lesson.name} is contradicted and not used by itself again", services)
    if named and services.ledger.lesson(named) is None:
        now = services.clock()
        services.ledger.store_lesson(
            Lesson(name=named, standing="demoted", relapses=(by,), created_at=now, confirmed_at=now)
        )
        _note(by, f"the skill {named} is contradicted and not used by itself again", services)


def approve_skill(name: str, who: str, services: IncidentServices) -> Lesson:
    """A human's yes to the draft; from now on it is used by itself.

    :raises UnknownError: no such lesson
    :raises RefusedError: nothing waits
    :raises ManifestError: the catalogue no longer agrees with the draft
    """
    lesson = _known(name, services)
    if not (lesson.draft or (lesson.standing in {"demoted", "rejected"} and lesson.text)):
        raise RefusedError("draft", f"{name} is {lesson.standing}, nothing waits for an approval")
    text = lesson.draft or lesson.text
    parse(text, services.catalogue, name)
    changed = {"standing": "approved", "text": text, "draft": "", "confirmed_at": services.clock()}
    approved = lesson.model_copy(update=changed)
    services.ledger.store_lesson(approved)
    for incident in lesson.successes[-1:]:
        _note(incident, f"the skill {name} was approved", services, who)
    return approved


def reject_skill(name: str, who: str, services: IncidentServices) -> Lesson:
    """A human's no: the draft is gone, and what was approved before stays as it was.

    :raises UnknownError: no such lesson
    :raises RefusedError: nothing waits
    """
    lesson = _known(name, services)
    if not lesson.draft:
        raise RefusedError("draft", f"{name} is {lesson.standing}, nothing waits for an approval")
    changed = {"draft": "", "standing": lesson.standing if lesson.text else "rejected"}
    rejected = lesson.model_copy(update=changed)
    services.ledger.store_lesson(rejected)
    for incident in lesson.successes[-1:]:
        _note(incident, f"the draft of the skill {name} was rejected", services, who)
    return rejected


def _stands(lesson: Lesson | None, services: IncidentServices) -> bool:
    return lesson is None or (lesson.standing == "approved" and not expired(lesson, services))


def _confirm(name: str, incident: Incident, services: IncidentServices) -> None:
    now = services.clock()
    lesson = services.ledger.lesson(name) or Lesson(name=name, standing="approved", created_at=now, confirmed_at=now)
    if incident.id not in lesson.successes:
        changed = {"successes": (*lesson.successes, incident.id), "confirmed_at": now}
        services.ledger.store_lesson(lesson.model_copy(update=changed))


def _draft(incident: Incident, playbook: str, services: IncidentServices) -> None:
    remediation = services.catalogue.get(playbook)
    kinds = {fix.kind for fix in remediation.fixes} if remediation else set()
    finding = next((finding for finding in incident.states if finding.kind in kinds), None)
    if remediation is None or finding is None:
        return
    now = services.clock()
    name = name_of(finding.kind, playbook)
    known = services.ledger.lesson(name) or Lesson(name=name, standing="draft", created_at=now, confirmed_at=now)
    if incident.id in known.successes:
        return
    lesson = known.model_copy(update={"successes": (*known.successes, incident.id), "confirmed_at": now})
    if lesson.standing != "rejected":
        roles = [_role(host, services) for one in lesson.successes for host in _hosts(one, services)]
        text = draft(finding, remediation, [role for role in roles if role], lesson)
        lesson = lesson.model_copy(update={"draft": text})
        _note(incident.id, f"the skill {name} was drafted; see it with: aiops skills diff {name}", services)
    services.ledger.store_lesson(lesson)


def _known(name: str, services: IncidentServices) -> Lesson:
    lesson = services.ledger.lesson(name)
    if lesson is None:
        raise UnknownError("lesson", name, "`aiops skills` lists them")
    return lesson


def _hosts(incident: str, services: IncidentServices) -> tuple[str, ...]:
    try:
        return services.ledger.get(incident).hosts
    except UnknownError:
        return ()


def _role(host: str, services: IncidentServices) -> str:
    try:
        return services.inventory.find(host).role
    except AiopsError:
        return ""


def _note(incident: str, text: str, services: IncidentServices, who: str = "") -> None:
    services.ledger.note(incident, Entry(at=services.clock(), step="learn", text=text, who=who))
