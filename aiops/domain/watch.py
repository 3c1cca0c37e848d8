"""How long the watchers wait before silence is death."""

from pydantic import BaseModel, ConfigDict, Field

WORKERS = ("detect", "incidents", "triage", "remediation", "notify", "night")
"""Every process that drains a queue, which has its name."""

PROCESSES = (*WORKERS, "beat", "bridge")
"""Every process that leaves signs of life."""


def canary(worker: str) -> str:
    """The sign of life that only a canary leaves: the worker took it from its queue and did it."""
    return f"{worker}.canary"


def busy(worker: str) -> str:
    """The sign that all places of a worker are taken."""
    return f"{worker}.busy"


class Watched(BaseModel):
    """The table ``[watch]`` of the settings. See docs/watchers.md for the times that come of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processes: tuple[str, ...] = Field(default=PROCESSES, description="processes whose silence is an incident")
    pulse_seconds: float = Field(default=5, gt=0, le=60, description="each process gives a sign of life so often")
    silent_seconds: float = Field(
        default=60, gt=0, le=3600, description="without a sign for so long, a process is dead"
    )
    canary_seconds: float = Field(default=60, gt=0, le=600, description="each queue gets a canary so often")
    deaf_seconds: float = Field(
        default=300,
        gt=0,
        le=86400,
        description="a worker that lives and has answered no canary for so long is deaf; above its longest usual task",
    )
    busy_seconds: float = Field(
        default=4200,
        gt=0,
        le=86400,
        description="the same for a worker that is at work in all its places; above the longest playbook (an hour)",
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
