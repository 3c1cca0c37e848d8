"""What `aiops top` shows: one moment of the system, from the ledger and the signs of life. Only looks."""

from typing import Any

from aiops import bootstrap
from aiops.domain.fact import iso
from aiops.domain.incident import Incident, State
from aiops.domain.watch import canary
from aiops.errors import AiopsError
from aiops.ports import IncidentServices, Pulse
from aiops.settings import Settings
from tasks.cli.schedule import told

_BESIDES = ("listen", "ingest")
"""Processes that only some settings start: shown while they live."""


def now(settings: Settings, services: IncidentServices) -> dict[str, Any]:
    """The snapshot, for the screen and for ``--json`` alike."""
    live = [one for one in services.ledger.live() if one.state.open]
    live.sort(key=lambda one: (-one.severity.rank, one.opened_at))
    storm = services.ledger.storm()
    return {
        "at": iso(services.clock()),
        "shadow": settings.shadow,
        "frozen": services.ledger.frozen(),
        "storm": iso(storm) if storm else None,
        "waiting": [row for one in live if one.state is State.AWAITING_APPROVAL and (row := _waits(one, services))],
        "incidents": [_incident(one, services) for one in live],
        "guardians": told(settings, services)["guardians"],
        **_workers(settings, bootstrap.pulse(settings)),
    }


def _incident(one: Incident, services: IncidentServices) -> dict[str, Any]:
    return {
        "incident": one.id,
        "state": one.state.value,
        "severity": one.severity.value,
        "opened_at": iso(one.opened_at),
        "seconds": round((services.clock() - one.opened_at).total_seconds()),
        "title": one.title,
        "hosts": list(one.hosts),
        "acked": services.ledger.acknowledged(one.id),
    }


def _waits(one: Incident, services: IncidentServices) -> dict[str, Any] | None:
    plan = services.ledger.plan_of(one.id)
    if plan is None:
        return None
    remediation = services.catalogue.get(plan.remediation)
    return {
        "incident": one.id,
        "title": one.title,
        "severity": one.severity.value,
        "playbook": plan.remediation,
        "hosts": list(plan.hosts),
        "params": plan.params,
        "risk": plan.risk,
        "digest": plan.digest,
        "expires_at": iso(plan.expires_at),
        "typed": bool(remediation and remediation.destructive),
    }


def _workers(settings: Settings, pulse: Pulse) -> dict[str, Any]:
    """Seconds since each process's last sign; None for one that is awaited and silent for a day."""
    watched = settings.watch.processes
    names = [*watched, *(canary(name) for name in watched), *_BESIDES]
    try:
        ages = pulse.ages(names)
    except AiopsError as error:
        return {"workers": [], "blind": str(error)}
    rows = [
        {
            "name": name,
            "age": ages.get(name),
            "canary": ages.get(canary(name)),
            "alive": _alive(ages.get(name), settings),
        }
        for name in (*watched, *(one for one in _BESIDES if one in ages and one not in watched))
    ]
    return {"workers": rows, "blind": ""}


def _alive(age: float | None, settings: Settings) -> bool:
    return age is not None and age <= settings.watch.silent_seconds
