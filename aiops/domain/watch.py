"""How long the watchers wait before silence is death."""

from pydantic import BaseModel, ConfigDict, Field

PROCESSES = ("detect", "incidents", "triage", "remediation", "notify", "night", "beat", "bridge")
"""Every process that leaves signs of life."""


class Watched(BaseModel):
    """The table ``[watch]`` of the settings. See docs/watchers.md for the times that come of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processes: tuple[str, ...] = Field(default=PROCESSES, description="processes whose silence is an incident")
    pulse_seconds: float = Field(default=5, gt=0, le=60, description="each process gives a sign of life so often")
    silent_seconds: float = Field(
        default=60, gt=0, le=3600, description="without a sign for so long, a process is dead"
    )
    every_seconds: float = Field(default=15, gt=0, le=300, description="the watchers look so often")
    missed_factor: float = Field(
        default=2, gt=1, le=10, description="periods after which a guardian that has not looked was missed"
    )
    missed_minutes: float = Field(
        default=30, gt=0, le=1440, description="at most so long after its time; a daily line is missed then"
    )
    ping_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="external watcher, healthchecks protocol: told that all is well, or /fail; empty: none",
    )
    ping_seconds: float = Field(default=60, gt=0, le=3600, description="the external watcher is told so often")
