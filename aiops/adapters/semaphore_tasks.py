"""One plan's tasks in Semaphore: found again by their message, started at most once, followed, stopped."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiops.adapters import semaphore_output as output
from aiops.adapters.host_fence import BEAT_SECONDS
from aiops.adapters.semaphore_api import SemaphoreApi, SemaphoreError, Task
from aiops.adapters.semaphore_judge import ENDED, QUEUED, Kind, Seen
from aiops.domain.plan import Plan
from aiops.errors import SettingsError
from aiops.ports import Clock

OUTPUT_LOOKS = 3
"""Semaphore writes a task's last lines up to a second after its last status."""


@dataclass(frozen=True)
class Pace:
    """Seconds. ``stop``: how long a task may take to stop before it is killed, and then again; ``look``: how long a task
    whose start was not answered is looked for.
    """

    poll: float = 2.0
    beat: float = BEAT_SECONDS
    stop: float = 10.0
    look: float = 10.0


@dataclass
class Heart:
    """Extends the lease while we wait, every ``every`` seconds. Once lost, the claim stays lost."""

    beat: Callable[[], bool]
    every: float
    ours: bool = True
    last: float = field(default_factory=time.monotonic)

    def alive(self) -> bool:
        """Whether the claim is still ours."""
        now = time.monotonic()
        if self.ours and now - self.last >= self.every:
            self.last, self.ours = now, self.beat()
        return self.ours


class Tasks:
    """The tasks of one plan. ``notes`` collects what went wrong and was mended."""

    def __init__(self, api: SemaphoreApi, plan: Plan, template: int, heart: Heart, pace: Pace, clock: Clock) -> None:
        self._api, self._plan, self._template = api, plan, template
        self._heart, self._pace, self._clock = heart, pace, clock
        self._deadline = time.monotonic() + plan.timeout
        self._newest = 0
        self.notes: list[str] = []

    @property
    def late(self) -> bool:
        """Whether the plan's time is over."""
        return time.monotonic() >= self._deadline

    def earlier(self) -> Sequence[Task]:
        """The plan's tasks that are there already, newest first.

        :raises SemaphoreError: they cannot be read
        """
        self._heart.alive()
        tasks = self._api.last_tasks()
        self._newest = max((task.id for task in tasks), default=0)
        ours = [task for task in tasks if is_for(task, self._plan, "check") or is_for(task, self._plan, "run")]
        return sorted(ours, key=lambda task: task.id, reverse=True)

    def start(self, kind: Kind) -> Task:
        """Queue a task. When the answer is lost it is looked for, and never asked for again.

        :raises SemaphoreError: it was not started, or nobody knows; see ``final`` and ``sent``
        """
        self._heart.alive()
        try:
            return self._api.start(self._wanted(kind))
        except SemaphoreError as error:
            if error.final or not error.sent:
                raise
            found = self._find(kind)
            if found is None:
                raise
            self.notes.append(f"the start of task {found.id} was not answered ({error.reason}); it was found")
            return found

    def _wanted(self, kind: Kind) -> dict[str, object]:
        """The request. Older servers read ``dry_run``, ``diff`` and ``limit`` beside ``params``, newer ones inside."""
        checks, hosts = kind == "check", list(self._plan.hosts)
        return {
            "template_id": self._template,
            "debug": False,
            "dry_run": checks,
            "diff": checks,
            "environment": json.dumps(self._plan.params),
            "limit": ",".join(hosts),
            "message": f"aiops {self._plan.incident} {self._plan.id} {kind}",
            "params": {"debug": False, "dry_run": checks, "diff": checks, "limit": hosts},
        }

    def _find(self, kind: Kind) -> Task | None:
        """The task that was asked for since the last look at all of them."""
        until = time.monotonic() + self._pace.look
        while True:
            try:
                tasks = self._api.last_tasks()
            except SemaphoreError as error:
                if error.final:
                    return None
                tasks = []
            found = [task for task in tasks if task.id > self._newest and is_for(task, self._plan, kind)]
            if found:
                return max(found, key=lambda task: task.id)
            if time.monotonic() >= until or not self._heart.alive():
                return None
            self._wait()

    def follow(self, kind: Kind, started: Task, begin_until: datetime, commit: str | None = None) -> Seen:
        """Watch it until it ends or has to be stopped, and read what it printed.

        It must begin before ``begin_until`` and run ``commit``, when both are known.
        """
        seen = Seen(kind, started)
        while True:
            if self._look(seen, started.id):
                seen.strange = self._strange(seen, commit)
            if seen.lost or seen.ended:
                break
            seen.stopped = self._why_stop(seen, begin_until)
            if seen.stopped:
                self.stop(seen, started.id)
                break
            self._wait()
        self._collect(seen, started.id)
        return seen

    def _look(self, seen: Seen, task: int) -> bool:
        """One look; False when there was no answer. Then it is looked at again, until the time is over."""
        try:
            seen.task = self._api.task(task)
        except SemaphoreError as error:
            if error.final:
                seen.lost = f"task {task} is out of sight: {error}"
        except SettingsError as error:
            seen.lost = f"task {task} is out of sight: {error}"
        else:
            seen.begun = seen.begun or seen.task.start is not None or seen.status not in QUEUED | ENDED
            return True
        return False

    def _why_stop(self, seen: Seen, begin_until: datetime) -> str:
        reasons = (
            (not self._heart.alive(), "stopped, because its claim was lost"),
            (self.late, "stopped, because its time is over"),
            (not seen.begun and self._clock() > begin_until, "expired: the approval was too old before it began"),
            (bool(seen.strange), f"stopped, because {seen.strange}"),
        )
        return next((text for holds, text in reasons if holds), "")

    def _strange(self, seen: Seen, commit: str | None) -> str:
        """Why the task is not the one that was asked for, or nothing."""
        now = seen.task
        if now is None:
            return ""
        checks = (
            (now.template_id != self._template, "it runs another template"),
            (not is_for(now, self._plan, seen.kind), "it does not carry our message, so it could not be found again"),
            (seen.kind == "check" and not now.checks_only, "Semaphore does not say that it is a check"),
            (seen.kind == "run" and now.checks_only, "Semaphore says that it is only a check"),
            (now.hosts != frozenset(self._plan.hosts), f"it is limited to {', '.join(sorted(now.hosts)) or 'no host'}"),
            (
                bool(commit and now.commit_hash) and commit != now.commit_hash,
                f"it runs commit {now.commit_hash}, and check mode saw {commit}",
            ),
        )
        return next((text for bad, text in checks if bad), "")

    def stop(self, seen: Seen, task: int) -> None:
        """Ask it to stop, then kill it. ``seen`` tells afterwards whether Semaphore says that it has ended."""
        for force in (False, True):
            try:
                self._api.stop(task, force=force)
            except (SemaphoreError, SettingsError) as error:
                self.notes.append(f"task {task} could not be stopped: {error}")
            until = time.monotonic() + self._pace.stop
            while True:
                self._look(seen, task)
                if seen.lost or seen.ended:
                    return
                self._heart.alive()
                if time.monotonic() >= until:
                    break
                self._wait()

    def _collect(self, seen: Seen, task: int) -> None:
        """Its output. Without one nothing is proved, so it is asked for more than once."""
        for _ in range(OUTPUT_LOOKS):
            try:
                seen.lines = self._api.output(task)
            except (SemaphoreError, SettingsError) as error:
                self.notes.append(f"the output of task {task} cannot be read: {error}")
            seen.record = output.read(seen.lines)
            if seen.record.recap or seen.status not in {"success", "error"}:
                return
            self._heart.alive()
            self._wait()

    def _wait(self) -> None:
        threading.Event().wait(self._pace.poll)  # Semaphore tells nothing by itself without a browser's session


def is_for(task: Task, plan: Plan, kind: Kind) -> bool:
    """Whether the message names this plan and this part of it. A message that somebody added to is taken for ours too."""
    words = (task.message or "").split()
    return plan.id in words and kind in words
