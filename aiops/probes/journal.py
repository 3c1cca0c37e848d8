"""journalctl: errors of a week, what log shippers say, when the last line was written, and how long the host has been up."""

from aiops.probes import MIB, Probe, UnreadableError
from aiops.probes.log_lines import Line, read_journal

_JOURNAL = ("/usr/bin/journalctl", "-q", "--no-pager", "-o", "short-unix")

# The newest 20,000 errors: a flood must not hide itself behind a limit. A week, to know what is usual at this hour.
ERRORS = Probe(
    name="journal-errors",
    argv=(*_JOURNAL, "-p", "err", "--since", "-8d", "-n", "20000"),
    read=read_journal,
    sudo=True,
    seconds=30,
    limit=16 * MIB,
)

_SHIPPERS = ("promtail", "alloy", "fluent-bit", "vector", "filebeat", "td-agent-bit", "grafana-agent", "rsyslogd")

SHIPPERS = Probe(
    name="journal-shippers",
    argv=(*_JOURNAL, "--since", "-20min", "-n", "3000", *(word for tag in _SHIPPERS for word in ("-t", tag))),
    read=read_journal,
    sudo=True,
    limit=4 * MIB,
)


def _read_last(text: str) -> Line:
    lines = read_journal(text)
    if not lines:
        raise UnreadableError("the journal is empty", "look at systemd-journald on the host")
    return lines[-1]


LAST_LINE = Probe(name="journal-last", argv=(*_JOURNAL, "-n", "1"), read=_read_last, sudo=True)


def _read_uptime(text: str) -> float:
    try:
        return float(text.split(maxsplit=1)[0])
    except (IndexError, ValueError):
        raise UnreadableError(f"/proc/uptime holds no figure but {text[:80]!r}") from None


UPTIME = Probe(name="uptime", argv=("cat", "/proc/uptime"), read=_read_uptime)
