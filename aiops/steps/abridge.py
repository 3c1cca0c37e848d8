"""abridge: an incident as it goes into a question. Long outputs in its evidence are condensed; the whole of each is kept here.

Triage has no archive, so this happens before the question leaves. The note under each output names the digest for ``aiops raw``.
"""

from aiops.condense import SHORT
from aiops.condense.scrub import scrub
from aiops.domain.finding import Evidence, Finding
from aiops.domain.incident import Incident
from aiops.ports import Archive, IncidentServices
from aiops.steps.shorten import shorten

_COMMANDS = ("command", "commandline", "tool")
"""Where evidence names the command that printed it; without one the output itself is looked at."""


def abridge(incident: Incident, services: IncidentServices) -> Incident:
    """The incident with its long outputs condensed and what looks like a secret taken out.

    :raises LedgerBusyError: the archive cannot be written now
    """
    findings = tuple(_abridged(finding, services.archive) for finding in incident.findings)
    return incident.model_copy(update={"findings": findings})


def output_of(value: object) -> str:
    """The value as one text, if it is as long as an output; else nothing."""
    text = "\n".join(map(str, value)) if isinstance(value, list) else value if isinstance(value, str) else ""
    return text if text.count("\n") + 1 >= SHORT else ""


def command_of(finding: Finding) -> str:
    """The command whose output the finding quotes, where it says so."""
    named = (finding.evidence.get(key) for key in _COMMANDS)
    return next((command for command in named if isinstance(command, str) and command), "")


def _abridged(finding: Finding, archive: Archive | None) -> Finding:
    evidence: Evidence = {}
    for key, value in finding.evidence.items():
        whole = output_of(value)
        if whole and archive:
            evidence[key] = shorten(scrub(whole), command_of(finding), archive).text
        elif isinstance(value, list):
            evidence[key] = [scrub(item) for item in value]
        else:
            evidence[key] = scrub(value) if isinstance(value, str) else value
    return finding.model_copy(update={"summary": scrub(finding.summary), "evidence": evidence})
