"""Labelled cases of other people's real outputs, judged by our readers and checks. Only where that folder is.

It is not ours to ship. ``AIOPS_REFERENCE`` names it, or it lies beside the repository (``../shared/reference``).
``python -m tests.reference.test_detect_cases`` prints the score.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from aiops.detectors import Detector, Subject, load, thresholds_for
from aiops.domain.certificate import Certificate
from aiops.domain.finding import Finding
from aiops.domain.host import Host
from aiops.probes import apt_lists, apt_simulation, backups, needrestart, sshd, x509
from aiops.probes.apt_history import HISTORY
from aiops.probes.apt_simulation import Simulation, Upgrade
from aiops.probes.audit import AUDITED
from aiops.probes.df import Usage
from aiops.probes.dpkg import Package
from aiops.probes.drives import POOLS, Array, read_drive
from aiops.probes.log_lines import read_lines
from aiops.probes.logins import read_logins
from aiops.probes.systemd import Unit
from tests.reference import FOLDER

DETECTORS = load()
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """What we say about a case: kind and subject in our words, and figures to compare."""

    kind: str
    subject: str
    severity: str
    evidence: Mapping[str, Any]


KINDS: Mapping[str, tuple[str, ...]] = {
    "removed_by_install": ("package.removed_by_install", "package.removed"),
    "rc": ("package.leftover",),
    "rc_kernel": ("package.leftover",),
    "broken_state": ("package.broken",),
    "upgrades": ("upgrade.pending",),
    "stale_indexes": ("upgrade.stale_indexes",),
    "would_remove": ("upgrade.would_remove",),
    "held_or_kept_back": ("upgrade.held",),
    "repo_error": ("upgrade.repository_failed",),
    "restart_needed": ("upgrade.restart_needed",),
    "reboot_needed": ("upgrade.reboot_needed",),
    "disk_full": ("disk.space",),
    "cert_expired": ("cert.expired",),
    "cert_expiring": ("cert.expiring",),
    "sshd_password_auth": ("security.ssh_password",),
    "sshd_root_login": ("security.ssh_root_login",),
    "sshd_x11": ("security.ssh_forwarding",),
    "bruteforce": ("soc.brute_force",),
    "accepted_password": ("soc.accepted_password",),
    "accepted_after_failed": ("soc.accepted_after_failures",),
    "post_exploit": ("soc.post_exploit",),
    "backup_failed": ("backup.failed",),
    "backup_ok": ("run.ok",),
    "backup_running": ("run.running",),
    "pool_degraded": ("drive.pool_degraded",),
    "raid_degraded": ("drive.array_degraded",),
    "smart_failed": ("drive.failing",),
    "media_errors": ("drive.media_errors",),
    "unit_failed": ("unit.failed",),
    "crash_loop": ("service.crash_loop",),
}
"""Kinds of the cases and ours. ``run.*`` are vzdump runs that our reader calls so and that make no finding."""

BENIGN_BY_DESIGN = frozenset({"unit_failed"})
"""At severity debug these cases mean "kept, never shown": for us that is no finding at all."""


def run(detector: Detector, look: str, *known: Any, now: datetime = NOW, **settings: Any) -> list[Finding]:
    """One check of a detector on what its probes would have given."""
    host = Host(name="reference")
    check = next(check for check in detector.checks if check.look.__name__ == look)
    subject = Subject(host, detector, now, {**thresholds_for(detector, host, {}), **settings})
    return list(check.look(subject, *known))


def text(case: Mapping[str, Any], *suffixes: str) -> str:
    """The case's inputs of these endings, one after the other."""
    wanted = [name for name in case["input"] if not suffixes or name.endswith(suffixes)]
    return "\n".join((FOLDER / "data" / name).read_text(encoding="utf-8", errors="backslashreplace") for name in wanted)


_DPKG_L = re.compile(
    r"(?P<code>[uihrp][a-zA-Z][R ]?) ?\s+(?P<name>[^\s:]+)(?::(?P<arch>\S+))?"
    r"(?:\s+(?P<version>\S+)(?:\s+(?P<more>\S+))?.*)?"
)
_WANTS = {"u": "unknown", "i": "install", "h": "hold", "r": "deinstall", "p": "purge"}
_STATES = {
    "n": "not-installed",
    "c": "config-files",
    "H": "half-installed",
    "h": "half-installed",
    "U": "unpacked",
    "F": "half-configured",
    "W": "triggers-awaited",
    "t": "triggers-pending",
    "i": "installed",
}


def packages(rows: str) -> tuple[Package, ...]:
    """From ``dpkg -l`` or a query in its short form, which our own probe does not use."""
    found = []
    for row in rows.splitlines():
        cells = re.sub(r"\|", " ", row) if "|" in row else row
        match = _DPKG_L.fullmatch(cells.rstrip())
        if match and match["code"][1] in _STATES and match["code"][0] in _WANTS:
            want, state = _WANTS[match["code"][0]], _STATES[match["code"][1]]
            flag = "reinstreq" if "R" in match["code"][2:] else "ok"
            section = (match["more"] or "") if "|" in row else ""
            found.append(
                Package(want, state, flag, match["name"], match["arch"] or "amd64", match["version"] or "", section)
            )
    return tuple(found)


def dpkg(case: Mapping[str, Any]) -> Iterator[Finding]:
    found = packages(text(case, ".txt"))
    history = tuple(HISTORY.read(text(case, "history.log")))
    yield from run(DETECTORS["audit-dpkg-rc"], "removed", found, history, history_days=3650)
    yield from run(DETECTORS["audit-dpkg-rc"], "broken", found, {1: "/sbin/init"})


def upgrade(case: Mapping[str, Any]) -> Iterator[Finding]:
    detector, rows = DETECTORS["upgrade-check"], text(case)
    if "NEEDRESTART" in rows:
        yield from run(detector, "restarts", needrestart.RESTARTS.read(rows), None)
    elif re.search(r"^(Get|Hit|Ign|Err):\d|^[EW]: ", rows, re.MULTILINE):
        yield from run(detector, "complaints", apt_lists.read_update(rows))
    elif "Listing..." in rows:
        yield from run(detector, "waiting", Simulation(tuple(listed(rows)), (), ()), ())
    else:
        yield from run(detector, "waiting", apt_simulation.SIMULATION.read(rows), ())


_LISTED = re.compile(
    r"^(?P<name>[^/\s]+)/(?P<suites>\S+) (?P<new>\S+) \S+ \[upgradable from: (?P<old>\S+)\]$", re.MULTILINE
)


def listed(rows: str) -> Iterator[Upgrade]:
    """``apt list --upgradable``, which nobody should read by program and our probe does not."""
    for match in _LISTED.finditer(rows):
        yield Upgrade(match["name"], match["old"], match["new"], "-security" in match["suites"])


_MDADM = re.compile(r"^(?P<name>/dev/md\S+):(?P<rows>(?:\n .*|\n)+)", re.MULTILINE)


def mdadm(rows: str) -> Iterator[Array]:
    """mdadm's own words for what /proc/mdstat says in brackets."""
    for match in _MDADM.finditer(rows):
        fields = dict(re.findall(r"^ +([A-Z][A-Za-z ]+?) : (.*?) *$", match["rows"], re.MULTILINE))
        wanted, active = int(fields["Raid Devices"]), int(fields["Active Devices"])
        rebuilding = "recovering" in fields["State"]
        yield Array(match["name"], wanted, active, rebuilding, int(fields["Failed Devices"]))


_DF = re.compile(
    r"(?P<source>\S+)\s+(?:(?P<type>[a-z][a-z0-9.]+)\s+)?(?P<size>[\d.]+[KMGT]?)\s+(?P<used>[\d.]+[KMGT]?)\s+(?P<free>[\d.]+[KMGT]?)\s+\d+%\s+(?P<mount>/.*)"
)


def size(figure: str) -> int:
    """df's figure in bytes: kibibytes, or with the letter of ``df -h``."""
    unit = {"K": 1, "M": 2, "G": 3, "T": 4}.get(figure[-1], 1)
    return round(float(figure.rstrip("KMGT")) * 1024**unit)


def disk(case: Mapping[str, Any]) -> Iterator[Finding]:
    given = text(case)
    if "pool:" in given:
        yield from run(DETECTORS["drives"], "pools", POOLS.read(given))
    elif given.lstrip().startswith("{"):
        yield from run(DETECTORS["drives"], "drives", frozenset(), read_drive(given))
    elif "Raid Level" in given:
        yield from run(DETECTORS["drives"], "arrays", tuple(mdadm(given)))
    rows = [match for row in given.splitlines() if (match := _DF.fullmatch(row.strip()))]
    usages = tuple(
        Usage(
            row["type"] or ("squashfs" if row["source"].startswith("/dev/loop") else "ext4"),
            *(size(row[key]) for key in ("size", "used", "free")),
            0,
            0,
            row["mount"],
        )
        for row in rows
    )
    yield from run(DETECTORS["disk"], "usage", usages, ()) if usages else ()


def certs(case: Mapping[str, Any]) -> Iterator[Finding]:
    now = datetime.fromisoformat(case["context"]["now"])
    found: list[tuple[str, Certificate]] = []
    for name in case["input"]:
        path = FOLDER / "data" / name
        argv = [*CERTIFICATE, "-in", str(path)] if path.suffix == ".pem" else ["cat", str(path)]
        rows = subprocess.run(argv, capture_output=True, check=False).stdout.decode(errors="replace")
        if "Certificate Name:" in rows:
            found += list(certbot(rows))
        else:
            found += x509.CERTIFICATE_FILES.read(f"@{path}\n{rows}").certificates
    yield from run(DETECTORS["certs"], "files", "", x509.Files(tuple(found), ()), now=now)


_ARGV = x509.CERTIFICATE_FILES.argv
CERTIFICATE = ("openssl", "x509", *_ARGV[_ARGV.index("-noout") : _ARGV.index("-in")])
_CERTBOT = re.compile(
    r"Domains: (?P<names>.*)\n.*?Expiry Date: (?P<end>\S+ \S+) .*\n\s*Certificate Path: (?P<path>\S+)"
)


def certbot(rows: str) -> Iterator[tuple[str, Certificate]]:
    """certbot's own list of the files our probe reads."""
    for match in _CERTBOT.finditer(rows):
        end = datetime.fromisoformat(match["end"])
        names = tuple(match["names"].split())
        yield match["path"], Certificate(names[0], "", names, end.replace(year=end.year - 1), end, "")


def security(case: Mapping[str, Any]) -> Iterator[Finding]:
    yield from run(DETECTORS["security"], "sshd", sshd.SSHD.read(text(case)))


def soc(case: Mapping[str, Any]) -> Iterator[Finding]:
    rows = "\n".join(text({"input": [name]}) for name in case["input"] if not name.endswith(".assert"))
    if "msg=audit(" in rows:
        records = AUDITED.read(rows.strip())
        yield from run(DETECTORS["soc"], "audited", records, int(max(record.at for record in records)))
    else:
        yield from run(DETECTORS["soc"], "logins", read_logins(read_lines(rows)))


def backup(case: Mapping[str, Any]) -> Iterator[Finding | Seen]:
    runs = backups.read_runs(text(case))
    yield from run(DETECTORS["backup"], "failed", {case["input"][0]: runs})
    yield from (Seen(f"run.{one.state}", one.guest, "", {"duration_s": one.seconds}) for one in runs)


_FAILED = re.compile(r"^[●*x] +(?P<unit>\S+) +(?P<load>\S+) +(?P<active>failed) +(?P<sub>\S+)", re.MULTILINE)
_SHOWN = re.compile(r"^-- (?P<unit>\S+)\n(?P<rows>(?:\w+=.*\n?)+)", re.MULTILINE)


def health(case: Mapping[str, Any]) -> Iterator[Finding]:
    rows = text(case)
    clock = int(NOW.timestamp())
    stamp = f"{NOW:%a %Y-%m-%d %H:%M:%S} UTC"
    units = [
        Unit(
            {
                "Id": one["unit"],
                "LoadState": one["load"],
                "ActiveState": "failed",
                "SubState": one["sub"],
                "Result": "exit-code",
            }
        )
        for one in _FAILED.finditer(rows)
    ]
    for one in _SHOWN.finditer(rows):
        shown = dict(row.split("=", 1) for row in one["rows"].splitlines())
        units.append(Unit({"Id": one["unit"], "LoadState": "loaded", "StateChangeTimestamp": stamp, **shown}))
    detector = DETECTORS["health"]
    yield from run(detector, "failed", tuple(units), frozenset(), (), {}, case["context"].get("virt", "none"))
    yield from run(detector, "crash_loop", tuple(units), clock)


READERS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Any]]] = {
    "audit-dpkg-rc": dpkg,
    "upgrade-check": upgrade,
    "disk": disk,
    "certs": certs,
    "security": security,
    "soc": soc,
    "backup": backup,
    "health": health,
}


def judge(case: Mapping[str, Any]) -> list[Seen]:
    """All we have to say about a case."""
    return [
        one if isinstance(one, Seen) else Seen(one.kind, one.subject, one.severity.value, one.evidence)
        for one in READERS[case["detection"]](case)
    ]


_NAMES_OF_THE_CASE = frozenset({"see assert", "host", "md", "disk", "nvme", "kernel"})


def fits(want: Mapping[str, Any], seen: Seen, case: Mapping[str, Any]) -> bool:
    """Whether what we saw is what is wanted: kind, subject, and severity where ours has one."""
    if seen.kind not in KINDS.get(want["kind"], ()) or (seen.severity and seen.severity != want["severity"]):
        return False
    subject = want["subject"]
    names = [seen.subject, *(str(value) for value in seen.evidence.values())]
    named = any(subject in name for name in names)
    generic = subject in _NAMES_OF_THE_CASE or want["kind"] in {"upgrades", "stale_indexes"}
    figures = {key: want[key] for key in ("total", "security", "duration_s") if key in want and key in seen.evidence}
    return (named or generic) and all(seen.evidence[key] == value for key, value in figures.items())


def complaints(case: Mapping[str, Any]) -> list[str]:
    """What is missing and what must not be there."""
    seen = judge(case)
    missing = [
        f"missing {want['kind']} {want['subject']} {want['severity']}"
        for want in case["expected"]
        if not any(fits(want, one, case) for one in seen)
        and not (want["severity"] == "debug" and want["kind"] in BENIGN_BY_DESIGN)
    ]
    findings = [one for one in seen if not one.kind.startswith("run.")]
    wrong = list(_forbidden(case["must_not"], findings))
    if not case["expected"] and any(one.severity in {"warning", "critical"} for one in findings):
        wrong.append("nothing was expected")
    return [*missing, *(f"{text} ({findings})" for text in wrong)]


def _forbidden(must_not: Sequence[str], findings: Sequence[Seen]) -> Iterator[str]:
    kinds = {one.kind for one in findings}
    subjects = [one.subject for one in findings]
    for rule in must_not:
        forbidden = {
            "any finding": bool(findings),
            "warning": any(one.severity == "warning" for one in findings),
            "critical": any(one.severity == "critical" for one in findings),
            "backup_failed": "backup.failed" in kinds,
            "reboot needed": "upgrade.reboot_needed" in kinds,
            "permitrootlogin finding": "security.ssh_root_login" in kinds,
            "any /snap or /dev/loop finding": any("/snap" in subject for subject in subjects),
            "one finding per line": len(findings) > 100,
            '"system is up to date"': not findings,
        }.get(rule, False)
        if forbidden:
            yield f"must not: {rule}"


def cases() -> list[dict[str, Any]]:
    """Those that are there."""
    files = sorted((FOLDER / "detect").glob("*.jsonl"))
    return [json.loads(row) for file in files for row in file.read_text(encoding="utf-8").splitlines() if row]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_the_labelled_case_is_judged_as_its_label_says(case: dict[str, Any]) -> None:
    assert complaints(case) == []


def main() -> None:
    """The score, case by case."""
    right, total = 0, 0
    for case in cases():
        total += 1
        try:
            wrong = complaints(case)
        except Exception as error:  # noqa: BLE001 - the score goes on: a case that breaks a reader is a miss
            wrong = [f"{type(error).__name__}: {error}"]
        right += not wrong
        sys.stdout.write(f"{'ok' if not wrong else 'MISS':5}{case['id']:28}{'; '.join(wrong)[:300]}\n")
    sys.stdout.write(f"{right} of {total}\n")


if __name__ == "__main__":
    main()
