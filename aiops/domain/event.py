"""What is published: the envelope that the operator's subscribers already read, extended."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from aiops.domain.fact import Moment
from aiops.domain.severity import Severity

_SECURITY = frozenset({"security", "soc"})


class Event(BaseModel):
    """One step, seen from outside.

    The first seven fields are the operator's contract (``source``, ``cron``, ``severity``, ``timestamp``, ``host``, ``symptom``,
    ``context``) and are all that a foreign publisher must send. ``type`` names the step (``sweep.finished``, ``incident.opened``,
    ``plan.refused`` ...), ``incident`` is the one id that runs through everything.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    source: str = Field(min_length=1, description="who publishes: the container or agent, for example openfang")
    cron: str = Field(min_length=1, description="the guardian's name, with or without its guardian- prefix")
    severity: Severity
    timestamp: Moment
    host: str = Field(min_length=1)
    symptom: str = Field(min_length=1, description="one sentence for a human")
    context: dict[str, Any] = Field(default_factory=dict)
    id: str = ""
    type: str = Field(default="guardian.report", pattern=r"^[a-z_]+\.[a-z_]+$")
    incident: str = ""
    sweep: str = ""
    response: bool = Field(default=False, description="an answer of the remediation container to an incident")

    @field_validator("timestamp", mode="before")
    @classmethod
    def _utc_only(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.endswith("Z"):
            msg = "timestamp must be ISO 8601 in UTC and end in Z"
            raise ValueError(msg)
        return value

    @property
    def guardian(self) -> str:
        """The guardian's name as topics spell it: no prefix, nothing that MQTT reads as a level or wildcard."""
        return re.sub(r"[^a-z0-9_-]+", "-", self.cron.removeprefix("guardian-").lower()).strip("-") or "unknown"

    def topic(self, prefix: str = "pixelium") -> str:
        """Where the event is published."""
        if self.response and self.incident:
            return f"{prefix}/claude-ct196/response/{self.incident}"
        branch = "security" if self.guardian in _SECURITY else "guardian"
        return f"{prefix}/{branch}/{self.guardian}/{self.severity.value}"
