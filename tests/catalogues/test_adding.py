"""The promise of the layout, proved by doing it: a guardian is one file, one line and recordings; a playbook is two files."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

DETECTOR = '''"""{name}: a guardian that a test adds.

Looks for
    A data filesystem that is in use at all.

Thresholds
    ``percent`` 0: this one is for a test.

Looks alike but is benign
    Nothing.
"""

from collections.abc import Iterator

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.probes.df import FILESYSTEMS, Usage

DETECTOR = Detector(
    "{name}", "For a test", kinds=[Kind(name="probe.used", sentence="a data filesystem is in use")], thresholds={{"percent": 0}}
)


@DETECTOR.check(FILESYSTEMS, kinds=["probe.used"])
def used(host: Subject, rows: tuple[Usage, ...]) -> Iterator[Finding]:
    """The data filesystem."""
    for row in rows:
        if row.mount == "/srv/data" and row.percent > 50 and row.percent > host.settings["percent"]:
            yield host.finding("probe.used", row.mount, Severity.INFO, "in use")
'''


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository as git knows it, with what is not committed yet."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def conformance(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )


def record(copy: Path, source: str, case: str, **changes: object) -> None:
    """A recording of the new detector from a real one of ``disk``: the same outputs, another expectation."""
    made = yaml.safe_load((copy / "tests" / "recordings" / "disk" / f"{source}.yml").read_text())
    made.update({"detector": "example", "probes": {"df": made["probes"]["df"]}, **changes})
    made.pop("thresholds", None)
    place = copy / "tests" / "recordings" / "example" / f"{case}.yml"
    place.parent.mkdir(exist_ok=True)
    place.write_text(yaml.safe_dump(made))


def test_a_guardian_is_one_file_one_line_and_recordings(copy: Path) -> None:
    catalogue = ("tests/catalogues/test_detectors.py", "tests/recordings")
    (copy / "aiops" / "detectors" / "example.py").write_text(DETECTOR.format(name="example"))
    alone = conformance(copy, *catalogue)
    assert alone.returncode == 1
    assert "example" in alone.stdout

    crontab = copy / "beat_schedule.py"
    crontab.write_text(re.sub(r"(GUARDIANS.*= \{\n)", r'\1    "example": timedelta(minutes=5),\n', crontab.read_text()))
    nothing = {"findings": [], "blind": []}
    record(copy, "healthy-debian12", "healthy-debian12", expect=nothing)
    record(copy, "healthy-debian13", "healthy-debian13", expect=nothing)
    found = {"kind": "probe.used", "subject": "/srv/data", "severity": "info", "cause": "", "evidence": {}}
    record(copy, "full", "used", expect={"findings": [found], "blind": []})
    for case in ("unreadable", "missing-binary"):
        blind = yaml.safe_load((copy / "tests" / "recordings" / "disk" / f"{case}.yml").read_text())["expect"]["blind"]
        record(copy, case, case, expect={"findings": [], "blind": [entry for entry in blind if entry["probe"] == "df"]})

    whole = conformance(copy, *catalogue)
    assert whole.returncode == 0, whole.stdout[-3000:]


@pytest.mark.timeout(400)
def test_a_playbook_is_two_files(copy: Path) -> None:
    folder = copy / "ansible" / "playbooks"
    for ending in ("yml", "meta.yml"):
        text = (folder / f"clean_vzdump_orphans.{ending}").read_text()
        (folder / f"example.{ending}").write_text(text.replace("clean_vzdump_orphans", "example"))
    manifest = folder / "example.meta.yml"
    kept = manifest.read_text()
    manifest.unlink()
    assert conformance(copy, "tests/catalogues/test_playbooks.py").returncode != 0

    manifest.write_text(kept.replace("precedence: 10", "precedence: 9"))
    whole = conformance(copy, "tests/catalogues/test_playbooks.py")
    assert whole.returncode == 0, whole.stdout[-3000:]
