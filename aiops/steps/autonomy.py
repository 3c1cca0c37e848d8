"""The autonomy ladder: raised by a human, one rung at a time; proposed upwards by proofs; taken back by one relapse."""

from collections.abc import Sequence

from aiops.domain.autonomy import RUNGS, Standing, limited
from aiops.domain.event import Event
from aiops.domain.handover import Handover
from aiops.domain.host import Host
from aiops.domain.incident import Incident
from aiops.domain.plan import Plan
from aiops.domain.policy import Decision
from aiops.domain.remediation import Remediation
from aiops.errors import RefusedError, UnknownError
from aiops.ports import IncidentServices
from aiops.steps.audits import only_looks
from aiops.steps.quiet import notices
from aiops.steps.record import happened


def restrain(
    decision: Decision, playbook: str, hosts: Sequence[Host], services: IncidentServices, *, asked: bool
) -> tuple[Decision, str]:
    """What the ladder leaves of policy's decision, and the reason where it takes something away: the lowest rung counts."""
    if services.policy.mode != "ladder" or services.catalogue[playbook].risk == "read_only":
        return decision, ""  # what only looks needs no trust to be earned
    lowest = min(
        (services.ledger.standing(playbook, host.role) for host in hosts), key=lambda one: RUNGS.index(one.rung)
    )
    left = limited(decision, lowest.rung, asked=asked)
    if left == decision:
        return decision, ""
    words = f"{playbook} may only {lowest.rung} on hosts of role {lowest.role or 'unknown'}"
    hint = "; `aiops plan` makes the plan" if lowest.rung == "suggest" else ""
    return left, f"{words}{hint}; `aiops autonomy raise {playbook} {lowest.role}` raises it"


def raise_rung(playbook: str, role: str, who: str, why: str, services: IncidentServices) -> Standing:
    """A human lets a playbook go one rung further on a role.

    :raises UnknownError: no such playbook, or no host of that role
    :raises RefusedError: it is at the top, or its manifest demands a human
    """
    remediation = services.catalogue.get(playbook)
    if remediation is None:
        raise UnknownError("playbook", playbook, "`aiops playbooks` lists them")
    if role not in {host.role for host in services.inventory.hosts() if host.role}:
        raise UnknownError("role", role, "the inventory names the hosts' roles (aiops_role)")
    standing = services.ledger.standing(playbook, role)
    above = standing.next
    if above is None:
        raise RefusedError("top", f"{playbook} on {role} is {standing.rung} already; there is nothing above")
    if above == "auto" and remediation.approval == "human":
        raise RefusedError("approval", f"{playbook} always needs a human; its manifest says so")
    return _set(standing.model_copy(update={"rung": above, "who": who, "why": why}), services)


def lower_rung(playbook: str, role: str, who: str, why: str, services: IncidentServices) -> Standing:
    """A human takes it one rung back.

    :raises RefusedError: it only observes already
    """
    standing = services.ledger.standing(playbook, role)
    if standing.rung == RUNGS[0]:
        raise RefusedError("bottom", f"{playbook} on {role} only observes already")
    below = RUNGS[RUNGS.index(standing.rung) - 1]
    return _set(standing.model_copy(update={"rung": below, "who": who, "why": why}), services)


def proved(incident: Incident, services: IncidentServices) -> Handover:
    """A detector has proved a repair: count it, and propose the next rung after enough of them."""
    plan = services.ledger.plan_of(incident.id)
    outcome = services.ledger.outcome(plan.id) if plan else None
    if plan is None or outcome is None or outcome.status != "success":
        return Handover()
    return sum((_proved(incident, plan, role, services) for role in _roles(plan, services)), Handover())


def not_held(repaired: str, by: Incident, services: IncidentServices) -> Handover:
    """The repair of that incident did not hold: what was automatic asks again. Told twice, it changes nothing."""
    plan = services.ledger.plan_of(repaired) if repaired else None
    if plan is None or services.ledger.outcome(plan.id) is None or only_looks(plan, services):
        return Handover()
    told: tuple[Event, ...] = ()
    for role in _roles(plan, services):
        new = services.ledger.prove(by.id, plan.remediation, role, "relapse", services.clock())
        standing = services.ledger.standing(plan.remediation, role)
        if new and standing.rung == "auto" and services.policy.mode == "ladder":
            why = f"the repair of {repaired} did not hold"
            _set(standing.model_copy(update={"rung": "ask", "who": "CT190", "why": why}), services)
            text = f"{plan.remediation} on {role} hosts asks again: {why}"
            told += notices(by, happened(by, "autonomy.lowered", text, services, role=role), services)
    return Handover(notices=told)


def _proved(incident: Incident, plan: Plan, role: str, services: IncidentServices) -> Handover:
    playbook, now = plan.remediation, services.clock()
    if not services.ledger.prove(incident.id, playbook, role, "closure", now) or services.policy.mode != "ladder":
        return Handover()
    standing = services.ledger.standing(playbook, role)
    above = standing.next
    remediation = services.catalogue.get(playbook)
    if above is None or standing.closures < services.policy.raise_after or not _may(remediation, above):
        return Handover()
    if not services.ledger.propose(playbook, role, now):
        return Handover()
    text = (
        f"{playbook} was proved {standing.closures} times on {role} hosts without a relapse: it could go from {standing.rung}"
        f" to {above}. Raise it with: aiops autonomy raise {playbook} {role}"
    )
    return Handover(
        notices=notices(incident, happened(incident, "autonomy.proposed", text, services, role=role), services)
    )


def _may(remediation: Remediation | None, rung: str) -> bool:
    return remediation is not None and not (rung == "auto" and remediation.approval == "human")


def _set(standing: Standing, services: IncidentServices) -> Standing:
    services.ledger.set_standing(standing, services.clock())
    return services.ledger.standing(standing.playbook, standing.role)


def _roles(plan: Plan, services: IncidentServices) -> list[str]:
    known = {host.name: host.role for host in services.inventory.hosts()}
    return [role for role in dict.fromkeys(known.get(name, "") for name in plan.hosts) if role]
