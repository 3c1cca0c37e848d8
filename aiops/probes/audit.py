"""auditd's own log: what was executed and what crashed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiops.probes import MIB, Probe, UnreadableError


@dataclass(frozen=True)
class Audited:
    """One record. ``fields`` are auditd's own, without quotes."""

    type: str
    at: float
    fields: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def by_a_login(self) -> bool:
        """Whether somebody who logged in as an ordinary user is behind it, whatever rights it has now."""
        return self["auid"].isdigit() and 1000 <= int(self["auid"]) < 4294967295  # noqa: PLR2004 - auditd's "nobody logged in" is -1


_RECORD = re.compile(r"(?:node=\S+ )?type=(?P<type>[A-Z0-9_]+) msg=audit\((?P<at>\d+\.\d+):\d+\): ?(?P<rest>.*)")
_FIELD = re.compile(r"(?P<key>[a-z0-9_]+)=(?:\"(?P<quoted>[^\"]*)\"|(?P<plain>[^\s\"]*))")


def _read(text: str) -> tuple[Audited, ...]:
    records = []
    for row in text.splitlines():
        match = _RECORD.fullmatch(row.partition("\x1d")[0].rstrip())
        if not match:
            raise UnreadableError(f"auditd's log has a line that is none: {row[:120]!r}")
        fields = {one["key"]: one["quoted"] or one["plain"] or "" for one in _FIELD.finditer(match["rest"])}
        records.append(Audited(match["type"], float(match["at"]), fields))
    return tuple(records)


# Exit code 1: there is no auditd here, as in most containers: then nobody recorded anything.
AUDITED = Probe(
    name="audit-log",
    argv=("/usr/bin/tail", "-n", "5000", "/var/log/audit/audit.log"),
    read=_read,
    sudo=True,
    codes=(0, 1),
    limit=8 * MIB,
)
