"""What came of a plan."""

from typing import Literal

from pydantic import Field

from aiops.domain.fact import Fact, Moment

Status = Literal["success", "failure", "unknown", "skipped"]


class Outcome(Fact):
    """``unknown`` means it was started and nobody can say how it ended; it is never started again by itself.

    ``skipped`` means it was not started; ``reason`` says why. ``changes`` is what check mode announced (``--diff``) before
    the run; ``report`` is what a playbook set out to tell; ``recap`` is Ansible's count per host.
    """

    plan: str
    incident: str
    status: Status
    reason: str = ""
    fence: int = 0
    started_at: Moment | None = None
    finished_at: Moment
    recap: dict[str, dict[str, int]] = Field(default_factory=dict)
    changes: str = ""
    report: str = ""
    transcript: str = ""
