"""Runs a plan through Semaphore: look at its template, check mode with diff, then the run. At most once per plan.

A task's message names incident and plan, so a task that is there already is followed and never started again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from aiops.adapters import semaphore_guard as guard
from aiops.adapters.ansible_events import TRANSCRIPT_CHARACTERS, duration
from aiops.adapters.semaphore_api import SemaphoreApi, SemaphoreError, Task
from aiops.adapters.semaphore_judge import Judgement, Seen, judge_check, judge_run
from aiops.adapters.semaphore_output import text_of
from aiops.adapters.semaphore_tasks import Heart, Pace, Tasks, is_for
from aiops.condense import condense
from aiops.condense.scrub import scrub
from aiops.domain.fact import utcnow
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome, Status
from aiops.domain.plan import ApprovedPlan
from aiops.domain.remediation import Remediation
from aiops.errors import LedgerBusyError, RefusedError, SettingsError
from aiops.ports import Archive, Claim, Clock, Permit
from aiops.remediations import check_params


class SemaphoreExecutor:
    """Runs playbooks as tasks of one Semaphore project. Safe to use from several threads."""

    def __init__(
        self,
        api: SemaphoreApi,
        expected: guard.Expected,
        permit: Permit,
        pace: Pace,
        *,
        archive: Archive | None = None,
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
        heart = Heart(beat, self._pace.beat)
        template = self._expected.templates.get(remediation.id, 0)
        tasks = Tasks(self._api, approved.plan, template, heart, self._pace, self._clock)
        order = _Order(self._api, self._expected, approved, remediation, hosts)
        run = _Run(order, tasks, heart, self._clock)
        status, reason = run.go(self._permit)
        return _Report(order, run, claim, self._archive).outcome(status, reason, self._clock())


class _Order:
    """What is to be done, and whether Semaphore may be asked for it."""

    def __init__(
        self,
        api: SemaphoreApi,
        expected: guard.Expected,
        approved: ApprovedPlan,
        remediation: Remediation,
        hosts: Sequence[Host],
    ) -> None:
        self.api, self._expected, self.approved = api, expected, approved
        self.plan, self.remediation, self._hosts = approved.plan, remediation, hosts
        self.names = [host.name for host in hosts]

    def objection(self) -> str:
        """Why this plan cannot be given to Semaphore, or nothing.

        :raises SemaphoreError: its template cannot be read
        """
        number = self._expected.templates.get(self.remediation.id)
        if number is None:
            return f"[semaphore] templates names none for {self.remediation.id}"
        if tuple(self.names) != self.plan.hosts:
            return "its hosts are not the plan's"
        try:
            params = check_params(self.remediation, self.plan.params)
        except RefusedError as refusal:
            return refusal.text
        objection = guard.against_hosts(self._hosts) or guard.against_params(params)
        if objection:
            return objection
        unfit = guard.against_template(self.api.template(number), self.remediation.id, self._expected)
        return f"template {number} does not fit: {unfit}" if unfit else ""


class _Run:
    """One plan's way through Semaphore."""

    def __init__(self, order: _Order, tasks: Tasks, heart: Heart, clock: Clock) -> None:
        self.order, self.tasks, self.heart, self.clock = order, tasks, heart, clock
        self.began = clock()
        self.started_at: datetime | None = None
        self.check, self.real = Seen("check"), Seen("run")

    def go(self, permit: Permit) -> Judgement:
        """The whole of it."""
        try:
            objection = self.order.objection()
            if objection:
                return "failure", f"refused, nothing was started: {objection}"
            run, check = self._there()
        except (SemaphoreError, SettingsError) as error:
            return "failure", f"nothing was started: {error}"
        if run:
            self.tasks.notes.append(f"task {run.id} was there already; it was followed, and nothing was started again")
            self.started_at = self.began
            return self._follow(run)
        if check:
            self.check.task = check
            self.tasks.stop(self.check, check.id)
            return "skipped", f"busy: check mode of an earlier start, task {check.id}, was still there"
        return self._checked() or self._obstacle(permit) or self._really()

    def _there(self) -> tuple[Task | None, Task | None]:
        """The plan's run and its unfinished check of an earlier start. A check that has ended changed nothing and is old."""
        earlier = self.tasks.earlier()
        run = next((task for task in earlier if is_for(task, self.order.plan, "run")), None)
        check = next((task for task in earlier if not Seen("check", task).ended), None)
        return run, check

    def _checked(self) -> Judgement | None:
        try:
            started = self.tasks.start("check")
        except (SemaphoreError, SettingsError) as error:
            return "failure", f"check mode could not be started, nothing was changed: {error}"
        self.check = self.tasks.follow("check", started, self.order.approved.not_after)
        return judge_check(self.check, self.order.names)

    def _obstacle(self, permit: Permit) -> Judgement | None:
        """Why the run must not follow a check that was fine."""
        try:
            objection = self.order.objection()
            run = None if objection else self._there()[0]
        except (SemaphoreError, SettingsError) as error:
            return "failure", f"Semaphore was lost after check mode, nothing was changed: {error}"
        ours = self.heart.beat()
        old = self.clock() > self.order.approved.not_after
        checks: tuple[tuple[bool, Status, str], ...] = (
            (bool(objection), "failure", f"refused after check mode: {objection}"),
            (run is not None, "failure", "another run of this plan has appeared in Semaphore"),
            (not ours, "failure", "the claim was lost before the run"),
            (self.tasks.late, "failure", "its time was over when check mode was"),
            (old, "skipped", "expired: the approval was too old when check mode was over"),
            (not permit.valid(), "skipped", "frozen: no permit after check mode"),
        )
        return next(((status, f"{text}, nothing was changed") for bad, status, text in checks if bad), None)

    def _really(self) -> Judgement:
        self.started_at = self.clock()
        try:
            started = self.tasks.start("run")
        except SettingsError as error:
            self.started_at = None
            return "failure", f"the run could not be started, nothing was changed: {error}"
        except SemaphoreError as error:
            if error.final or not error.sent:
                self.started_at = None
                return "failure", f"the run could not be started, nothing was changed: {error}"
            return "unknown", f"the run was asked for, and nobody knows whether it was started: {error}"
        return self._follow(started)

    def _follow(self, started: Task) -> Judgement:
        commit = self.check.task.commit_hash if self.check.task else None
        self.real = self.tasks.follow("run", started, self.order.approved.not_after, commit)
        status, reason = judge_run(self.real, self.order.names, ours=self.heart.ours)
        if status == "skipped":
            self.started_at = None
        return status, reason


class _Report:
    """What is told of it: secrets taken out, long outputs shortened and kept whole in the archive."""

    def __init__(self, order: _Order, run: _Run, claim: Claim, archive: Archive | None) -> None:
        self._order, self._run, self._claim, self._archive = order, run, claim, archive
        try:
            self._known = [order.api.token()]
        except SettingsError:
            self._known = []

    def outcome(self, status: Status, reason: str, finished: datetime) -> Outcome:
        """The outcome with its transcript."""
        run, plan = self._run, self._order.plan
        sections = [
            *(self._section("Check mode", run.check) if run.check.task else []),
            *(self._section("Run", run.real) if run.real.task else []),
        ]
        parts = [
            f"# {self._order.remediation.title}",
            "",
            f"- incident {plan.incident}, plan {plan.id}, fence {self._claim.fence}",
            f"- hosts: {', '.join(self._order.names)}, through Semaphore",
            f"- {status} after {duration(finished - run.began)}" + (f": {reason}" if reason else ""),
            *(f"- {note}" for note in run.tasks.notes),
            "",
            *sections,
        ]
        seen = run.real if run.real.task else run.check
        return Outcome(
            plan=plan.id,
            incident=plan.incident,
            status=status,
            reason=self._clean(reason),
            fence=self._claim.fence,
            started_at=run.started_at,
            finished_at=finished,
            recap=seen.record.recap,
            changes=self._clean(run.check.record.changes()),
            transcript=self._clean("\n".join(parts))[:TRANSCRIPT_CHARACTERS],
        )

    def _section(self, title: str, seen: Seen) -> list[str]:
        task = seen.task
        commit = f", commit {task.commit_hash}" if task and task.commit_hash else ""
        whole = self._clean(text_of(seen.lines))
        if self._archive and whole:
            try:
                self._archive.keep(whole)
            except LedgerBusyError as error:
                self._run.tasks.notes.append(f"the whole output could not be kept: {error}")
        shown = condense(whole, "ansible-playbook").text
        return [
            seen.record.transcript(f"{title}: task {task.id if task else '?'}, {seen.status}{commit}"),
            *(f"    {line}" for line in shown.splitlines()),
            "",
        ]

    def _clean(self, text: str) -> str:
        return scrub(text, self._known)
