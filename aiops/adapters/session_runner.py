"""Runs a session as a process behind walls, hears it line by line, and ends it at its deadline. Nothing of it is believed."""

import hashlib
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from aiops.adapters.process_tree import end_marked, marks
from aiops.adapters.session_outside import near_end
from aiops.adapters.session_process import Assignment, Result
from aiops.adapters.session_walls import Walls, environment
from aiops.condense.scrub import scrub
from aiops.domain.fact import utcnow
from aiops.domain.remediation import Remediation
from aiops.domain.session import Grant, Said, SessionEnd, What
from aiops.ports.tools import Tools

MOST_LINE: Final = 256 * 1024
MOST_BYTES: Final = 4 * 1024 * 1024
MOST_LINES: Final = 4000
"""Of one session's output: 500 turns of eight lines."""
BEAT_SECONDS: Final = 2.0
GRACE_SECONDS: Final = 3.0
"""Beyond its budget: the loop ends itself in time and says why; whatever does not is killed here."""
_MARK: Final = "AIOPS_SESSION"
_COMPLAINT: Final = 2000
_START: Final = "import sys; sys.path.insert(0, sys.argv[1]); from aiops.adapters.session_process import main; main()"
_ROOT: Final = Path(__file__).resolve().parents[2]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    said: Said | None = None
    end: Result | None = None


@dataclass
class _Heard:
    """What came out of a session so far."""

    lines: list[Said] = field(default_factory=list)
    result: Result | None = None
    rest: bytes = b""
    size: int = 0
    objection: str = ""
    complaint: bytes = b""

    def take(self, piece: bytes, *, complaint: bool) -> None:
        """Add what was read; ``objection`` says what is wrong with it. Of a ``complaint`` the end is kept."""
        if complaint:
            self.complaint = (self.complaint + piece)[-_COMPLAINT:]
            return
        self.size += len(piece)
        *whole, self.rest = (self.rest + piece).split(b"\n")
        for line in whole:
            self._line(line)
        if self.size > MOST_BYTES or len(self.rest) > MOST_LINE or len(self.lines) > MOST_LINES:
            self.objection = f"it printed too much: {self.size} bytes"

    def _line(self, line: bytes) -> None:
        try:
            heard = _Line.model_validate_json(line)
        except ValidationError:
            self.objection = "it printed what is no line of a transcript"
            return
        if heard.said and len(self.lines) <= MOST_LINES:
            self.lines.append(heard.said)
        self.result = heard.end or self.result


class SessionRunner:
    """Port ``Agent``. ``folder`` is where a session without walls has its own folder; ``key`` reads the model's key."""

    def __init__(  # noqa: PLR0913 - one argument for each thing that the settings say
        self,
        folder: Path,
        walls: Callable[[], Walls],
        *,
        base: str = "",
        model: str = "",
        key: Callable[[], str] = lambda: "",
        command: tuple[str, ...] = (),
        paths: tuple[Path, ...] = (),
        outside: Tools | None = None,
        clock: Callable[[], datetime] = utcnow,
    ) -> None:
        self._folder, self._walls = folder, walls
        self._base, self._model, self._key = base, model, key
        self._command, self._paths, self._clock = command, paths, clock
        self._outside = outside
        self._found: Walls | None = None
        # Ours, and not those of another installation on this machine.
        self._ours = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]

    def run(self, grant: Grant, catalogue: Mapping[str, Remediation], beat: Callable[[], bool]) -> SessionEnd:
        """See the port."""
        self._found = self._found or self._walls()
        began = self._clock()
        key = self._key()
        assignment = Assignment(
            grant=grant, catalogue=dict(catalogue), base=self._base, model=self._model, key=key, command=self._command
        )
        with near_end(self._outside) if self._outside else nullcontext() as line:
            heard, why = self._heard(grant, assignment, beat, line)
        return self._end(grant, heard, why, began, key)

    def left(self) -> frozenset[str]:
        """See the port."""
        prefix = f"{self._ours}."
        running = {mark.removeprefix(prefix) for mark in marks(_MARK) if mark.startswith(prefix)}
        folders = {place.name for place in self._folder.iterdir()} if self._folder.is_dir() else set()
        return frozenset(running | folders)

    def end(self, session: str) -> None:
        """See the port."""
        end_marked(f"{_MARK}={self._ours}.{session}", signal.SIGKILL)
        shutil.rmtree(self._folder / session, ignore_errors=True)

    def _heard(
        self, grant: Grant, assignment: Assignment, beat: Callable[[], bool], line: socket.socket | None
    ) -> tuple[_Heard, str]:
        assert self._found  # noqa: S101 - the caller has looked
        home = self._folder / grant.id
        home.mkdir(parents=True, mode=0o700)
        mark = {_MARK: f"{self._ours}.{grant.id}"}
        # In memory and without a name: a pipe would wait for a reader, a file would outlive us.
        given = os.memfd_create("assignment", os.MFD_CLOEXEC)
        try:
            if self._found.uid is not None:
                os.chown(home, self._found.uid, self._found.gid)
            handed = (line.fileno(),) if line else ()
            told = assignment.model_copy(update={"outside": line.fileno()}) if line else assignment
            os.write(given, told.model_dump_json().encode())
            os.lseek(given, 0, os.SEEK_SET)
            program = [sys.executable, "-I", "-B", "-c", _START, str(_ROOT)]
            argv = self._found.argv(program, mark, self._paths if self._command else ())
            with subprocess.Popen(
                argv,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=home,
                env=environment(home, mark),
                start_new_session=True,
                pass_fds=handed,
            ) as process:
                return self._follow(process, grant.budget.seconds + GRACE_SECONDS, beat)
        finally:
            os.close(given)
            self.end(grant.id)

    def _follow(
        self, process: "subprocess.Popen[bytes]", seconds: float, beat: Callable[[], bool]
    ) -> tuple[_Heard, str]:
        heard, deadline, beaten = _Heard(), time.monotonic() + seconds, time.monotonic()
        assert process.stdout  # noqa: S101 - for the type checker
        assert process.stderr  # noqa: S101 - for the type checker
        why = ""
        with selectors.DefaultSelector() as waiting:
            for pipe in (process.stdout, process.stderr):
                waiting.register(pipe, selectors.EVENT_READ)
            while waiting.get_map() and not why:
                for ready, _ in waiting.select(0.2):
                    piece = os.read(ready.fd, 65536)
                    if not piece:
                        waiting.unregister(ready.fileobj)
                    heard.take(piece, complaint=ready.fileobj is process.stderr)
                now = time.monotonic()
                if heard.objection:
                    why = f"stopped: {heard.objection}"
                elif now >= deadline:
                    why = "stopped: it did not end when its time was over, and was killed"
                elif now - beaten >= BEAT_SECONDS:
                    beaten, why = now, "" if beat() else "lost: its claim was lost, and it was killed"
        if why:
            _kill(process)
        code = process.wait()
        if not why and heard.result is None:
            words = " ".join(heard.complaint.decode(errors="replace").split())[-300:]
            died = f"killed by signal {-code}" if code < 0 else f"ended with code {code}"
            why = f"lost: it was {died} and said no end {words}".rstrip()
        return heard, why

    def _end(self, grant: Grant, heard: _Heard, why: str, began: datetime, key: str) -> SessionEnd:
        result = heard.result if heard.result and not why else Result()
        ending, _, reason = why.partition(": ")
        proposed = result.plan or result.playbook
        if not why and result.stopped:
            ending, reason, proposed = "stopped", result.stopped, None
        elif not why:
            ending = "proposed" if proposed else "nothing"
            reason = proposed.reason if proposed else result.given_up
        seconds = (self._clock() - began).total_seconds()
        last: What = "stopped" if ending == "stopped" else "ended"
        lines = [line.model_copy(update={"text": scrub(line.text, [key])}) for line in heard.lines]
        if not (lines and lines[-1].what == "stopped"):
            lines.append(Said(at=round(seconds, 2), what=last, text=f"{ending}: {scrub(reason, [key])}"))
        end: dict[str, Any] = {
            "session": grant.id,
            "incident": grant.incident,
            "ending": ending,
            "reason": scrub(reason, [key])[:2000],
            "plan": result.plan if proposed else None,
            "playbook": result.playbook if proposed else None,
            "model": self._command[0] if self._command else self._model,
            "confinement": self._found.sentence if self._found else "",
            "calls": result.calls or sum(line.what == "asked" for line in heard.lines),
            "tokens_in": result.tokens_in,
            "tokens_out": result.tokens_out,
            "started_at": began,
            "finished_at": self._clock(),
            "lines": tuple(lines),
        }
        return SessionEnd.model_validate(end)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
