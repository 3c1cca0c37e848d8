"""attest: a verdict as the deciding side holds it. Triage thinks and is not believed: who judged is written down here.

Triage may push to our queue, so a verdict that names a rule or a skill as its judge may come from there too. What rules, skills
and the catalogue know is therefore judged again, and stands above whatever came; the rest is a model's word.
"""

from typing import Final

from aiops.domain.incident import Incident
from aiops.domain.severity import Severity
from aiops.domain.verdict import Verdict
from aiops.ports import IncidentServices
from aiops.steps.doubt import doubt
from aiops.steps.known_fixes import own_judgement

UNNAMED: Final = "llm:unnamed"
"""Who judged, where the verdict claims to come from somewhere else than a model."""
_REASON, _SOURCE = 2_000, 120
"""Characters: twice what an honest triage sends."""


def attest(verdict: Verdict, incident: Incident, services: IncidentServices) -> Verdict:
    """Our own judgement if there is one, else the verdict as a model's, with what no model may decide taken out."""
    own = own_judgement(incident, services)
    if own:
        return own.model_copy(update={"attempts": verdict.attempts})
    helpless = verdict.source == "fallback" and verdict.action == "alert_human"
    named = verdict.source if helpless or verdict.source.startswith("llm:") else UNNAMED
    fingerprints = {finding.fingerprint for finding in incident.findings}
    kept = verdict.model_copy(
        update={
            "source": named[:_SOURCE],
            "reason": verdict.reason[:_REASON],
            "evidence": tuple(cited for cited in verdict.evidence if cited in fingerprints),
        }
    )
    against = _against(kept, incident, services)
    if not against:
        return kept
    changed = {
        "action": "alert_human",
        "playbook": "",
        "confidence": "low",
        "reason": f"{against}. Its reason: {kept.reason}",
    }
    return kept.model_copy(update=changed)


def _against(verdict: Verdict, incident: Incident, services: IncidentServices) -> str:
    """Why a model may not say this; empty when it may."""
    if verdict.action != "drop":
        return ""
    if incident.severity is Severity.CRITICAL:
        return "the model wants to drop a critical incident, which no model may"
    found = doubt(incident, services)
    return f"the model wants to drop it, and {found}" if found else ""
