"""Runs a plan with ansible-runner: stamp the hosts, check mode with diff, then the run. Nothing is left behind."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ansible_runner import Runner, RunnerConfig

from aiops.adapters import host_fence
from aiops.adapters.ansible_events import Record, duration
from aiops.adapters.ansible_ssh import FENCE_FOLDER, Login, inventory, ssh_options
from aiops.adapters.ansible_vars import unsafe_yaml
from aiops.adapters.process_tree import end_marked
from aiops.condense import condense
from aiops.condense.scrub import scrub
from aiops.domain.fact import utcnow
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome, Status
from aiops.domain.plan import ApprovedPlan
from aiops.domain.remediation import Remediation
from aiops.errors import LedgerBusyError, SettingsError
from aiops.ports import Archive, Claim, Clock, Permit

GRACE_SECONDS = 2.0
"""From SIGTERM, at which Ansible stops its own workers, to SIGKILL."""
_POLL_SECONDS = 0.5
_KEPT = ("LANG", "TZ", "TMPDIR")
_MARK = "AIOPS_RUN"
_RUNNERS = ("ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_RETRY_FILES_ENABLED", "AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS")
"""What ansible-runner sets for its own callback plug-in."""


@dataclass
class _Watch:
    """Decides, twice a second, whether a run goes on."""

    beat: Callable[[], bool]
    deadline: float
    mark: str
    stopped: str = ""
    last: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    def ask(self) -> bool:
        """Whether the process group must die now: first SIGTERM, and after the grace SIGKILL."""
        now = time.monotonic()
        if self.stopped:
            if now - self.ended < GRACE_SECONDS:
                return False
            end_marked(self.mark, signal.SIGKILL)
            return True
        if now >= self.deadline:
            self.stopped = "its time is over"
        elif now - self.last >= host_fence.BEAT_SECONDS:
            self.last = now
            self.stopped = "" if self.beat() else "its claim was lost"
        if self.stopped:
            self.ended = now
            end_marked(self.mark, signal.SIGTERM)
        return False


class AnsibleExecutor:
    """Runs playbooks of one folder. Safe to use from several threads: each run has a folder of its own."""

    def __init__(
        self,
        playbooks: Path,
        user: str,
        key_file: Path,
        known_hosts: Path,
        permit: Permit,
        *,
        fence_folder: str = FENCE_FOLDER,
        clock: Clock = utcnow,
        archive: Archive | None = None,
    ) -> None:
        """``playbooks`` has ``roles/``, ``ansible.cfg`` and ``fence.sh`` beside it. ``fence_folder`` is the hosts' own.

        ``archive`` keeps whole what failed tasks printed; the transcript shows the short form.

        :raises SettingsError: a user or a folder that no host could have
        """
        self._login = Login(user, key_file.absolute(), known_hosts.absolute(), fence_folder)
        self._folder, self._permit, self._clock = playbooks.resolve().parent, permit, clock
        self._archive = archive

    def run(
        self,
        approved: ApprovedPlan,
        remediation: Remediation,
        hosts: Sequence[Host],
        claim: Claim,
        beat: Callable[[], bool],
    ) -> Outcome:
        """See the port. The permit is asked for once more between check mode and the run."""
        with _private() as private:
            run = _Run(self._folder, self._login, private, approved, remediation, hosts, claim, self._clock)
            run.archive = self._archive
            return run.go(self._permit, beat)


class _Run:
    """One plan's way through check mode and run; what it learns goes into the outcome."""

    def __init__(
        self,
        folder: Path,
        login: Login,
        private: Path,
        approved: ApprovedPlan,
        remediation: Remediation,
        hosts: Sequence[Host],
        claim: Claim,
        clock: Clock,
    ) -> None:
        self.folder, self.login, self.private, self.remediation = folder, login, private, remediation
        self.plan, self.hosts, self.claim, self.clock = approved.plan, hosts, claim, clock
        self.archive: Archive | None = None
        self.sockets = private / "s"
        self.began = clock()
        self.check, self.real = Record(), Record()
        self.started_at: datetime | None = None

    def go(self, permit: Permit, beat: Callable[[], bool]) -> Outcome:
        """The whole run."""
        deadline = time.monotonic() + self.plan.timeout
        try:
            self._write()
            script = self.folder / "fence.sh"
            refusals = host_fence.acquire(script, self.hosts, self.claim, self.login, self.sockets, beat)
        except SettingsError as error:
            return self._outcome("failure", str(error))
        try:
            if refusals:
                reason = "; ".join(refusal.reason for refusal in refusals)
                later = all(refusal.later for refusal in refusals)
                return self._outcome("skipped", f"busy: {reason}") if later else self._outcome("failure", reason)
            return self._checked(deadline, permit, beat)
        finally:
            host_fence.hang_up(self.hosts, self.login, self.sockets)

    def _checked(self, deadline: float, permit: Permit, beat: Callable[[], bool]) -> Outcome:
        stopped = self._play(self.check, ["--check", "--diff"], deadline, beat)
        obstacle = self._obstacle(stopped, permit, beat)
        if obstacle:
            return self._outcome(*obstacle)
        self.started_at = self.clock()
        stopped = self._play(self.real, [], deadline, beat)
        return self._outcome(*self._judged(stopped))

    def _obstacle(self, stopped: str, permit: Permit, beat: Callable[[], bool]) -> tuple[Status, str] | None:
        """Why the run must not follow the check."""
        if stopped:
            return "failure", f"stopped in check mode, nothing was changed: {stopped}"
        if not self.check.succeeded(self._names()):
            return "failure", f"check mode failed, nothing was changed: {self.check.reason()}"
        if not beat():
            return "failure", "the claim was lost before the run, nothing was changed"
        if not permit.valid():
            return "skipped", "frozen: no permit after check mode, nothing was changed"
        return None

    def _judged(self, stopped: str) -> tuple[Status, str]:
        """What came of the run. Whatever did not reach its end on every host is unknown."""
        if stopped:
            return "unknown", f"killed, because {stopped}; what it had begun on the host may still run"
        if self.real.succeeded(self._names()):
            return "success", ""
        if not self.real.recap or self.real.unreachable():
            return "unknown", f"it did not come to its end: {self.real.reason()}"
        return "failure", self.real.reason()

    def _names(self) -> list[str]:
        return [host.name for host in self.hosts]

    def _write(self) -> None:
        """Our own inventory and variables; ansible-runner would let both be templated."""
        for name in ("env", "s", "home"):
            (self.private / name).mkdir(mode=0o700)
        hosts = inventory(self.hosts, self.login, self.claim.fence, local_root=os.geteuid() == 0)
        (self.private / "hosts.yml").write_text(unsafe_yaml(hosts), encoding="utf-8")
        (self.private / "env" / "extravars").write_text(unsafe_yaml(self.plan.params), encoding="utf-8")

    def _play(self, record: Record, arguments: Sequence[str], deadline: float, beat: Callable[[], bool]) -> str:
        """Run ``ansible-playbook`` to its end; why it was killed, or nothing."""
        mark = str(self.private / ("check" if arguments else "run"))
        watch = _Watch(beat, deadline, f"{_MARK}={mark}")
        environment = self._environment() | {_MARK: mark}

        def take(event: Mapping[str, object]) -> bool:
            record.take(event)
            return False  # keep no file of it

        config = RunnerConfig(
            private_data_dir=str(self.private),
            playbook=str(self.folder / "playbooks" / f"{self.remediation.id}.yml"),
            inventory=str(self.private / "hosts.yml"),
            cmdline=" ".join([*arguments, "--forks", str(len(self.hosts))]),
            envvars=environment,
            settings={"pexpect_timeout": _POLL_SECONDS},
            project_dir=str(self.folder),
            fact_cache_type="memory",
            quiet=True,
        )
        config.prepare()
        config.env = {name: value for name, value in config.env.items() if name in environment or name in _RUNNERS}
        try:
            Runner(config, cancel_callback=watch.ask, event_handler=take).run()
        finally:
            # A worker that outlived its parent. The multiplexed ssh was started by the fence and has no mark.
            end_marked(watch.mark, signal.SIGKILL)
        return watch.stopped

    def _environment(self) -> dict[str, str]:
        """All that ansible-playbook gets: our process's environment holds secrets that are none of its business."""
        options = ssh_options(self.login, self.sockets)
        return {name: os.environ[name] for name in _KEPT if name in os.environ} | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
            "HOME": str(self.private / "home"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.private / "home"),
            "ANSIBLE_LOCAL_TEMP": str(self.private / "home"),
            "ANSIBLE_ROLES_PATH": str(self.folder / "roles"),
            "ANSIBLE_HOST_KEY_CHECKING": "True",
            "ANSIBLE_SSH_ARGS": " ".join(options),
            "ANSIBLE_CALLBACK_PLUGINS": "",
            "ANSIBLE_NOCOLOR": "1",
        }

    def _outcome(self, status: Status, reason: str) -> Outcome:
        finished = self.clock()
        parts = [self._heading(status, reason, finished - self.began)]
        parts += [self.check.transcript("Check mode", self._short)] if self.check.ends or self.check.said else []
        parts += [self.real.transcript("Run", self._short)] if self.started_at else []
        return Outcome(
            plan=self.plan.id,
            incident=self.plan.incident,
            status=status,
            reason=reason,
            fence=self.claim.fence,
            started_at=self.started_at,
            finished_at=finished,
            recap=self.real.recap if self.started_at else self.check.recap,
            changes=self.check.changes(),
            report=self.real.report(),
            transcript="\n".join(parts),
        )

    def _short(self, output: str) -> str:
        """What a failed task printed, without secrets, condensed; its whole stays in the archive."""
        clean = scrub(output)
        short = condense(clean).text
        if self.archive and short != clean:
            try:
                self.archive.keep(clean)
            except LedgerBusyError as error:
                return f"{short}\n[the whole output could not be kept: {error}]"
        return short

    def _heading(self, status: Status, reason: str, took: timedelta) -> str:
        lines = [
            f"# {self.remediation.title}",
            "",
            f"- incident {self.plan.incident}, plan {self.plan.id}, fence {self.claim.fence}",
            f"- hosts: {', '.join(self._names())}",
            f"- {status} after {duration(took)}" + (f": {reason}" if reason else ""),
            "",
        ]
        return "\n".join(lines)


@contextmanager
def _private() -> Iterator[Path]:
    """A folder of our own (0700), short enough for a socket's path, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="aiops-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
