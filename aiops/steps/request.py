"""request: a human asks for a playbook that no finding asks for. Policy, approval, signature and limits are those of any plan."""

from collections.abc import Mapping, Sequence

from aiops.domain.handover import Handover
from aiops.domain.plan import Plan
from aiops.domain.policy import Decision
from aiops.domain.remediation import ParamValue, Remediation
from aiops.domain.severity import Severity
from aiops.errors import RefusedError, UnknownError
from aiops.ports import IncidentServices
from aiops.remediations import check_params, resolve
from aiops.steps.asked import PLAYBOOK, open_asked, plan_asked
from aiops.steps.authorise import await_approval, start
from aiops.steps.autonomy import restrain
from aiops.steps.shadow import refuse_in_shadow


def request(
    playbook: str,
    hosts: Sequence[str],
    params: Mapping[str, ParamValue],
    who: str,
    services: IncidentServices,
    *,
    why: str = "",
    ask: bool = False,
) -> tuple[Plan, Handover]:
    """Make the plan, in an incident of its own. With ``ask`` a human decides, whatever policy would start by itself.

    :raises UnknownError: no such playbook or host
    :raises RefusedError: a parameter is not what the manifest allows, policy says never, it only takes something back, or
        everything is in shadow
    """
    refuse_in_shadow((), services)
    remediation = services.catalogue.get(resolve(services.catalogue, playbook))
    if remediation is None:
        raise UnknownError("playbook", playbook, "`aiops playbooks` lists them")
    if any(entry.undo and entry.undo.playbook == remediation.id for entry in services.catalogue.values()):
        raise RefusedError("undo", f"{remediation.id} takes back what another playbook did: `aiops undo INCIDENT`")
    whole = check_params(remediation, params)
    names = [services.inventory.find(name).name for name in hosts]
    decision, reason = _decide(remediation, names, services)
    if decision == "never":
        raise RefusedError("policy", reason)
    if ask and decision == "auto":
        decision, reason = "ask", "an agent proposed it, so a human decides"
    with services.ledger.together():
        incident = open_asked(PLAYBOOK, remediation.id, names, f"{who} asked for {remediation.id}", who, services)
        plan = plan_asked(
            incident,
            remediation,
            whole,
            f"{remediation.title}: {who} asked for it{f': {why}' if why else ''}",
            services,
        )
    if decision == "auto":
        return plan, start(incident, plan, reason, services)
    return plan, await_approval(incident, plan, reason, services, awake=True)


def _decide(remediation: Remediation, names: Sequence[str], services: IncidentServices) -> tuple[Decision, str]:
    hosts = [services.inventory.find(name) for name in names]
    decision, reason = services.policy.decide(
        [PLAYBOOK], remediation, hosts, Severity.INFO, relapse=False, at=services.clock()
    )
    limited, limit = restrain(decision, remediation.id, hosts, services, asked=True)
    if limit:
        return limited, limit
    frozen = services.ledger.frozen()
    return ("ask", f"frozen by {frozen}") if frozen and decision == "auto" else (decision, reason)
