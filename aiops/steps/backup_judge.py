"""What a step's output means, and what a whole run came to. Pure."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from aiops.domain.backup import BackupResult, Night, ResultStatus, StepRecord, StepState
from aiops.ports import Progress
from aiops.steps.backup_sequence import OFF_TRIES, WAKINGS, Step, awake_before, guests_of, mark

TIME_OVER: Final = "its time was over"
"""How ``Night.stop`` begins when nobody but the clock stopped it."""

_TIMED_OUT = 124
"""GNU timeout's exit code."""
_SHOWN = 400
_GUEST_LINE = re.compile(r"\s*(?P<guest>[1-9]\d{2,8})\s.*")
_VOLUME = re.compile(r"(?P<volume>[A-Za-z][A-Za-z0-9._-]*:[A-Za-z0-9_./:+-]+)\s.*")
_STRINGS_ATTACHED = re.compile(r"^(?:mp\d+|dev\d+|lxc\.[\w.]+|hookscript):", re.MULTILINE)
_NET = re.compile(r"^(?P<net>net\d+):", re.MULTILINE)
_MINDS: Final = frozenset(
    {"vzdump", "vzrestore", "qmrestore", "prunebackups", "imgcopy", "download", "vzcreate", "qmcreate"}
)
"""Tasks of a node that use a storage for backups."""


def judged(step: Step, progress: Progress, night: Night) -> tuple[StepState, str]:
    """What came of a command that is no longer running, and its text for the record."""
    if step.key == "test-owner" and progress.state == "done":
        return _owner(progress, night)
    failure = _failure(step, progress)
    return ("failed", failure) if failure else _told(step, progress.output, night)


def _failure(step: Step, progress: Progress) -> str:
    """Why it did not do what it was to do; empty when it did."""
    said = _tail(progress.output)
    if progress.state == "lost":
        return f"it ended without an exit code: {said}"
    if progress.code == _TIMED_OUT:
        return f"timeout: not through within {step.seconds / 60:g} min; {said}"
    if progress.code:
        return f"exit {progress.code}: {said}"
    error = re.search(r"^TASK ERROR:? .*", progress.output, re.MULTILINE) if step.key == "collect" else None
    return error[0] if error else ""


def _told(step: Step, output: str, night: Night) -> tuple[StepState, str]:
    name = step.key.partition("-")[0]
    if name in ("cts", "vms"):
        return "done", " ".join(match["guest"] for row in output.splitlines() if (match := _GUEST_LINE.fullmatch(row)))
    return _test(step, output, night) if name == "test" else ("done", _tail(output))


def busy(output: str) -> str:
    """What runs there that must not lose its storage or its host; empty when nothing does.

    :raises ValueError: the list cannot be read
    """
    rows = json.loads(output)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("the list of tasks is none")
    running = [row for row in rows if not row.get("endtime")]
    # A Proxmox node calls it type and has many that do not matter here; on a backup server every task does.
    minds = [str(row["type"]) for row in running if row.get("type") in _MINDS]
    return ", ".join(sorted(minds + [str(row["worker_type"]) for row in running if "worker_type" in row]))


def _test(step: Step, output: str, night: Night) -> tuple[StepState, str]:
    if step.key in ("test-source", "test-config") and (found := _STRINGS_ATTACHED.findall(output)):
        why = f"a copy would share {', '.join(found)} with the host"
        return ("skipped" if step.key == "test-source" else "failed"), why
    if step.key == "test-free" and output.strip().strip('"') != night.scope.scratch:
        return "failed", f"{night.scope.scratch} is not free: {_tail(output)}"
    if step.key == "test-volume":
        volumes = [match["volume"] for row in output.splitlines()[1:] if (match := _VOLUME.fullmatch(row))]
        return ("done", max(volumes)) if volumes else ("failed", f"no archive is listed: {_tail(output)}")
    if step.key == "test-config":
        if mark(night) not in output:
            return "failed", f"guest {night.scope.scratch} does not say that it is ours"
        return "done", ",".join(_NET.findall(output))
    return "done", _tail(output)


def _owner(progress: Progress, night: Night) -> tuple[StepState, str]:
    if progress.code and "does not exist" in progress.output:
        return "done", "gone"
    if progress.code == 0 and mark(night) in progress.output:
        return "done", "ours"
    return (
        "failed",
        f"guest {night.scope.scratch} is left alone, it does not say that it is ours: {_tail(progress.output)}",
    )


def _tail(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return "; ".join(lines[-3:])[-_SHOWN:]


def result_of(night: Night, now: datetime) -> BackupResult:
    """What the whole run came to."""
    guests = {
        guest: _said(night.known.get(f"dump-{guest}"))
        for node in night.scope.nodes
        for guest, _ in guests_of(night, node)
    }
    troubles = list(_troubles(night, guests))
    status: ResultStatus = "failure" if troubles else "success"
    if night.stop and not night.stop.startswith(TIME_OVER):
        status = "stopped"
    reason = "; ".join([*([night.stop] if night.stop else []), *troubles])
    return BackupResult(
        run=night.run,
        status=status,
        reason=reason[:2000],
        started_at=night.started_at,
        finished_at=now,
        guests=guests,
        transcript=_transcript(night, status, reason, now),
    )


def _said(record: StepRecord | None) -> str:
    if record is None:
        return "not begun"
    return record.state if record.state == "done" else record.text or record.state


def _troubles(night: Night, guests: dict[str, str]) -> Iterator[str]:
    known = night.known
    again = {f"{word}-{n}" for word in ("wake", "wait") for n in range(1, WAKINGS + 1)}
    again |= {f"off-{node}-{n}" for node in night.scope.nodes for n in range(1, OFF_TRIES + 1)}
    for step in night.steps:
        if step.state == "failed" and step.key not in again:
            yield f"{step.key} on {step.host}: {step.text}"
    awake = not awake_before(night) and any(_is_done(known, f"wait-{n}") for n in range(1, WAKINGS + 1))
    if _is_done(known, "look") and not awake_before(night) and not awake and not night.stop:
        yield f"{night.scope.store} did not wake up"
    for node in night.scope.nodes:
        if f"on-{node}" in known and not any(_is_done(known, f"off-{node}-{n}") for n in range(1, OFF_TRIES + 1)):
            yield f"the storage {night.scope.storage} is still on at {node}"
    if "again" in known and known["again"].text == "awake" and not _is_done(known, "shutdown"):
        yield f"{night.scope.store} is still awake"
    if not guests and not night.stop:
        yield "no guest was backed up"


def _is_done(known: dict[str, StepRecord], key: str) -> bool:
    return key in known and known[key].state == "done"


def _transcript(night: Night, status: str, reason: str, now: datetime) -> str:
    lines = [
        f"# Backup {night.run}",
        "",
        f"- {', '.join(night.scope.nodes)} to {night.scope.storage} on {night.scope.store}",
        f"- ordered by {night.order.asked_by}, allowed by {night.approved_by}, fence {night.fence}",
        f"- {status} after {(now - night.started_at).total_seconds() / 60:.0f} min" + (f": {reason}" if reason else ""),
        "",
        "| step | on | state | began (UTC) | seconds | said |",
        "|---|---|---|---|---|---|",
    ]
    for step in night.steps:
        took = f"{(step.ended_at - step.began_at).total_seconds():.0f}" if step.ended_at else ""
        said = step.text.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {step.key} | {step.host} | {step.state} | {step.began_at:%H:%M:%S} | {took} | {said} |")
    return "\n".join([*lines, ""])
