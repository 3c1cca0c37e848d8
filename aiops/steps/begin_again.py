"""A ledger came back from a backup: it does not know what happened since, so nothing that was under way is done again."""

from contextlib import suppress
from datetime import datetime

from aiops.domain.copied import BegunAgain
from aiops.domain.incident import State
from aiops.domain.outcome import Outcome
from aiops.errors import UnknownError
from aiops.ports import BackupRuns, ExecutionLedger, IncidentServices
from aiops.steps.authorise import ask, escalate
from aiops.steps.settle import settle

REASON = "the ledger was restored from a backup, which cannot know how this plan ended"
_UNDER_WAY = frozenset({State.TRIAGED, State.AWAITING_APPROVAL, State.REMEDIATING})


def begin_incidents_again(who: str, services: IncidentServices) -> BegunAgain:
    """CT190's: frozen until a human has looked; approved plans without an outcome are unknown, what waited is asked again.

    Open incidents stay open: the detectors say what is still wrong. What is told to the human waits in the ledger itself.
    """
    now = services.clock()
    services.ledger.freeze(who, "the ledger was restored from a backup; look at `aiops incidents` first", now)
    unknown = services.ledger.unsettled()
    for plan in unknown:
        lost = Outcome(plan=plan.id, incident=plan.incident, status="unknown", reason=REASON, finished_at=now)
        settle(lost, services)
        incident = services.ledger.get(plan.incident)
        if incident.state in _UNDER_WAY:
            escalate(incident, "restore", f"{plan.remediation}: {REASON}", services)
    asked = 0
    for incident in services.ledger.live():
        proposed = services.ledger.plan_of(incident.id)
        if incident.state is State.AWAITING_APPROVAL and proposed and proposed.expires_at > now:
            ask(incident, proposed, "the ledger was restored from a backup", services)
            asked += 1
    services.ledger.write_down(
        now, who, "restored from a backup", text=f"{len(unknown)} plans are unknown from here on"
    )
    return BegunAgain(name="incidents", unknown=len(unknown), asked=asked)


def begin_executions_again(who: str, executions: ExecutionLedger, runs: BackupRuns, now: datetime) -> BegunAgain:
    """CT196's: a new epoch. What was approved before it is refused, and every fence is higher than any given before.

    A nightly backup that was under way is stopped: its clean-up runs, nothing more is begun.
    """
    with suppress(UnknownError):
        runs.stop_backup(who, now)
    return BegunAgain(name="executions", unknown=len(executions.begin_epoch(now)))
