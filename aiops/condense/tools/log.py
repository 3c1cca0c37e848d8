"""Logs (journalctl, syslog, a container's output): what is said again is counted, what is rare is shown."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool, is_error, shape

_HEAD = re.compile(
    r"^\[?(?:[A-Z][a-z]{2} [A-Z]?[a-z]{0,2} ?[ \d]\d \d\d:\d\d:\d\d(?: \d{4})?|"
    r"[IWEF]\d{4} \d\d:\d\d:\d\d\S*|\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d\S*)\]?\s*"
)
_PROCESS = re.compile(r"^\S+ ([\w./@()-]+)(?:\[\d+\])?: |^\[ *\d+\.\d+\] ")
_LOGIN = re.compile(r"\b(?:sshd\S*|pam_\w+|su|sudo|login|dovecot|postfix/smtpd|vsftpd|proftpd)\b")
_NOTABLE = re.compile(
    r"\b(?:accepted|session opened|new (?:user|group)|COMMAND=|main process exited|scheduled restart|start request repeated|"
    r"reset|link is (?:down|up)|ban|unban|deactivated|stopped|reboot|shutdown|remounted|read-only)\b",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"\b((?:invalid |illegal )?user|for|ruser=\S*\s+rhost|user|logname|rhost)([ =]+)(?!invalid|<)[\w.@$-]+",
    re.IGNORECASE,
)
_QUIET = re.compile(r"^I\d{4} \d\d:|\b(?:DEBUG|TRACE|INFO|VERBOSE|NOTICE)\b|\blevel=(?:debug|info)\b", re.IGNORECASE)
_FRAME = re.compile(r"^\s+(?:at |\.\.\. \d+|File \"|\^|~)|^\s{4,}\S")
_KINDS, _ENDS = 40, 5


def stamped(line: str) -> bool:
    """Whether the line begins with a time, as a log's lines do."""
    return _HEAD.match(line) is not None


def log_shape(line: str) -> str:
    """What a line says, whoever it was and whenever."""
    said = _HEAD.sub("", line)
    process = _PROCESS.match(said)
    said = f"{process[1] or 'kernel'}: {said[process.end() :]}" if process else said
    if _LOGIN.search(said):
        said = _PERSON.sub(r"\1\2<who>", said)
    return shape(said)


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """Every line while there are few sorts of them; else errors, rarities and both ends. Frames of a trace go."""
    sorts = Counter(log_shape(line) for line in lines)
    few = len(sorts) <= _KINDS
    kept: dict[int, str] = {}
    for index, line in enumerate(lines):
        at_end = index < 1 or index >= len(lines) - _ENDS
        if _FRAME.match(line) and not is_error(line):
            continue
        if (few and not _QUIET.search(line)) or at_end or is_error(line) or _NOTABLE.search(line):
            kept[index] = line
    return kept


TOOL = Tool("log", keep, shape=log_shape)
