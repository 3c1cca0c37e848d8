"""Reads what Ansible printed inside Semaphore, line by line, into the record that a run of our own gives as well."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from aiops.adapters.ansible_events import Record, plain
from aiops.adapters.semaphore_api import Line

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PLAY: Final = re.compile(r"PLAY (?:\[.*\] )?\**$")
_TASK: Final = re.compile(r"(?:TASK|RUNNING HANDLER) \[(.*)\] \**$")
_RECAP: Final = re.compile(r"PLAY RECAP \**$")
_END: Final = re.compile(r"(ok|changed|skipping|fatal|failed): \[([^\]\s]+)(?: -> [^\]]*)?\](.*)$")
_COUNTS: Final = re.compile(
    r"(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)(?:\s+skipped=(\d+))?.*$"
)


def text_of(lines: Sequence[Line]) -> str:
    """The output as plain text, without colours and control characters."""
    return "\n".join(plain(_COLOUR.sub("", line.output)).rstrip() for line in lines)


def played(lines: Sequence[Line]) -> bool:
    """Whether a play began: before its first line nothing has been done to any host."""
    return any(_PLAY.match(_COLOUR.sub("", line.output).rstrip()) for line in lines)


def read(lines: Sequence[Line]) -> Record:
    """The record of the run. Only the block after the last ``PLAY RECAP`` counts: hosts print what they like before it."""
    texts = _joined([_COLOUR.sub("", line.output).rstrip() for line in lines])
    recaps = [index for index, text in enumerate(texts) if _RECAP.match(text)]
    record = Record()
    _tasks(record, texts[: recaps[-1]] if recaps else texts, [_moment(line.time) for line in lines])
    if recaps and (stats := _stats(texts[recaps[-1] + 1 :])):
        record.take({"event": "playbook_on_stats", "event_data": stats})
    if not record.ends:
        record.said = [plain(text) for text in texts if text.strip()]
    return record


def _joined(texts: Sequence[str]) -> list[str]:
    """Ansible prints some results over many lines, from ``=> {`` to ``}``: they become one line, and blank ones after it."""
    joined = list(texts)
    for index, text in enumerate(texts):
        if text.endswith("=> {") and _END.match(text) and "}" in texts[index:]:
            end = texts.index("}", index)
            joined[index : end + 1] = [" ".join([text, *texts[index + 1 : end + 1]]), *[""] * (end - index)]
    return joined


def _tasks(record: Record, texts: Sequence[str], times: Sequence[datetime | None]) -> None:
    task, began, printed = "", None, list[str]()
    for index, text in enumerate(texts):
        if heading := _TASK.match(text):
            task, began, printed = heading[1], times[index], []
        elif task and (end := _END.match(text)):
            following = next((line for line in texts[index + 1 :] if line.strip()), "")
            record.take(_event(task, end, printed, _seconds(began, times[index]), ignored=following == "...ignoring"))
            printed = []
        elif text.strip() and text != "...ignoring":
            printed.append(text)


def _event(
    task: str, end: "re.Match[str]", printed: Sequence[str], seconds: float, *, ignored: bool
) -> Mapping[str, Any]:
    """The event that ansible-runner would have sent for the line."""
    word, host, rest = end[1], end[2], end[3]
    result = _result(rest)
    kind = {"ok": "runner_on_ok", "changed": "runner_on_ok", "skipping": "runner_on_skipped"}.get(
        word, "runner_on_unreachable" if rest.startswith(": UNREACHABLE!") else "runner_on_failed"
    )
    if word == "changed":
        result = {"changed": True, "diff": [{"prepared": "".join(f"{line}\n" for line in printed)}] if printed else []}
    data = {"host": host, "task": task, "res": result, "duration": seconds, "ignore_errors": ignored}
    return {"event": kind, "event_data": data}


def _result(rest: str) -> dict[str, Any]:
    """What stands after ``=>``: JSON as a rule."""
    _, arrow, text = rest.partition("=> ")
    if not arrow:
        return {}
    try:
        result = json.loads(text)
    except (ValueError, RecursionError):
        return {"msg": text}
    return result if isinstance(result, dict) else {"msg": text}


def _stats(texts: Sequence[str]) -> dict[str, dict[str, int]]:
    stats: dict[str, dict[str, int]] = {}
    for text in texts:
        counts = _COUNTS.match(text)
        if counts is None:
            if text.strip() and stats:
                break
            continue
        names = ("ok", "changed", "dark", "failures", "skipped")
        for name, count in zip(names, counts.groups(default="0")[1:], strict=True):
            stats.setdefault(name, {})[counts[1]] = int(count)
    return stats


def _seconds(began: datetime | None, ended: datetime | None) -> float:
    try:
        return max(0.0, (ended - began).total_seconds()) if began and ended else 0.0
    except TypeError:  # one of them says its zone and the other does not
        return 0.0


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
