"""What is published: the envelope that the operator's subscribers already read, extended."""

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

from aiops.domain.fact import Moment
from aiops.domain.severity import Severity
from aiops.domain.shadow import LEVEL

SCHEMA_ID: Final = "urn:aiops:event:1"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TIMESTAMP: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"
"""RFC 3339 in UTC and nothing else: an offset or a missing zone is refused by the schema and by the model alike."""

TYPES: Final[dict[str, str]] = {
    "sweep.finished": "A detector has looked at its hosts; the guardian's retained state is this event too.",
    "sweep.blind": "A probe could not look at a host: nothing is known there, which is not the same as healthy.",
    "finding.seen": "A detector saw something wrong on a host.",
    "incident.opened": "Findings of one trouble became an incident.",
    "incident.ripened": "An open incident became more severe because it has lasted so long.",
    "incident.seen": "An open incident was seen again or grew by a finding.",
    "incident.moved": "An incident went from one state to another.",
    "incident.escalated": "An incident was handed to a human.",
    "step.failed": "A step of the pipeline failed for good; the ledger still knows what is open.",
    "incident.resolved": "The detector that fired looked again and found the state gone.",
    "llm.asked": "An LLM provider had its turn in a judgement; outcome, seconds, tokens and cost are in the context.",
    "server.asked": "Triage asked a server of others through MCP; what was asked, and why it was cut off, is in the context.",
    "verdict.given": "Triage, a known fix or the fallback judged an incident.",
    "plan.made": "A remediation with its targets and parameters was proposed for an incident.",
    "autonomy.proposed": "A playbook was proved often enough on hosts of a role to go one rung further; a human decides.",
    "autonomy.lowered": "A repair did not hold, so a playbook that ran by itself on hosts of that role asks again.",
    "plan.held": "A plan needs an approval, but these are quiet hours: it is looked at again and asked about afterwards.",
    "plan.approved": "Policy or a human approved exactly this plan.",
    "plan.refused": "Policy, a floor or a check of the remediation container refused the plan; the reason is a word.",
    "plan.denied": "A human said no.",
    "remediation.started": "The remediation container has claimed the plan and touches its hosts.",
    "remediation.finished": "The remediation container has ended its run.",
    "backup.approved": "A human allowed the nightly backup, until he takes it back or its time is over.",
    "backup.revoked": "A human took the standing approval of the nightly backup back.",
    "backup.ordered": "A backup run was signed and handed to the remediation container.",
    "backup.refused": "A backup run was not ordered or not started; the reason is in the context.",
    "backup.started": "The remediation container has begun a backup run; `incident` is the run's id.",
    "backup.step": "A step of a backup run has begun, or has ended.",
    "backup.finished": "A backup run is over, cleanup included.",
    "session.granted": "An agent may look at an incident: the grant is signed, and limited in time, turns and tokens.",
    "session.opened": "A repair or an agent's look has begun on the remediation container: there is something to write down.",
    "session.closed": "It is over, and how; its transcript follows in the records.",
    "session.refused": "The remediation container did not start an agent's look; the reason is a word.",
    "session.concluded": "The deciding side has read what an agent's look came to.",
    "audit.head": "Where the audit log of the deciding side stands, once a day: for `aiops audit verify --head`.",
    "records.pushed": "Transcripts and journal entries have arrived at their remote.",
    "records.waiting": "Transcripts or journal entries cannot be committed or pushed; they are kept and tried again, in order.",
    "audit.reported": "A read-only playbook has looked at a host; its report is in the incident.",
    "outcome.settled": "The incident ledger has stored what came of the plan.",
    "verify.asked": "The detector that fired was asked to look again.",
    "message.refused": "A worker refused a message it must not accept.",
    "worker.online": "A worker has started.",
    "worker.deaf": "A worker lives, and does not take what is in its queue.",
    "worker.offline": "A worker is gone, or silent for too long.",
    "guardian.report": "A guardian's own report: what a foreign publisher sends when it names no type.",
    "guardian.missed": "A guardian did not run when it was due.",
    "baseline.digest": "What the first look at hosts found was there before: one message for all of it.",
    "incident.acknowledged": "A human has an incident in hand: no more messages about it until it is resolved.",
    "silence.set": "A human silenced findings for a while.",
    "silence.ended": "A human ended a silence before its time.",
    "storm.began": "So many incidents at once that nothing is repaired by itself and one message stands for all.",
    "storm.ended": "The storm is over; incidents that wait for a human are counted.",
    "freeze.set": "A human stopped every start.",
    "freeze.lifted": "A human allowed starts again.",
    "guardian.taken": "A human took a guardian over from the old system: from now on it speaks and acts.",
    "guardian.given_back": "A human gave a guardian back to the old system: from now on it only looks.",
    "night.report": "A piece of night work has something to say: a digest, a report, deltas.",
    "site.published": "The figures of the public site were pushed; what changed is in the context.",
    "ingest.refused": "Somebody outside sent what is not taken; who and why is in the context, never what.",
    "notify.sent": "A human was told.",
    "plan.waiting": "A plan still waits for a human: the reminder, ever more rarely.",
    "voice.deaf": "Nobody hears what the human says: Telegram cannot be polled, or Redis takes nothing; said once.",
    "voice.hears": "The human is heard again.",
    "voice.unread": "Updates that cannot be read were passed over; which ones, and how many so far, is in the context.",
    "voice.forged": "A message claims that a human said something, and our ears did not sign it: nothing was done.",
    "notify.failed": "A human could not be told; it is tried again.",
    "logs.dropped": "Lines never reach the log store (refused, too old, no room); how many and why is in the context.",
    "bridge.gap": "The event log no longer goes back to where the bridge had stopped: events may be missing in the mirror.",
}
"""Every type this code publishes, with the sentence that stands in docs/mqtt.md. Foreign publishers may use others."""

_SECURITY = frozenset({"security", "soc", "logs"})


def level(text: str) -> str:
    """One level of a topic: nothing in it that MQTT reads as a separator, a wildcard or an end."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-") or "unknown"


def quarantine_topic(prefix: str) -> str:
    """Where what is no valid event is published, with the reason."""
    return f"{prefix}/quarantine"


class Event(BaseModel):
    """One step, seen from outside.

    The first seven fields are the operator's contract (``source``, ``cron``, ``severity``, ``timestamp``, ``host``, ``symptom``,
    ``context``) and are all that a foreign publisher must send. ``type`` names the step (``sweep.finished``, ``incident.opened``,
    ``plan.refused`` ...), ``incident`` is the one id that runs through everything.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        json_schema_extra={"$schema": DIALECT, "$id": SCHEMA_ID},
    )

    source: str = Field(min_length=1, description="who publishes: the container or agent, for example openfang")
    cron: str = Field(min_length=1, description="the guardian's name, with or without its guardian- prefix")
    severity: Severity
    timestamp: Annotated[
        Moment,
        WithJsonSchema({"type": "string", "format": "date-time", "pattern": TIMESTAMP, "title": "Timestamp"}),
    ] = Field(description="when, in UTC: ISO 8601 ending in Z")
    host: str = Field(min_length=1, description="the host it is about")
    symptom: str = Field(min_length=1, description="one sentence for a human")
    context: dict[str, Any] = Field(
        default_factory=dict,
        description="details: expected_state, last_seen_active, related_hosts and whatever the publisher knows",
    )
    id: str = Field(default="", description="unique: delivery is at least once, drop what you have seen")
    type: str = Field(default="guardian.report", pattern=r"^[a-z_]+\.[a-z_]+$", description="which step this is")
    incident: str = Field(default="", description="the one id that runs through everything")
    sweep: str = Field(default="", description="the sweep it came from")
    response: bool = Field(default=False, description="an answer of the remediation container to an incident")
    shadow: bool = Field(
        default=False, description="of a guardian that nobody has taken over yet: its topics lie below PREFIX/shadow"
    )

    @field_validator("timestamp", mode="before")
    @classmethod
    def _utc_only(cls, value: Any) -> Any:
        if isinstance(value, str):
            if re.fullmatch(TIMESTAMP.strip("^$"), value) is None:
                raise ValueError("timestamp must be ISO 8601 in UTC and end in Z")
        elif isinstance(value, int | float):
            raise ValueError("timestamp must be text, not a number: ISO 8601 in UTC, ending in Z")  # noqa: TRY004 - pydantic wants it
        return value

    def __json__(self) -> dict[str, Any]:
        """What Celery puts into a message."""
        return self.model_dump(mode="json")

    @property
    def guardian(self) -> str:
        """The guardian's name as topics spell it: no prefix, nothing that MQTT reads as a level or wildcard."""
        return re.sub(r"[^a-z0-9_-]+", "-", self.cron.removeprefix("guardian-").lower()).strip("-") or "unknown"

    def topic(self, prefix: str = "pixelium") -> str:
        """Where the event is published."""
        prefix = self._below(prefix)
        if self.response and self.incident:
            return f"{prefix}/claude-ct196/response/{level(self.incident)}"
        branch = "security" if self.guardian in _SECURITY else "guardian"
        return f"{prefix}/{branch}/{self.guardian}/{self.severity.value}"

    def state_topic(self, prefix: str = "pixelium") -> str:
        """Where the guardian's last finished sweep is retained."""
        return f"{self._below(prefix)}/guardian/{self.guardian}/state"

    def _below(self, prefix: str) -> str:
        return f"{prefix}/{LEVEL}" if self.shadow else prefix
