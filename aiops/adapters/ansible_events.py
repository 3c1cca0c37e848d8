"""Ansible's events, condensed: what would change, what failed, what was done, in words that fit a message."""

import difflib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

CHANGES_CHARACTERS = 16_000
"""A human reads this on a phone before approving; the rest is counted."""
TRANSCRIPT_CHARACTERS = 64_000
REASON_CHARACTERS = 500
_LINES = 3

_STATUS = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_skipped": "skipped",
    "runner_on_unreachable": "unreachable",
}
_EMPTY_WORDS = (
    "non-zero return code",
    "MODULE FAILURE",
    "Module result",
    "Task failed",
    "All items",
    "One or more items",
)
"""How Ansible's own messages begin where what the program said tells more."""
_COUNTS = {"ok": "ok", "changed": "changed", "failures": "failures", "dark": "unreachable", "skipped": "skipped"}


@dataclass(frozen=True)
class TaskEnd:
    """One task's end on one host. ``seconds`` is its wall time, ``output`` all that a failed one printed, if that is long."""

    host: str
    task: str
    status: str
    seconds: float
    message: str = ""
    diff: str = ""
    ignored: bool = False
    report: str = ""
    output: str = ""


@dataclass
class Record:
    """What one ``ansible-playbook`` run told us; ``recap`` is empty when it never came to its end."""

    ends: list[TaskEnd] = field(default_factory=list)
    recap: dict[str, dict[str, int]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def take(self, event: Mapping[str, Any]) -> None:
        """Read one event of ansible-runner."""
        kind, data = event.get("event", ""), event.get("event_data", {})
        if kind in _STATUS:
            self.ends.append(_end(_STATUS[kind], data))
        elif kind == "playbook_on_stats":
            hosts = {host for count in _COUNTS for host in data.get(count, {})}
            self.recap = {
                host: {name: int(data.get(count, {}).get(host, 0)) for count, name in _COUNTS.items()}
                for host in sorted(hosts)
            }
        elif kind in ("error", "verbose", "warning") and event.get("stdout"):
            self.said.append(plain(str(event["stdout"])))

    def succeeded(self, hosts: Sequence[str]) -> bool:
        """Whether the run reached its end and every host is fine. No host at all is not fine."""
        counts = [self.recap.get(host) for host in hosts]
        return bool(counts) and all(count and not (count["failures"] or count["unreachable"]) for count in counts)

    def unreachable(self) -> bool:
        """Whether a host was lost on the way."""
        return any(count["unreachable"] for count in self.recap.values())

    def reason(self) -> str:
        """The last task that failed and the first lines of what it said."""
        failed = [end for end in self.ends if end.status in ("failed", "unreachable") and not end.ignored]
        if failed:
            end = failed[-1]
            return _cut(f"{end.host}: {end.task}: {end.message or end.status}", REASON_CHARACTERS)
        lines = [line for text in self.said for line in text.splitlines() if line.strip()]
        return _cut(" ".join(lines[-_LINES:]) or "ansible-playbook ended without saying why", REASON_CHARACTERS)

    def changes(self) -> str:
        """Every task that changed, or would change, something; with its diff."""
        parts = []
        for end in self.ends:
            if end.status == "changed":
                detail = end.diff or end.message
                parts.append(f"{end.host}: {end.task}" + (f"\n{detail.rstrip()}" if detail else ""))
        return _cut("\n".join(parts), CHANGES_CHARACTERS)

    def report(self) -> str:
        """What the playbook set out to tell, host by host."""
        told = [end for end in self.ends if end.report]
        several = len({end.host for end in told}) > 1
        parts = [f"{end.host}:\n{end.report}" if several else end.report for end in told]
        return _cut("\n".join(parts), CHANGES_CHARACTERS)

    def transcript(self, title: str, shorten: Callable[[str], str] | None = None) -> str:
        """A list in Markdown: one line per task and host, and what failed tasks printed as ``shorten`` has it."""
        lines = [f"## {title}", ""]
        for end in self.ends:
            if end.status == "skipped":  # the recap counts them
                continue
            note = f": {' '.join(end.message.split())[:200]}" if end.message and end.status != "ok" else ""
            lines.append(
                f"- `{_quoted(end.host)}` {_quoted(end.task)}: {end.status}, {end.seconds:.1f} s{_quoted(note)}"
            )
            told = [*end.report.splitlines(), *(shorten(end.output).splitlines() if shorten and end.output else ())]
            lines += [f"      {line}" for line in told]  # indented: Markdown reads nothing into it
        if not self.recap:  # then what it printed is all there is
            lines += [f"- {_quoted(line)}" for text in self.said for line in text.splitlines()[:_LINES]]
        for host, counts in self.recap.items():
            lines.append(f"- `{_quoted(host)}` " + ", ".join(f"{name} {count}" for name, count in counts.items()))
        return _cut("\n".join(lines), TRANSCRIPT_CHARACTERS) + "\n"


def plain(text: str) -> str:
    """The text without colours and other control characters: hosts print what they like."""
    return "".join(
        letter for letter in text if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")
    )


def _end(status: str, data: Mapping[str, Any]) -> TaskEnd:
    result = data.get("res", {})
    result = result if isinstance(result, Mapping) else {}
    if status == "ok" and result.get("changed"):
        status = "changed"
    return TaskEnd(
        host=str(data.get("host", "")),
        task=str(data.get("task", "")),
        status=status,
        seconds=float(data.get("duration") or 0),
        message=_message(result),
        diff="".join(_diffs(result.get("diff"))),
        ignored=bool(data.get("ignore_errors")),
        report=_report(data, result),
        output=_output(result) if status in ("failed", "unreachable") else "",
    )


def _output(result: Mapping[str, Any]) -> str:
    """All that a failed task printed, where its message has no room for it."""
    texts = [str(result.get(key) or "") for key in ("stdout", "stderr", "module_stdout", "module_stderr")]
    texts += [_output(item) for item in result.get("results", []) if isinstance(item, Mapping) and item.get("failed")]
    whole = plain("\n".join(dict.fromkeys(text.strip("\n") for text in texts if text.strip())))
    return whole if len(whole.splitlines()) > _LINES else ""


def _report(data: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """What a playbook set out to tell: a list handed to ``debug``, one line each. A sentence is in the message."""
    told = result.get("msg")
    if not str(data.get("task_action", "")).endswith("debug") or not isinstance(told, list):
        return ""
    return plain("\n".join(" ".join(str(line).splitlines()) for line in told))


def _message(result: Mapping[str, Any]) -> str:
    """What the module says; for a failed command, what the command said."""
    texts = [str(result.get(key) or "") for key in ("module_stderr", "msg", "stderr", "stdout")]
    texts += [_message(item) for item in result.get("results", []) if isinstance(item, Mapping) and item.get("failed")]
    if texts[1].startswith(_EMPTY_WORDS):
        texts.append(texts.pop(1))
    said = next((text for text in texts if text.strip()), "")
    lines = [line.strip() for line in plain(said).splitlines() if line.strip()]
    return " / ".join(lines[:_LINES])


def _diffs(diff: Any) -> Iterator[str]:
    for part in diff if isinstance(diff, list) else [diff]:
        if not isinstance(part, Mapping):
            continue
        if "prepared" in part:
            yield plain(str(part["prepared"]))
        elif "before" in part or "after" in part:
            before, after = (_lines(part.get(side)) for side in ("before", "after"))
            name = str(part.get("after_header") or part.get("before_header") or "")
            lines = difflib.unified_diff(before, after, f"{name} before", f"{name} after", n=1)
            yield plain("".join(line if line.endswith("\n") else f"{line}\n" for line in lines))


def _lines(value: Any) -> list[str]:
    if isinstance(value, Mapping):  # the state of a file, one attribute a line
        return [f"{key}: {inner}\n" for key, inner in sorted(value.items())]
    return str(value or "").splitlines(keepends=True)


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[:size]}\n[{len(text) - size} more characters]"


def _quoted(text: str) -> str:
    return text.replace("`", "'").replace("<", "&lt;")


def duration(span: timedelta) -> str:
    """Seconds with one digit: ``12.3 s``."""
    return f"{span.total_seconds():.1f} s"
