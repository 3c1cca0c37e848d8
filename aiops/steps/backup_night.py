"""Advances the open backup run by one round: looks at what was begun, begins what is next, and at the end says what came of it.

Level-triggered: everything is in the ledger and on the nodes, so whoever comes after a kill goes on where the last one was.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from aiops.domain.backup import BackupResult, Night, StepRecord, StepState
from aiops.domain.event import Event
from aiops.domain.host import Host
from aiops.domain.severity import Severity
from aiops.errors import HostKeyError, HostTimeoutError, HostUnreachableError, RefusedError, UnknownError
from aiops.ports import BackupServices, Progress
from aiops.steps.backup_judge import TIME_OVER, busy, judged, result_of
from aiops.steps.backup_sequence import Sort, Step, candidates, next_steps

PATIENCE = timedelta(minutes=10)
"""Beyond a step's own time, for a node that does not answer: a reboot in the middle takes minutes."""
STARTS = 2
"""A node that was rebooted has forgotten the step: it is started once more, and not again and again."""
_QUESTION = 60.0
"""Seconds: what asks a node's own service answers at once."""
LOOK_AGAIN = timedelta(seconds=15)
"""Between two looks at what others run."""

_log = logging.getLogger(__name__)


class _LostError(Exception):
    """Somebody else has taken the run over."""


def advance_backup(owner: str, services: BackupServices) -> BackupResult | None:
    """One round; the result when this round ended the run.

    :raises LedgerBusyError: the ledger cannot be written; the next round goes on
    """
    night = services.runs.take_backup(owner, services.lease_seconds, services.clock())
    if night is None:
        return None
    if not night.stop and night.over(services.clock()):
        services.runs.stop_backup(f"{TIME_OVER} ({night.scope.most_hours:g} h)", services.clock())
        night = services.runs.take_backup(owner, services.lease_seconds, services.clock()) or night
    steps = next_steps(night)
    if not steps:
        return _end(night, services)
    try:
        for step in steps:
            # Each may take as long as a host that does not answer lets us wait: the lease must not end meanwhile.
            if services.runs.take_backup(owner, services.lease_seconds, services.clock()) is None:
                break
            _Worked(step, night, services).go()
    except _LostError:
        _log.warning("%s: another worker has taken the run over", night.run)
    return None


class _Worked:
    """One step in one round."""

    def __init__(self, step: Step, night: Night, services: BackupServices) -> None:
        self.step, self.night, self.services, self.now = step, night, services, services.clock()
        self.record = night.known.get(step.key) or self._begin()
        self._ways: Mapping[Sort, Callable[[], None]] = {
            "command": self._command,
            "quiet": self._quiet,
            "look": self._look,
            "wait": self._wait,
            "off": self._off,
            "pick": self._pick,
            "stop": self._stop,
        }

    def go(self) -> None:
        """Do what is next for it. A host that does not answer is asked again until the step's time is over."""
        if self.record.not_before and self.now < self.record.not_before:
            return
        try:
            self._ways[self.step.sort]()
        except (HostUnreachableError, HostTimeoutError) as error:
            if self.now - self.record.began_at >= timedelta(seconds=self.step.seconds) + PATIENCE:
                self._end("failed", str(error))
        except RefusedError as error:
            if error.reason == "fenced":
                raise _LostError from error
            if error.reason != "busy":
                self._end("failed", str(error))
        except (HostKeyError, UnknownError) as error:
            self._end("failed", str(error))

    @property
    def _over(self) -> bool:
        return self.now - self.record.began_at >= timedelta(seconds=self.step.seconds)

    @property
    def _left_out(self) -> bool:
        """Whether it must not be begun any more."""
        return bool(self.night.stop) and not self.step.cleanup

    def _command(self) -> None:
        progress = self._progress(self.step.key)
        if progress is None:
            return
        if progress.state != "running":
            self._end(*judged(self.step, progress, self.night))
        elif self.now - self.record.began_at >= timedelta(seconds=self.step.seconds) + PATIENCE:
            self._end("failed", f"it still runs after {self.step.seconds / 60:g} min, though it was to be ended")

    def _quiet(self) -> None:
        """Ask what runs there, under a new name each time, until it is nothing that minds."""
        progress = self._progress(f"{self.step.key}-{self.record.asked}")
        if progress is None or progress.state == "running":
            return
        try:
            if progress.state == "lost" or progress.code:
                raise ValueError(judged(self.step, progress, self.night)[1])  # noqa: TRY301 - as blind as a list that cannot be read
            runs = busy(progress.output)
        except ValueError as error:
            runs = f"what runs there cannot be told: {error}"
        if not runs:
            self._end("done", "nothing runs there")
        elif self._over:
            self._end("failed", runs)
        else:
            asked = self.record.asked + 1
            self._put(text=runs, asked=asked, tries=0, not_before=self.now + LOOK_AGAIN)

    def _look(self) -> None:
        self._end("done", "awake" if self.services.nodes.answers(self._host) else "asleep")

    def _wait(self) -> None:
        if self._left_out:
            self._end("skipped", self.night.stop)
        elif self.services.nodes.answers(self._host):
            self._end("done", "it answers")
        elif self._over:
            self._end("failed", f"no answer within {self.step.seconds / 60:g} min")

    def _off(self) -> None:
        """It may be gone before it has said that it goes, so only its silence counts."""
        if not self.services.nodes.answers(self._host):
            self._end("done", "it no longer answers")
            return
        progress = self._progress(self.step.key)
        if progress and progress.state == "done" and progress.code:
            self._end(*judged(self.step, progress, self.night))
        elif progress and self._over:
            self._end("failed", f"it still answers after {self.step.seconds / 60:g} min")

    def _pick(self) -> None:
        found = candidates(self.night)
        if found and not self._left_out:
            self._end("done", self.services.choose(found))
        else:
            self._end("skipped", self.night.stop or "no container was backed up")

    def _stop(self) -> None:
        self.services.nodes.stop(self._host, self.night.run, self.night.fence)
        self._end("done", self.night.stop)

    @property
    def _host(self) -> Host:
        return self.services.inventory.find(self.step.host)

    def _progress(self, name: str) -> Progress | None:
        """How far its command is, begun if it was not; None when it has ended without a command."""
        nodes, night = self.services.nodes, self.night
        if self.record.tries or self._left_out:
            progress = nodes.state(self._host, night.run, night.fence, name)
            if progress.state != "absent":
                return progress
        if self._left_out:
            self._end("skipped", night.stop)
            return None
        if self.record.tries >= STARTS:
            self._end("failed", f"{self.step.host} has forgotten it {STARTS} times: was it rebooted?")
            return None
        seconds = _QUESTION if self.step.sort == "quiet" else self.step.seconds
        progress = nodes.start(self._host, night.run, night.fence, name, self.step.argv, seconds)
        self._put(tries=self.record.tries + 1)
        return progress

    def _begin(self) -> StepRecord:
        record = StepRecord(key=self.step.key, host=self.step.host, state="begun", began_at=self.now)
        if not self.services.runs.put_step(self.night.run, self.night.fence, record):
            raise _LostError
        _tell("backup.step", Severity.DEBUG, self.night.run, self.step.host, f"{record.key} begins", self.services)
        return record

    def _put(self, **changes: object) -> None:
        self.record = StepRecord.model_validate({**self.record.model_dump(), **changes})
        if not self.services.runs.put_step(self.night.run, self.night.fence, self.record):
            raise _LostError

    def _end(self, state: StepState, text: str) -> None:
        self._put(state=state, text=text, ended_at=self.now, not_before=None)
        severity = Severity.WARNING if state == "failed" else Severity.INFO
        said = f"{self.step.key} on {self.step.host}: {state}{f', {text}' if text else ''}"
        _tell("backup.step", severity, self.night.run, self.step.host, said[:500], self.services, state=state)


def _end(night: Night, services: BackupServices) -> BackupResult | None:
    result = result_of(night, services.clock())
    if not services.runs.end_backup(night.fence, result):
        return None
    severity = Severity.INFO if result.status == "success" else Severity.WARNING
    text = f"the backup {result.run} ended: {result.status} {result.reason}".rstrip()
    _tell("backup.finished", severity, night.run, night.scope.store, text[:500], services, status=result.status)
    return result


def _tell(
    kind: str, severity: Severity, run: str, host: str, text: str, services: BackupServices, **context: object
) -> None:
    services.events.publish(
        Event(
            source="claude",
            cron="guardian-backup",
            severity=severity,
            timestamp=services.clock(),
            host=host,
            symptom=text,
            type=kind,
            incident=run,
            response=True,
            context=context,
        )
    )
