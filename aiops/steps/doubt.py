"""doubt: text in an incident's own evidence that talks to whoever judges it, so that nothing happens by itself on its word."""

from aiops.domain.incident import Incident
from aiops.ports import IncidentServices
from aiops.remediations import names
from aiops.rules import spoken


def doubt(incident: Incident, services: IncidentServices) -> str:
    """Why the evidence may have been written for us; empty when nothing speaks for that.

    Our detectors quote what hosts print: user names, file names, comments behind a command. What was measured still holds, so the
    fix may be the right one, but a human says so.
    """
    playbooks = names(services.catalogue)
    for finding in incident.findings:
        found = spoken(finding, playbooks)
        if found:
            return f"the evidence of {finding.kind} holds {found}"
    return ""
