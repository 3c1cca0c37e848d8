"""What a Semaphore task proves once it was followed. Pure: what was seen goes in, status and reason come out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from aiops.adapters.ansible_events import Record
from aiops.adapters.semaphore_api import Line, Task
from aiops.adapters.semaphore_output import played
from aiops.domain.outcome import Status

Kind = Literal["check", "run"]
Judgement = tuple[Status, str]

ENDED: Final = frozenset({"success", "error", "stopped", "rejected"})
"""Every other status goes on: ``starting``, ``confirmed``, ``running``, ``stopping``, and one that we do not know."""
QUEUED: Final = frozenset({"waiting", "waiting_confirmation"})
"""Nothing has been done yet: it waits for a free runner, or for a human in Semaphore."""


@dataclass
class Seen:
    """What was seen of one task, to its end or as far as it could be followed.

    ``stopped`` says why we stopped it, ``lost`` why we cannot see it any more, ``strange`` why it is not what was asked for;
    ``begun`` that it left the queue.
    """

    kind: Kind
    task: Task | None = None
    begun: bool = False
    stopped: str = ""
    lost: str = ""
    strange: str = ""
    lines: Sequence[Line] = ()
    record: Record = field(default_factory=Record)

    @property
    def status(self) -> str:
        """Semaphore's word for it; empty before the first look."""
        return self.task.status if self.task else ""

    @property
    def ended(self) -> bool:
        """Whether Semaphore says that nothing follows."""
        return self.status in ENDED

    @property
    def idle(self) -> bool:
        """Whether it ended without having done anything: it never left the queue and printed no play."""
        return self.ended and not self.begun and not played(self.lines)

    @property
    def expired(self) -> bool:
        """Whether it was taken out of the queue because it came too late, and had done nothing."""
        return self.stopped.startswith("expired") and self.idle


def judge_check(seen: Seen, hosts: Sequence[str]) -> Judgement | None:
    """Why the run must not follow this check; None when it may."""
    record, number = seen.record, seen.task.id if seen.task else 0
    if seen.task and not seen.task.checks_only:
        return "unknown", f"Semaphore did not say that task {number} is a check: it may have changed something"
    if seen.expired:
        return "skipped", f"{seen.stopped}; check mode never left Semaphore's queue"
    others = _others(seen, hosts)
    fine = seen.status == "success" and record.succeeded(hosts)
    checks = (
        (bool(seen.stopped or seen.lost), f"stopped in check mode, nothing was changed: {seen.stopped or seen.lost}"),
        (bool(seen.strange), f"check mode ended {seen.status}, but {seen.strange}; nothing was changed"),
        (bool(others), f"the limit was ignored: check mode looked at {others} too; nothing was changed"),
        (seen.status in {"stopped", "rejected"}, f"check mode was {seen.status} in Semaphore, nothing was changed"),
        (not fine, f"check mode failed, nothing was changed: {record.reason()}"),
    )
    return next((("failure", text) for bad, text in checks if bad), None)


def judge_run(seen: Seen, hosts: Sequence[str], *, ours: bool) -> Judgement:
    """What came of the run. Whatever was not seen to reach its end on exactly the plan's hosts is unknown."""
    record, others = seen.record, _others(seen, hosts)
    quiet = bool(seen.lines) and not played(seen.lines)
    told = seen.status in {"success", "error"} and bool(record.recap) and not record.unreachable()
    missing = ", ".join(name for name in hosts if name not in record.recap)
    judgements: tuple[tuple[bool, Status, str], ...] = (
        (
            seen.stopped.startswith("expired") and seen.idle,
            "skipped",
            f"{seen.stopped}; it never left Semaphore's queue",
        ),
        (bool(seen.lost), "unknown", seen.lost),
        (not ours, "unknown", f"{seen.stopped or 'its claim was lost'}; {_left(seen)}"),
        (bool(seen.strange) and not seen.stopped, "unknown", f"it ended {seen.status}, but {seen.strange}"),
        (bool(others), "unknown", f"it ran on {others} too, which nobody approved"),
        (seen.status == "success" and record.succeeded(hosts), "success", ""),
        (seen.status == "rejected" and seen.idle, "failure", "it was rejected in Semaphore, nothing was changed"),
        (told, "failure", f"it did nothing on {missing}" if missing else record.reason()),
        (seen.status == "error" and quiet, "failure", f"it ended before it began to play: {record.reason()}"),
        (bool(seen.stopped), "unknown", f"{seen.stopped}; {_left(seen)}"),
        (seen.status in {"stopped", "rejected"}, "unknown", f"it was {seen.status} by somebody else; {_left(seen)}"),
    )
    unseen: Judgement = ("unknown", f"its end was not seen: {record.reason()}")
    return next(((status, reason) for holds, status, reason in judgements if holds), unseen)


def _others(seen: Seen, hosts: Sequence[str]) -> str:
    """Hosts in its recap that the plan does not name."""
    return ", ".join(sorted(set(seen.record.recap) - set(hosts)))


def _left(seen: Seen) -> str:
    if seen.ended:
        return f"Semaphore says {seen.status}, and what it had begun on the host may still run"
    return f"Semaphore does not say that it ended (last status: {seen.status or 'none'}), so it may still run"
