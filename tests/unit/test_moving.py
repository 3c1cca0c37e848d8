"""Which old lines `aiops migrate check` knows, and what it makes of a host's crontabs and timers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from aiops.domain.moving import Moved, Trace, Unseen, doubles
from aiops.errors import SettingsError
from aiops.rules import old_work
from aiops.steps import may_be_taken

ROOT = Path(__file__).parents[2]


def doubled(text: str, place: str = "/var/spool/cron/crontabs/root", known: Path | None = None) -> str:
    found = doubles([Trace(host="ct190", place=place, text=text)], old_work(known))
    return found[0].doubles if found else ""


@pytest.mark.parametrize(
    ("line", "guardian"),
    [
        ("0 */6 * * * /opt/openfang/guardian-health.sh", "health"),
        ("30 8 * * * python3 /root/guardians/guardian_security.py", "security"),
        ("0 9 * * * root /usr/local/bin/disk-check", "disk"),
        ("0 10 * * * /root/guardians/certs.py --days 14", "certs"),
        ("*/5 * * * * /root/soc-spike.sh", "soc"),
        ("8 0 * * * /root/nightly-backup.sh pve3", "backup"),
        ("8 0 * * * vzdump --all --mode snapshot", "backup"),
        ("30 2 * * * /root/config-backup.sh", "config-backup"),
        ("0 7 * * * /root/upgrade_check.py", "upgrade-check"),
        ("0 3 * * 0 /root/audit-dpkg-rc.sh", "audit-dpkg-rc"),
        ("*/15 * * * * /root/hermes-health.sh", "hermes-health"),
        ("30 8 * * * python3 doc_sync.py", "doc-sync"),
        ("0 9 * * * /root/site-metrics.py", "site-metrics"),
        ("0 16 * * * /root/rss-digest.py", "rss-digest"),
    ],
)
def test_every_cron_of_the_old_schedule_is_known_by_what_it_doubles(line: str, guardian: str) -> None:
    assert doubled(line) == guardian


@pytest.mark.parametrize(
    "line",
    [
        "17 * * * * root cd / && run-parts --report /etc/cron.hourly",
        "5-55/10 * * * * root command -v debian-sa1 > /dev/null && debian-sa1 1 1",
        "57 0 * * 0 root /usr/share/mdadm/checkarray --cron --all --idle --quiet",
        "0 5 * * 1 tar -zcf /var/backups/home.tgz /home/",
        "apt-daily-upgrade.service /usr/lib/apt/apt.systemd.daily install",
        "hermes-health.service /usr/bin/python3 -I /opt/aiops/workers/hermes_health.py",
    ],
)
def test_what_a_system_does_for_itself_and_what_is_ours_doubles_nothing(line: str) -> None:
    assert doubled(line) == ""


def test_a_timer_is_known_by_its_own_name_too() -> None:
    assert doubled("nightly.service /root/run.sh", place="guardian-disk.timer") == "disk"


def test_whatever_is_doubled_can_be_taken_over_or_says_what_to_do() -> None:
    beyond = {one.doubles for one in old_work()} - set(may_be_taken())
    assert beyond == {"hermes-health", "site-metrics"}
    assert all(one.advice for one in old_work() if one.doubles in beyond)


def test_the_operators_own_file_is_asked_first(tmp_path: Path) -> None:
    own = tmp_path / "old.toml"
    own.write_text("[[work]]\ndoubles = 'certs'\npattern = 'disk-check'\n")
    assert doubled("0 9 * * * disk-check", known=own) == "certs"


@pytest.mark.parametrize("text", ["[[work]]\ndoubles = 'x'\npattern = '('\n", "[[wrok]]\n", "not toml", "[[work]]\n"])
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str) -> None:
    own = tmp_path / "old.toml"
    own.write_text(text)
    with pytest.raises(SettingsError):
        old_work(own)


def test_what_could_not_be_looked_at_is_not_clear() -> None:
    assert Moved(bot="nobody else polls it").clear
    assert not Moved(unseen=(Unseen(host="ct190", place="/var/spool/cron/crontabs", reason="cannot be read"),)).clear
    assert not Moved(bot="polled by somebody else").clear


def test_the_command_reads_this_machine_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "old.toml"
    own.write_text("[[work]]\ndoubles = 'health'\npattern = '.'\n")
    monkeypatch.setenv("AIOPS_STATE", str(tmp_path / "state"))
    listed = subprocess.run(["find", "/etc/cron.d"], capture_output=True, text=True, check=False).stdout
    done = subprocess.run(
        [sys.executable, "-m", "tasks.cli", "migrate", "check", "--known", str(own), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = json.loads(done.stdout)
    assert done.returncode == (0 if said["clear"] else 1), done.stderr
    assert said["bot"] == "not looked at"
    assert {one["doubles"] for one in said["doubles"]} <= {"health"}
    assert {one["host"] for one in said["doubles"]} <= {"this machine"}
    assert not (tmp_path / "state").exists()
    assert subprocess.run(["find", "/etc/cron.d"], capture_output=True, text=True, check=False).stdout == listed
