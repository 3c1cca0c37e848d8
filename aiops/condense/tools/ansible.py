"""ansible: the recap, and of every task that failed, its name, hosts and message."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiops.condense.lines import Tool, clip, shape
from aiops.condense.tools import generic

_TASK = re.compile(r"(TASK|RUNNING HANDLER|PLAY) \[(.*)\] \**$|PLAY RECAP \**$")
_RESULT = re.compile(r"(fatal|failed|ok|changed|skipping|included|rescued|ignored): \[([^\]]+)\](.*)", re.DOTALL)
_RECAP = re.compile(r"\S+ +: ok=\d+ +changed=\d+ ")
_DIFF = re.compile(r"(?:---|\+\+\+) (?:before|after)|@@ |[+-](?![+-])")
_SAID = re.compile(
    r"\[(?:ERROR|WARNING|DEPRECATION WARNING)\]|ERROR!|FAILED - RETRYING|\.\.\.ignoring|NO MORE HOSTS|PLAYBOOK:|to retry"
)
_WORDS = ("msg", "rc", "stderr", "module_stderr", "module_stdout", "reason", "exception", "unreachable", "status")
_BAD = ("fatal", "failed")


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """A task's header is shown when one of its lines is. An ad-hoc command's output has no tasks: it is the news itself."""
    if not any(_TASK.match(line) for line in lines):
        return generic.keep(lines)
    kept: dict[int, str] = {}
    header: int | None = None
    for index, line in enumerate(lines):
        if _TASK.match(line):
            header = index
            if line.startswith("PLAY RECAP"):
                kept[index] = "PLAY RECAP"
            continue
        shown = _shown(lines, index, line)
        if shown is None:
            continue
        if header is not None and not _RECAP.match(line):
            kept[header] = lines[header].rstrip("* ")
        kept[index] = shown
    return kept


def _shown(lines: Sequence[str], index: int, line: str) -> str | None:
    if _RECAP.match(line) or _SAID.match(line):
        return clip(line)
    result = _RESULT.match(line)
    if result:
        return _result(result, lines, index) if result[1] in _BAD else None
    return line if _DIFF.match(line) and not line.startswith("-" * 4) else None


def _result(match: re.Match[str], lines: Sequence[str], index: int) -> str:
    """The line itself with only what matters of its data; data over several lines is read up to its closing brace."""
    words, brace, rest = match[3].partition("{")
    if not brace:
        return clip(lines[index])
    text = brace + rest
    for line in () if text.rstrip().endswith("}") else lines[index + 1 : index + 400]:
        text += "\n" + line
        if line == "}":
            break
    try:
        data: dict[str, Any] = json.loads(text)
    except ValueError:
        return clip(lines[index])
    told = {key: _text(data[key]) for key in _WORDS if data.get(key) not in (None, "", [], False)}
    if data.get("stdout") and not data.get("stderr"):
        told["stdout"] = _text(data["stdout"])
    if not told:
        return clip(lines[index])
    if "changed" not in data and "item" in data:
        told["item"] = _text(data["item"])
    return f"{match[1]}: [{match[2]}]{words}{json.dumps(told, ensure_ascii=False)}"


def _text(value: Any) -> Any:
    return clip(value.strip().replace("\n", " | ")) if isinstance(value, str) else value


def _shape(line: str) -> str:
    """Hosts, tasks and counts are news: only warnings and retries fold."""
    return shape(line) if line.startswith(("FAILED - RETRYING", "[WARNING]", "[DEPRECATION")) else line.strip()


_INSIDE = re.compile(
    r"^\s|^(?:ok|changed|skipping|included): |^\d+ |^Origin: |^(?:TASK|PLAY|RUNNING) |^(?:fatal|failed): "
)

TOOL = Tool("ansible", keep, noise=_INSIDE, shape=_shape, ordered=True, reads_data=True)
