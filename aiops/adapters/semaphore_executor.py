"""Runs a plan through Semaphore: look at its template, check mode with diff, then the run. At most once per plan.

A task's message names incident and plan, so a task that is there already is followed and never started again.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from aiops.adapters import semaphore_guard as guard
from aiops.adapters import semaphore_output as output
from aiops.adapters.ansible_events import TRANSCRIPT_CHARACTERS, Record, duration
from aiops.adapters.host_fence import BEAT_SECONDS
from aiops.adapters.scrub import scrub
from aiops.adapters.semaphore_api import Line, SemaphoreApi, SemaphoreError, Task
from aiops.condense import condense
from aiops.domain.fact import utcnow
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome, Status
from aiops.domain.plan import ApprovedPlan
from aiops.domain.remediation import Remediation
from aiops.errors import LedgerBusyError, RefusedError, SettingsError
from aiops.ports import Archive, Claim, Clock, Permit
from aiops.remediations import check_params

Kind = Literal["check", "run"]

ENDED: Final = frozenset({"success", "error", "stopped", "rejected"})
"""Every other status goes on: ``starting``, ``confirmed``, ``running``, ``stopping``, and one that we do not know."""
QUEUED: Final = frozenset({"waiting", "waiting_confirmation"})
"""Nothing has been done yet, and it may still wait for a free runner or for a human."""
_OUTPUT_LOOKS = 3
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
class _Seen:
    """What was seen of one task, to its end or as far as we followed it."""

    kind: Kind
    task: Task | None = None
    begun: bool = False
    stopped: str = ""
    lost: str = ""
    lines: Sequence[Line] = ()
    record: Record = field(default_factory=Record)

    @property
    def status(self) -> str:
        return self.task.status if self.task else ""

    @property
    def idle(self) -> bool:
        """Whether it ended without having done anything: it never left the queue and printed no play."""
        return self.status in ENDED and not self.begun and not output.played(self.lines)


class SemaphoreExecutor:
    """Runs playbooks as tasks of one Semaphore project. Safe to use from several threads."""

    def __init__(
        self,
        api: SemaphoreApi,
        expected: guard.Expected,
        permit: Permit,
        *,
        archive: Archive | None = None,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        clock: Clock = utcnow,
    ) -> None:
        """``archive`` keeps whole outputs, of which the transcript shows a short form."""
        self._api, self._expected, self._permit = api, expected, permit
        self._archive, self._pace, self._clock = archive, pace, clock

    def run(
        self,
        approved: ApprovedPlan,
        remediation: Remediation,
        hosts: Sequence[Host],
        claim: Claim,
        beat: Callable[[], bool],
    ) -> Outcome:
        """See the port. Permit, age of the approval and template are looked at once more between check mode and the run."""
        return _Run(
            self._api, self._expected, self._archive, self._pace, self._clock, approved, remediation, hosts, claim, beat
        ).go(self._permit)


class _Run:
    """One plan's way through Semaphore; what it learns goes into the outcome."""

    def __init__(  # noqa: PLR0913 - all of it is used by every step
        self,
        api: SemaphoreApi,
        expected: guard.Expected,
        archive: Archive | None,
        pace: Pace,
        clock: Clock,
        approved: ApprovedPlan,
        remediation: Remediation,
        hosts: Sequence[Host],
        claim: Claim,
        beat: Callable[[], bool],
    ) -> None:
        self.api, self.expected, self.archive, self.pace, self.clock = api, expected, archive, pace, clock
        self.approved, self.plan, self.remediation = approved, approved.plan, remediation
        self.hosts, self.claim, self.beat = hosts, claim, beat
        self.names = [host.name for host in hosts]
        self.began, self.started_at = clock(), None  # type: datetime, datetime | None
        self.deadline = time.monotonic() + self.plan.timeout
        self.last_beat, self.ours = time.monotonic(), True
        self.check, self.real = _Seen("check"), _Seen("run")
        self.notes: list[str] = []

    def go(self, permit: Permit) -> Outcome:
        """The whole run."""
        try:
            objection = self._objection()
            if objection:
                return self._outcome("failure", f"refused, nothing was started: {objection}")
            earlier = self._earlier()
        except (SemaphoreError, SettingsError) as error:
            return self._outcome("failure", f"nothing was started: {error}")
        if earlier:
            return self._after_restart(earlier)
        stood_in_the_way = self._check() or self._obstacle(permit)
        if stood_in_the_way:
            return self._outcome(*stood_in_the_way)
        return self._outcome(*self._really())

    # before anything is asked of Semaphore

    def _objection(self) -> str:
        """Why this plan cannot be given to Semaphore.

        :raises SemaphoreError: its template cannot be read
        """
        number = self.expected.templates.get(self.remediation.id)
        if number is None:
            return f"[semaphore] templates names none for {self.remediation.id}"
        try:
            params = check_params(self.remediation, self.plan.params)
        except RefusedError as refusal:
            return refusal.text
        objection = guard.against_hosts(self.hosts) or guard.against_params(params)
        if objection:
            return objection
        unfit = guard.against_template(self.api.template(number), self.remediation.id, self.expected)
        return f"template {number} does not fit: {unfit}" if unfit else ""

    def _earlier(self, kinds: Sequence[Kind] = ("check", "run")) -> list[Task]:
        """Tasks of this very plan, newest first; a check that has ended is none of them."""
        found = [task for task in self.api.last_tasks() if any(self._is(task, kind) for kind in kinds)]
        live = [task for task in found if self._is(task, "run") or task.status not in ENDED]
        return sorted(live, key=lambda task: task.id, reverse=True)

    def _is(self, task: Task, kind: Kind) -> bool:
        """Whether the message names this plan and this part of it. A message that was written on is taken for ours too."""
        words = (task.message or "").split()
        return self.plan.id in words and kind in words

    def _message(self, kind: Kind) -> str:
        return f"aiops {self.plan.incident} {self.plan.id} {kind}"

    def _after_restart(self, earlier: Sequence[Task]) -> Outcome:
        """A worker before us got this far. Its run is followed; its check is stopped and made anew by the next ring."""
        run = next((task for task in earlier if self._is(task, "run")), None)
        if run is None:
            self._stop(self.check, earlier[0].id)
            return self._outcome("skipped", f"busy: check mode of an earlier start, task {earlier[0].id}, was still there")
        self.notes.append(f"task {run.id} was started before; it was followed, and nothing was started again")
        self.started_at = self.began
        self._follow(self.real, run.id)
        return self._outcome(*self._judged())

    # check mode

    def _check(self) -> tuple[Status, str] | None:
        """Check mode; why the run must not follow."""
        try:
            started = self._start("check")
        except (SemaphoreError, SettingsError) as error:
            return "failure", f"check mode could not be started, nothing was changed: {error}"
        self._follow(self.check, started.id)
        seen, record = self.check, self.check.record
        if seen.task and not seen.task.checks_only:
            return "unknown", f"Semaphore did not say that task {started.id} is a check: it may have changed something"
        if seen.stopped or seen.lost:
            return "failure", f"stopped in check mode, nothing was changed: {seen.stopped or seen.lost}"
        others = sorted(set(record.recap) - set(self.names))
        if others:
            return "failure", f"the limit was ignored: check mode looked at {', '.join(others)} too; nothing was changed"
        if seen.status in ("stopped", "rejected"):
            return "failure", f"check mode was {seen.status} in Semaphore, nothing was changed"
        if seen.status != "success" or not record.succeeded(self.names):
            return "failure", f"check mode failed, nothing was changed: {record.reason()}"
        return None

    def _obstacle(self, permit: Permit) -> tuple[Status, str] | None:
        """Why the run must not follow a check that was fine."""
        try:
            objection = self._objection()
            if not objection and (earlier := self._earlier(["run"])):
                objection = f"task {earlier[0].id} of this plan has appeared"
        except (SemaphoreError, SettingsError) as error:
            return "failure", f"Semaphore was lost after check mode, nothing was changed: {error}"
        if objection:
            return "failure", f"refused after check mode, nothing was changed: {objection}"
        if not self.beat():
            return "failure", "the claim was lost before the run, nothing was changed"
        if self.clock() > self.approved.not_after:
            return "skipped", "expired: the approval was too old when check mode was over, nothing was changed"
        if time.monotonic() >= self.deadline:
            return "failure", "its time was over when check mode was, nothing was changed"
        if not permit.valid():
            return "skipped", "frozen: no permit after check mode, nothing was changed"
        return None

    # the run

    def _really(self) -> tuple[Status, str]:
        self.started_at = self.clock()
        try:
            started = self._start("run")
        except (SemaphoreError, SettingsError) as error:
            if isinstance(error, SettingsError) or error.final or not error.sent:
                self.started_at = None
                return "failure", f"the run could not be started, nothing was changed: {error}"
            return "unknown", f"the run was asked for, and nobody knows whether it was started: {error}"
        self._follow(self.real, started.id)
        return self._judged()

    def _judged(self) -> tuple[Status, str]:
        """What came of the run. Whatever was not seen to reach its end on exactly the plan's hosts is unknown."""
        seen, record = self.real, self.real.record
        if seen.stopped.startswith("expired") and seen.idle:
            self.started_at = None
            return "skipped", f"{seen.stopped}; it never left Semaphore's queue"
        if seen.lost or not self.ours:
            return "unknown", seen.lost or f"{seen.stopped}; {self._what_is_left()}"
        others = sorted(set(record.recap) - set(self.names))
        if others:
            return "unknown", f"it ran on {', '.join(others)} too, which nobody approved"
        if seen.status == "success" and record.succeeded(self.names):
            return "success", ""
        if seen.status == "rejected" and not output.played(seen.lines):
            return "failure", "it was rejected in Semaphore, nothing was changed"
        if seen.status in ("success", "error") and record.recap and not record.unreachable():
            missing = [name for name in self.names if name not in record.recap]
            return "failure", f"it did nothing on {', '.join(missing)}" if missing else record.reason()
        if seen.status == "error" and seen.lines and not output.played(seen.lines):
            return "failure", f"it ended before it had begun to play: {record.reason()}"
        if seen.stopped:
            return "unknown", f"{seen.stopped}; {self._what_is_left()}"
        if seen.status in ("stopped", "rejected"):
            return "unknown", f"it was {seen.status} in Semaphore by somebody else; {self._what_is_left()}"
        return "unknown", f"it did not come to its end: {record.reason()}"

    def _what_is_left(self) -> str:
        if self.real.status in ENDED:
            return f"Semaphore says {self.real.status}, and what it had begun on the host may still run"
        return f"Semaphore does not say that it stopped (last status: {self.real.status or 'none'}), so it may still run"

    # one task

    def _start(self, kind: Kind) -> Task:
        """Queue a task. When the answer is lost, look for the task before giving up: it is never asked for twice.

        :raises SemaphoreError: it was not started, or nobody knows; see ``final`` and ``sent``
        """
        checks = kind == "check"
        wanted = {
            "template_id": self.expected.templates[self.remediation.id],
            "debug": False,
            "dry_run": checks,
            "diff": checks,
            "environment": json.dumps(self.plan.params),
            "limit": ",".join(self.names),
            "message": self._message(kind),
            "params": {"debug": False, "dry_run": checks, "diff": checks, "limit": self.names},
        }
        try:
            return self.api.start(wanted)
        except SemaphoreError as error:
            if error.final or not error.sent:
                raise
            found = self._find(kind)
            if found is None:
                raise
            self.notes.append(f"the start of task {found.id} was not answered ({error.reason}); it was found")
            return found

    def _find(self, kind: Kind) -> Task | None:
        until = time.monotonic() + self.pace.look
        while True:
            try:
                found = [task for task in self.api.last_tasks() if self._is(task, kind) and task.status not in ENDED]
                if kind == "run":  # one that has ended already is ours as well: there was none before
                    found = self._earlier(["run"])
            except SemaphoreError as error:
                if error.final:
                    return None
                found = []
            if found:
                return max(found, key=lambda task: task.id)
            if time.monotonic() >= until or not self._alive():
                return None
            self._wait()

    def _follow(self, seen: _Seen, task: int) -> None:
        """Watch it until it ends, or until it has to be stopped."""
        while True:
            reason = self._look(seen, task)
            if seen.lost or seen.status in ENDED:
                break
            if not self._alive():
                reason = "stopped, because its claim was lost"
            elif time.monotonic() >= self.deadline:
                reason = "stopped, because its time is over"
            if reason:
                seen.stopped = reason
                self._stop(seen, task)
                break
            self._wait()
        self._collect(seen, task)

    def _look(self, seen: _Seen, task: int) -> str:
        """One look; why it must be stopped, or nothing. A server that does not answer is asked again until the time is over."""
        try:
            now = self.api.task(task)
        except SemaphoreError as error:
            if error.final:
                seen.lost = f"task {task} is out of sight: {error}"
            return ""
        except SettingsError as error:
            seen.lost = f"task {task} is out of sight: {error}"
            return ""
        seen.task = now
        seen.begun = seen.begun or now.start is not None or now.status not in QUEUED | ENDED
        if seen.kind == "run" and not seen.begun and self.clock() > self.approved.not_after:
            return "expired: the approval was too old before it began"
        return self._strange(seen, now)

    def _strange(self, seen: _Seen, now: Task) -> str:
        """Why the task is not the one that was asked for."""
        commit = self.check.task.commit_hash if self.check.task else None
        checks = (
            (now.template_id != self.expected.templates[self.remediation.id], "it runs another template"),
            (not self._is(now, seen.kind), "it does not carry our message, so it could not be found again"),
            (seen.kind == "check" and not now.checks_only, "Semaphore does not say that it is a check"),
            (seen.kind == "run" and now.checks_only, "Semaphore says that it is only a check"),
            (now.hosts != frozenset(self.names), f"it is limited to {', '.join(sorted(now.hosts)) or 'nothing'}"),
            (
                bool(seen.kind == "run" and commit and now.commit_hash and commit != now.commit_hash),
                f"it runs commit {now.commit_hash}, and check mode saw {commit}",
            ),
        )
        return next((f"stopped, because {text}" for bad, text in checks if bad), "")

    def _stop(self, seen: _Seen, task: int) -> None:
        """Ask it to stop, then kill it; ``seen`` tells whether Semaphore says that it has ended."""
        for force in (False, True):
            try:
                self.api.stop(task, force=force)
            except (SemaphoreError, SettingsError) as error:
                self.notes.append(f"task {task} could not be stopped: {error}")
            until = time.monotonic() + self.pace.stop
            while True:
                self._look(seen, task)
                if seen.lost or seen.status in ENDED:
                    return
                self._alive()
                if time.monotonic() >= until:
                    break
                self._wait()

    def _collect(self, seen: _Seen, task: int) -> None:
        """Its output. Without one nothing is proved, so it is asked for more than once."""
        for _ in range(_OUTPUT_LOOKS):
            try:
                seen.lines = self.api.output(task)
            except (SemaphoreError, SettingsError) as error:
                self.notes.append(f"the output of task {task} cannot be read: {error}")
            seen.record = output.read(seen.lines)
            if seen.record.recap or seen.status not in ("success", "error"):
                return
            self._alive()
            self._wait()

    def _alive(self) -> bool:
        """Extend the lease when it is time to; whether the claim is still ours."""
        now = time.monotonic()
        if self.ours and now - self.last_beat >= self.pace.beat:
            self.last_beat, self.ours = now, self.beat()
        return self.ours

    def _wait(self) -> None:
        threading.Event().wait(self.pace.poll)  # Semaphore tells nothing by itself without a browser's session

    # what is told

    def _outcome(self, status: Status, reason: str) -> Outcome:
        finished = self.clock()
        parts = [
            f"# {self.remediation.title}",
            "",
            f"- incident {self.plan.incident}, plan {self.plan.id}, fence {self.claim.fence}",
            f"- hosts: {', '.join(self.names)}, through Semaphore",
            f"- {status} after {duration(finished - self.began)}" + (f": {reason}" if reason else ""),
            *(f"- {note}" for note in self.notes),
            "",
            *(self._section("Check mode", self.check) if self.check.task else []),
            *(self._section("Run", self.real) if self.real.task else []),
        ]
        seen = self.real if self.real.task else self.check
        return Outcome(
            plan=self.plan.id,
            incident=self.plan.incident,
            status=status,
            reason=self._clean(reason),
            fence=self.claim.fence,
            started_at=self.started_at,
            finished_at=finished,
            recap=seen.record.recap,
            changes=self._clean(self.check.record.changes()),
            transcript=self._clean("\n".join(parts))[:TRANSCRIPT_CHARACTERS],
        )

    def _section(self, title: str, seen: _Seen) -> list[str]:
        task = seen.task
        commit = f", commit {task.commit_hash}" if task and task.commit_hash else ""
        whole = self._clean(output.text_of(seen.lines))
        short = condense(whole, "ansible-playbook")
        if self.archive and whole:
            try:
                self.archive.keep(whole)
            except LedgerBusyError as error:
                self.notes.append(f"the whole output could not be kept: {error}")
        return [
            seen.record.transcript(f"{title}, task {task.id if task else '?'}: {seen.status}{commit}"),
            *(f"    {line}" for line in short.text.splitlines()),
            "",
        ]

    def _clean(self, text: str) -> str:
        try:
            known = [self.api.token()]
        except SettingsError:
            known = []
        return scrub(text, known)
