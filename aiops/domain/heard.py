"""What other systems told us: an alert of theirs, on its way to become a finding."""

from typing import Final, Literal

from pydantic import Field

from aiops.domain.fact import Fact, Moment
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity

INGEST: Final = "ingest"
"""The detector of what others told us: no detection worker knows it, so nobody of ours can look for it again."""
ALERT: Final = Kind(name="foreign.alert", sentence="another system says that something is wrong on a host")


class Alert(Fact):
    """One alert. ``identity`` is what makes it the same alert when it comes again; its text never does."""

    name: str = Field(min_length=1, max_length=120)
    identity: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")
    host: str = Field(min_length=1, max_length=253)
    severity: Severity
    summary: str = Field(max_length=600)
    firing: bool
    details: dict[str, str] = Field(default_factory=dict, max_length=20)

    def finding(self, source: str, at: Moment) -> Finding:
        """It as a finding of ours. It has no cause, so it never joins what our own detectors saw."""
        return Finding(
            kind=ALERT.name,
            detector=INGEST,
            host=self.host,
            subject=f"{source}:{self.name}:{self.identity}",
            severity=self.severity,
            summary=f"{source} says {self.name}: {self.summary}" if self.summary else f"{source} says {self.name}",
            evidence={"source": source, **self.details},
            seen_at=at,
        )


class Heard(Fact):
    """One message of a source."""

    id: str
    source: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    form: Literal["alertmanager", "grafana", "generic"]
    at: Moment
    alerts: tuple[Alert, ...] = Field(min_length=1, max_length=500)
